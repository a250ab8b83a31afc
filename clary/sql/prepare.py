"""Makes a DuckDB connection fit for translated queries: macros, and the functions that only Python can do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clary.sql.functions import MACROS, PYTHON

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A failure at run time is a cast of its message that can't succeed: unlike error() it is no volatile function, so TRY
# takes it, and it is evaluated only where its branch is.
_BASE = {
    "clary_fail(m)": "[NULL][CAST(concat('!', m) AS INTEGER)]",
    "clary_invalid(m)": "clary_fail('INVALID_FUNCTION_ARGUMENT: ' || m)",
    "clary_decimal_text(x)": r"regexp_replace(CAST(x AS VARCHAR), '^(-?)\.', '\10.')",
    "clary_scientific(digits, power)": r"""left(digits, 1) || '.'
        || coalesce(nullif(rtrim(substring(digits, 2), '0'), ''), '0') || 'E' || power""",
    "clary_large_text(s)": """CASE WHEN contains(s, 'e') THEN clary_scientific(
            replace(string_split(s, 'e')[1], '.', ''), CAST(string_split(s, 'e')[2] AS INTEGER))
        WHEN starts_with(s, '0.') THEN clary_scientific(
            ltrim(substring(s, 3), '0'), length(ltrim(substring(s, 3), '0')) - length(s) + 1)
        ELSE clary_scientific(replace(s, '.', ''), length(string_split(s, '.')[1]) - 1) END""",
    "clary_double_text(x)": """CASE WHEN isnan(x) THEN 'NaN'
        WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
        WHEN x = 0 OR abs(x) BETWEEN 0.001 AND 9999999.999999999 THEN CAST(x AS VARCHAR)
        ELSE CASE WHEN x < 0 THEN '-' ELSE '' END || clary_large_text(CAST(abs(x) AS VARCHAR)) END""",
}


def _with_own_names(name: str, text: str) -> str:
    """A macro's text whose lambdas name their arguments as nothing else does: no column, no other macro's."""
    for variable in re.findall(r"(?<=lambda )(\w+)|(?<=, )(\w+)(?=:)", text):
        found = "".join(variable)
        text = re.sub(rf"(?<![\w.']){found}(?![\w']| :=)", f"{name}_{found}", text)
    return text


_MACROS = {
    name.partition("(")[0]: (name, _with_own_names(name.partition("(")[0], text))
    for name, text in {**_BASE, **MACROS}.items()
}


def macros() -> dict[str, tuple[str, str]]:
    """All macros by name: the head with the arguments, and the text."""
    return _MACROS


def prepare(connection: DuckDBPyConnection, translated: str | None = None) -> None:
    """Install what translated queries call: all of it, or only what one query's text needs, which is quicker."""
    needed = [*_MACROS, *PYTHON] if translated is None else _called(translated)
    connection.execute("SET TimeZone = 'UTC'")
    found: dict[str, None] = {}
    for name in needed:
        _add(name, found)
    for name in found:
        if name in PYTHON:
            _add_function(connection, name)
    texts = [
        f"CREATE OR REPLACE TEMP MACRO {_MACROS[name][0]} AS {_MACROS[name][1]}" for name in found if name in _MACROS
    ]
    if texts:
        connection.execute(";".join(texts))


def _called(text: str) -> list[str]:
    return [name for name in dict.fromkeys(re.findall(r"\bclary_\w+(?=\()", text)) if name in _MACROS or name in PYTHON]


def _add(name: str, found: dict[str, None]) -> None:
    """A name after those that its text calls."""
    if name in found:
        return
    for other in _called(_MACROS[name][1]) if name in _MACROS else ():
        _add(other, found)
    found[name] = None


def _add_function(connection: DuckDBPyConnection, name: str) -> None:
    function, arguments, result = PYTHON[name]
    connection.create_function(
        name,
        _over_columns(function, len(arguments)),
        [connection.type(one) for one in arguments],
        connection.type(result),
        type="arrow",
        null_handling="special",
    )


def _over_columns(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A function of values as one of Arrow columns; NULL makes NULL."""
    import pyarrow as pa

    def run(*columns: Any) -> Any:
        lists = [column.to_pylist() for column in columns]
        return pa.array([None if None in row else function(*row) for row in zip(*lists, strict=True)])

    # DuckDB counts the parameters that a function names.
    named: list[Callable[..., Any]] = [
        lambda a: run(a),
        lambda a, b: run(a, b),
        lambda a, b, c: run(a, b, c),
        lambda a, b, c, d: run(a, b, c, d),
    ]
    return named[count - 1]
