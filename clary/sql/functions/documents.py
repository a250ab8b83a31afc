"""JSON. Source: Trino's documentation, "JSON functions and operators". A json value is its text, written one way."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from clary.sql.errors import SqlError, refusal
from clary.sql.signatures import read_table
from clary.sql.typed import Typed, text
from clary.sql.types import JSON, VARCHAR, WHOLE, Type, parse_type

if TYPE_CHECKING:
    from clary.sql import tree
    from clary.sql.expressions import ExpressionTranslator

SCALARS = read_table("""
    json_parse(varchar) json = clary_json_parse({0})
    json_format(json) varchar = {0}
    json_array_length(json) bigint = clary_json_length({0})
    json_array_length(varchar) bigint = clary_json_length({0})
    json_array_get(json, bigint) json = clary_json_get({0}, {1})
    json_array_get(varchar, bigint) json = clary_json_get({0}, {1})
    json_array_contains(json, boolean) boolean = clary_json_contains({0}, CAST({1} AS VARCHAR), 'boolean')
    json_array_contains(json, bigint) boolean = clary_json_contains({0}, CAST({1} AS VARCHAR), 'bigint')
    json_array_contains(json, double) boolean = clary_json_contains({0}, CAST({1} AS VARCHAR), 'double')
    json_array_contains(json, varchar) boolean = clary_json_contains({0}, {1}, 'varchar')
    json_array_contains(varchar, boolean) boolean = clary_json_contains({0}, CAST({1} AS VARCHAR), 'boolean')
    json_array_contains(varchar, bigint) boolean = clary_json_contains({0}, CAST({1} AS VARCHAR), 'bigint')
    json_array_contains(varchar, double) boolean = clary_json_contains({0}, CAST({1} AS VARCHAR), 'double')
    json_array_contains(varchar, varchar) boolean = clary_json_contains({0}, {1}, 'varchar')
    is_json_scalar(json) boolean = clary_json_scalar({0})
    is_json_scalar(varchar) boolean = clary_json_scalar({0})
""")

MACROS = {
    # DuckDB's own reading where it is surely Trino's: numbers with a fraction stay as written, NaN is no JSON.
    "clary_json_scalar_or(s, path, slow, missing)": r"""CASE
        WHEN NOT json_valid(s) OR regexp_matches(s, '(?i)(^|[:,\[\s])-?(nan|inf)') THEN slow
        WHEN json_type(s, path) IN ('VARCHAR', 'UBIGINT', 'BOOLEAN') THEN json_extract_string(s, path)
        WHEN json_type(s, path) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL
        WHEN json_type(s, path) IS NULL THEN missing ELSE slow END""",
    "clary_json_string(s)": "CAST(to_json(s) AS VARCHAR)",
    "clary_json_double(x)": """CASE WHEN isfinite(x) THEN clary_double_text(x) ELSE
        '"' || clary_double_text(x) || '"' END""",
    "clary_json_object(keys, vals)": """'{' || array_to_string(list_transform(
        list_sort(list_transform(range(1, len(keys) + 1), lambda i: struct_pack(k := keys[i], v := vals[i]))),
        lambda e: e.k || e.v), ',') || '}'""",
}


def _path(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """json_extract, json_extract_scalar and json_size: a document and a path."""
    from clary.sql.calls import unexpected

    values = [translator.translate(one) for one in node.arguments]
    kinds = [one.type.name for one in values]
    if len(values) != 2 or kinds[0] not in ("json", "varchar", "unknown") or kinds[1] != "varchar":
        raise unexpected(node, [str(one.type) for one in values], [f"{node.name}(json, JsonPath)"])
    if values[1].constant is None:
        raise refusal(f"{node.name} with a path that is no constant", node.place)
    try:
        steps(values[1].constant)
    except SqlError as problem:
        raise SqlError(problem.code, f"Invalid JSON path: '{values[1].constant}'", node.arguments[1].place) from None
    quick = quick_path(values[1].constant) if node.name == "json_extract_scalar" else ""
    if quick:
        slow = f"clary_json_extract_scalar({values[0].sql}, {text(values[1].constant)})"
        # An index names the key of an object, too.
        missing = slow if "[" in quick else "NULL"
        sql = f"clary_json_scalar_or({values[0].sql}, {text(quick)}, {slow}, {missing})"
        return Typed(sql, VARCHAR)
    name = {"json_extract": "clary_json_extract", "json_extract_scalar": "clary_json_extract_scalar"}
    sql = f"{name.get(node.name, 'clary_json_size')}({values[0].sql}, {text(values[1].constant)})"
    return Typed(sql, {"json_extract": JSON, "json_extract_scalar": VARCHAR}.get(node.name, Type("bigint")))


SPECIAL = {"json_extract": _path, "json_extract_scalar": _path, "json_size": _path}


# --- reading and writing ---------------------------------------------------------------------------------------------


class Number(str):
    """A number as it stands in the text."""

    __slots__ = ()


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_refuse_constant)


def _firsts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of keys that stand twice the first counts, as for who reads no further."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


_whole = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=_refuse_constant, object_pairs_hook=_firsts
)


def read(value: str) -> Any:
    """The document of a text; ValueError where it is none."""
    return _decoder.decode(value)


def java_double(number: float) -> str:
    """A double as Java prints it: 1.0, 1.0E10."""
    if number != number or number in (float("inf"), float("-inf")):
        return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number) if "e" not in repr(number) else f"{number:.10f}".rstrip("0")
    digits, exponent = f"{number!r}", 0
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    mantissa, _, power = digits.partition("e")
    whole, _, fraction = mantissa.partition(".")
    exponent = int(power or 0)
    if whole.strip("0"):
        shift = len(whole) - 1
        digits = whole + fraction
    else:
        shift = -(len(fraction) - len(fraction.lstrip("0"))) - 1
        digits = fraction.lstrip("0")
    digits = digits.rstrip("0")
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent + shift}"


def write(value: Any, *, ordered: bool = False) -> str:
    """A document's text without blanks; `ordered` sorts the keys."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        whole = value.lstrip("-").isdigit()
        return ("0" if value == "-0" else str(value)) if whole else java_double(float(value))
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{','.join(write(one, ordered=ordered) for one in value)}]"
    items = sorted(value.items()) if ordered else value.items()
    return (
        f"{{{','.join(f'{json.dumps(key, ensure_ascii=False)}:{write(one, ordered=ordered)}' for key, one in items)}}}"
    )


def parse(value: str) -> str:
    """json_parse."""
    try:
        return write(read(value), ordered=True)
    except (ValueError, RecursionError):
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Cannot convert value to JSON: '{value}'") from None


_STEP = re.compile(r"""\.([\w:]+)|\[(\w+)\]|\["((?:[^"\\]|\\[\\"])*)"\]""")


@lru_cache(maxsize=256)
def steps(path: str) -> tuple[str, ...]:
    """The keys of a JSON path; one of digits is an array's index, too."""
    if not path.startswith("$"):
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Invalid JSON path: '{path}'")
    found: list[str] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if not match:
            raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Invalid JSON path: '{path}'")
        name, bare, quoted = match.groups()
        found.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else name or bare)
        at = match.end()
    return tuple(found)


_MISSING = object()


_BLANKS = re.compile(r"[ \t\n\r]*")


def _at(value: str, path: str) -> Any:
    """What stands at a path. As in Trino the text is read up to there: what follows may be broken off."""
    try:
        found = _whole.decode(value)
    except (ValueError, RecursionError):
        return _at_beginning(value, path)
    for step in steps(path):
        if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, dict) and step in found:
            found = found[step]
        else:
            return _MISSING
    return found


def _at_beginning(value: str, path: str) -> Any:
    try:
        at = _skip(value, 0)
        for step in steps(path):
            at = _member(value, at, step)
            if at < 0:
                return _MISSING
        return _decoder.raw_decode(value, at)[0]
    except (ValueError, IndexError, RecursionError):
        return _MISSING


def _member(value: str, at: int, step: str) -> int:
    """Where the value of a key, or the element of an index, begins; -1 where the object or array has none such."""
    opening, number = value[at], 0
    if opening not in "{[" or (opening == "[" and not step.isdecimal()):
        return -1
    at = _skip(value, at + 1)
    while value[at] not in "}]":
        if opening == "{":
            if value[at] != '"':
                raise ValueError(value)
            key, at = scanstring(value, at + 1)
            at = _skip(value, at)
            if value[at] != ":":
                raise ValueError(value)
            at = _skip(value, at + 1)
        if (key == step) if opening == "{" else (number == int(step)):
            return at
        at = _skip(value, _decoder.raw_decode(value, at)[1])
        if value[at] == ",":
            at, number = _skip(value, at + 1), number + 1
        elif value[at] not in "}]":
            raise ValueError(value)
    return -1


def _skip(value: str, at: int) -> int:
    return _BLANKS.match(value, at).end()  # type: ignore[union-attr]


def quick_path(path: str) -> str:
    """A JSON path as DuckDB writes it; empty where it might read it otherwise."""
    found = "$"
    for step in steps(path):
        if '"' in step or "\\" in step or "*" in step:
            return ""
        found += f"[{step}]" if step.isdecimal() else f'."{step}"'
    return found


def extract(value: str, path: str) -> str | None:
    """json_extract."""
    found = _at(value, path)
    return None if found is _MISSING else write(found)


def extract_scalar(value: str, path: str) -> str | None:
    """json_extract_scalar: numbers as they stand."""
    found = _at(value, path)
    if found is _MISSING or found is None or isinstance(found, dict | list):
        return None
    return str(found).lower() if isinstance(found, bool) else str(found)


def size(value: str, path: str) -> int | None:
    """json_size: of objects and arrays, 0 of scalars."""
    found = _at(value, path)
    if found is _MISSING:
        return None
    return len(found) if isinstance(found, dict | list) else 0


def _array(value: str) -> list[Any] | None:
    try:
        found = read(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def length(value: str) -> int | None:
    """json_array_length; None of what is no array."""
    found = _array(value)
    return None if found is None else len(found)


def get(value: str, index: int) -> str | None:
    """json_array_get; a negative index counts from the end."""
    found = _array(value)
    if found is None or not -len(found) <= index < len(found) or found[index] is None:
        return None
    return (
        str(found[index])
        if isinstance(found[index], str) and not isinstance(found[index], Number)
        else write(found[index])
    )


def contains(value: str, sought: str, kind: str) -> bool | None:
    """json_array_contains."""
    found = _array(value)
    if found is None:
        return None
    if kind == "boolean":
        return any(one is (sought == "true") for one in found)
    if kind == "varchar":
        return any(isinstance(one, str) and not isinstance(one, Number) and one == sought for one in found)
    numbers = [one for one in found if isinstance(one, Number)]
    if kind == "bigint":
        return any(one == sought for one in numbers if one.lstrip("-").isdigit())
    return any(float(one) == float(sought) for one in numbers if not one.lstrip("-").isdigit())


def scalar(value: str) -> bool:
    """is_json_scalar."""
    try:
        return not isinstance(read(value), dict | list)
    except (ValueError, RecursionError):
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Invalid JSON value: {value}") from None


# --- casts -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _shape(written: str) -> Type:
    return parse_type(written)


def cast_json(value: str, written: str) -> str | None:
    """CAST(json AS type): text that DuckDB's casts take."""
    wanted = _shape(written)
    document = read(value)
    if document is None:
        return None
    try:
        found = _turned(document, wanted)
    except (ValueError, OverflowError):
        raise SqlError("INVALID_CAST_ARGUMENT", f"Cannot cast to {wanted}. {value}") from None
    if wanted.children:
        return write(found)
    return str(found).lower() if isinstance(found, bool) else str(found)


def _turned(document: Any, wanted: Type) -> Any:
    if document is None:
        return None
    if wanted.name == "json":
        return write(document)
    if wanted.name == "array":
        if not isinstance(document, list):
            raise ValueError(document)
        return [_turned(one, wanted.children[0]) for one in document]
    if wanted.name == "map":
        if not isinstance(document, dict):
            raise ValueError(document)
        return {
            str(_scalar(key, wanted.children[0])): _turned(one, wanted.children[1]) for key, one in document.items()
        }
    if wanted.name == "row":
        return _turned_row(document, wanted)
    return _scalar(document, wanted)


def _turned_row(document: Any, wanted: Type) -> dict[str, Any]:
    from clary.sql.types import field_names

    names = field_names(wanted)
    if isinstance(document, list):
        if len(document) != len(names):
            raise ValueError(document)
        return {name: _turned(one, kind) for name, one, kind in zip(names, document, wanted.children, strict=True)}
    if not isinstance(document, dict):
        raise ValueError(document)
    lowered = {key.lower(): one for key, one in document.items()}
    return {name: _turned(lowered.get(name), kind) for name, kind in zip(names, wanted.children, strict=True)}


def _scalar(document: Any, wanted: Type) -> Any:
    if isinstance(document, dict | list):
        raise ValueError(document)
    kind = wanted.name
    if kind == "varchar":
        return _as_text(document)
    if kind == "boolean":
        return _as_boolean(document)
    if kind in WHOLE:
        return _as_whole(document, kind)
    if kind in ("double", "real"):
        return Number(repr(float(document)))
    if kind == "decimal":
        return Number(str(int(document)) if isinstance(document, bool) else document)
    if isinstance(document, str) and not isinstance(document, Number):
        return document
    raise ValueError(document)


def _as_text(document: Any) -> str:
    if isinstance(document, bool):
        return "true" if document else "false"
    if isinstance(document, Number) and not document.lstrip("-").isdigit():
        return java_double(float(document))
    return str(document)


def _as_boolean(document: Any) -> bool:
    if isinstance(document, Number):
        return float(document) != 0
    if isinstance(document, bool):
        return document
    if document.lower() in ("true", "t", "1"):
        return True
    if document.lower() in ("false", "f", "0"):
        return False
    raise ValueError(document)


def _as_whole(document: Any, kind: str) -> Number:
    if isinstance(document, bool):
        return Number(int(document))
    number = int(document) if document.lstrip("+-").isdigit() else _rounded(document)
    bits = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}[kind]
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(document)
    return Number(number)


def _rounded(document: str) -> int:
    if not isinstance(document, Number):
        raise ValueError(document)
    number = float(document)
    return int(number + 0.5) if number >= 0 else -int(-number + 0.5)


PYTHON = {
    "clary_json_parse": (parse, ["VARCHAR"], "VARCHAR"),
    "clary_json_extract": (extract, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "clary_json_extract_scalar": (extract_scalar, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "clary_json_size": (size, ["VARCHAR", "VARCHAR"], "BIGINT"),
    "clary_json_length": (length, ["VARCHAR"], "BIGINT"),
    "clary_json_get": (get, ["VARCHAR", "BIGINT"], "VARCHAR"),
    "clary_json_contains": (contains, ["VARCHAR", "VARCHAR", "VARCHAR"], "BOOLEAN"),
    "clary_json_scalar": (scalar, ["VARCHAR"], "BOOLEAN"),
    "clary_json_cast": (cast_json, ["VARCHAR", "VARCHAR"], "VARCHAR"),
}
