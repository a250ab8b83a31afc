"""Regular expressions: Trino's are Java's; what RE2 reads otherwise or not at all is refused by name.

Source: Trino's documentation, "Regular expression functions". Patterns must be constants, for they are checked here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from clary.sql import tree
from clary.sql.errors import SqlError, refusal
from clary.sql.typed import Typed, cast_to, coerce, text
from clary.sql.types import BIGINT, BOOLEAN, INTEGER, VARCHAR, array_of

if TYPE_CHECKING:
    from clary.sql.expressions import ExpressionTranslator

_REFUSED = [
    (r"\(\?<?[=!]", "look-around"),
    (r"\(\?>", "atomic groups"),
    (r"(?<!\\)[*+?}]\+", "possessive quantifiers"),
    (r"\\[1-9]|\\k<", "back references"),
    (r"\\[GZXRhHvVNec]|\\b\{", "the escapes \\G \\Z \\X \\R \\h \\v \\N \\e \\c"),
    (r"&&", "intersections of classes"),
    (r"\[[^\]]*(?<!\\)\[(?!:)", "a class within a class"),
    (
        r"\\[pP]\{(?!(?:L|Lu|Ll|Lt|Lm|Lo|M|N|Nd|Nl|No|P|S|Z|Zs|C|Cc|Greek|Cyrillic|Latin|Han|Arabic|Hebrew)\})",
        "this \\p{...}",
    ),
    (r"\(\?[a-zA-Z]*[xudUg]", "the flags x, u, d and U"),
]


@lru_cache(maxsize=256)
def _readable(pattern: str) -> tuple[str, str]:
    """A Java pattern as RE2 and as Python read it; ValueError names what they can't."""
    bare = re.sub(r"\\\\", "", re.sub(r"\\Q.*?(?:\\E|$)", "", pattern))
    for sign, name in _REFUSED:
        if re.search(sign, bare):
            raise ValueError(name)
    shared = re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", pattern)
    shared = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: "\\x{" + match.group(1) + "}", shared)
    python = re.sub(r"\\x\{([0-9A-Fa-f]+)\}", lambda match: re.escape(chr(int(match.group(1), 16))), shared)
    python = re.sub(r"\\Q(.*?)(?:\\E|$)", lambda match: re.escape(match.group(1)), python)
    python = python.replace(r"\z", r"\Z").replace(r"\p{L}", r"[^\W\d_]")
    return shared, python


def _pattern(node: tree.Expression, value: Typed) -> tuple[str, str, re.Pattern[str] | None]:
    """The constant pattern for RE2, for Python, and read by Python where it can."""
    if value.constant is None:
        raise refusal("A regular expression that is no constant", node.place)
    try:
        shared, python = _readable(value.constant)
    except ValueError as problem:
        raise refusal(f"A regular expression with {problem}", node.place) from None
    try:
        return shared, python, re.compile(python, re.ASCII)
    except re.error as problem:
        if "\\p" in python or "\\P" in python or "[:" in python:
            return shared, python, None
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Invalid regular expression: {problem}", node.place) from None


def _arguments(translator: ExpressionTranslator, node: tree.Call, least: int, most: int) -> list[Typed]:
    from clary.sql.calls import unexpected

    values = [translator.translate(one) for one in node.arguments if not isinstance(one, tree.Lambda)]
    good = least <= len(values) <= most and all(one.type.name in ("varchar", "char", "unknown") for one in values[:2])
    if not good:
        raise unexpected(node, [str(one.type) for one in values], [f"{node.name}(varchar(x), JoniRegExp)"])
    return [Typed(coerce(values[0], VARCHAR), VARCHAR), *values[1:]]


def _needs_python(compiled: re.Pattern[str] | None, pattern: str, node: tree.Call, group: int = 0) -> bool:
    """Whether RE2's functions in DuckDB tell less than Java: a group that took no part, a match of nothing."""
    if compiled is None:
        if group:
            raise refusal("A group of a regular expression with classes by name", node.place)
        return False
    optional = group > 0 and ("|" in pattern or re.search(r"\)(?:[?*]|\{0)", pattern))
    return bool(optional) or compiled.search("") is not None or "\\b" in pattern or "\\B" in pattern


def _like(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    value, pattern = _arguments(translator, node, 2, 2)
    shared, _, _ = _pattern(node.arguments[1], pattern)
    # Java's $ also stands before a newline that ends the string.
    ended = re.sub(r"(\\.|\[(?:\\.|[^\]])*\])|\$", lambda match: match.group(1) or r"(?:\n?\z)", shared)
    found = f"regexp_matches({value.sql}, {text(shared)})"
    if ended == shared or "(?m" in shared:
        return Typed(found, BOOLEAN)
    at_newline = f"suffix({value.sql}, chr(10)) AND regexp_matches({value.sql}, {text(ended)})"
    return Typed(f"({found} OR ({at_newline}))", BOOLEAN)


def _group(node: tree.Call, compiled: re.Pattern[str] | None, at: int) -> int:
    if len(node.arguments) <= at:
        return 0
    number = node.arguments[at]
    if not isinstance(number, tree.Literal) or number.kind != "integer":
        raise refusal("A group of a regular expression that is no constant", node.place)
    group = int(number.value)
    if compiled is not None and group > compiled.groups:
        message = f"Pattern has {compiled.groups} groups. Cannot access group {group}"
        raise SqlError("INVALID_FUNCTION_ARGUMENT", message, node.place)
    return group


def _extract(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    value, pattern, *_ = _arguments(translator, node, 2, 3)
    shared, python, compiled = _pattern(node.arguments[1], pattern)
    group = _group(node, compiled, 2)
    if _needs_python(compiled, shared, node, group):
        return Typed(f"clary_regexp_extract({value.sql}, {text(python)}, {group})", VARCHAR)
    found = f"regexp_extract({value.sql}, {text(shared)}, {group})"
    return Typed(f"CASE WHEN regexp_matches({value.sql}, {text(shared)}) THEN {found} END", VARCHAR)


def _extract_all(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    value, pattern, *_ = _arguments(translator, node, 2, 3)
    shared, python, compiled = _pattern(node.arguments[1], pattern)
    group = _group(node, compiled, 2)
    if _needs_python(compiled, shared, node, group):
        return Typed(f"clary_regexp_extract_all({value.sql}, {text(python)}, {group})", array_of(VARCHAR))
    return Typed(f"regexp_extract_all({value.sql}, {text(shared)}, {group})", array_of(VARCHAR))


def _count(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    found = _extract_all(translator, tree.Call(node.place, node.name, node.arguments[:2]))
    return Typed(f"len({found.sql})", BIGINT)


def _replacement(constant: str, groups: dict[str, int], count: int, node: tree.Call) -> str:
    """Java's $1 and ${name} as \\1; a backslash makes the next sign plain."""
    found, at = "", 0
    while at < len(constant):
        sign = constant[at]
        at += 1
        if sign == "\\":
            if at == len(constant):
                message = "Illegal replacement sequence: " + constant
                raise SqlError("INVALID_FUNCTION_ARGUMENT", message, node.place)
            found += constant[at] if constant[at] != "\\" else r"\\"
            at += 1
        elif sign == "$":
            match = re.compile(r"\{([A-Za-z][A-Za-z0-9]*)\}|(\d)").match(constant, at)
            if not match:
                message = "Illegal replacement sequence: " + constant
                raise SqlError("INVALID_FUNCTION_ARGUMENT", message, node.place)
            number = groups.get(match.group(1), -1) if match.group(1) else int(match.group(2))
            at = match.end()
            while (
                number <= count
                and at < len(constant)
                and constant[at].isdigit()
                and number * 10 + int(constant[at]) <= count
            ):
                number, at = number * 10 + int(constant[at]), at + 1
            if not 0 <= number <= count:
                message = f"Illegal replacement sequence: unknown group {number if number >= 0 else match.group(1)}"
                raise SqlError("INVALID_FUNCTION_ARGUMENT", message, node.place)
            if number > 9:
                raise refusal("More than nine groups in a replacement", node.place)
            found += f"\\{number}"
        else:
            found += sign
    return found


def _replace(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    by_lambda = len(node.arguments) == 3 and isinstance(node.arguments[2], tree.Lambda)
    value, pattern, *rest = _arguments(translator, node, 2, 3)
    shared, python, compiled = _pattern(node.arguments[1], pattern)
    if by_lambda:
        return _replace_by_lambda(translator, node, value, python)
    if rest and rest[0].constant is None:
        raise refusal("A replacement of a regular expression that is no constant", node.place)
    constant = (rest[0].constant or "") if rest else ""
    groups = dict(compiled.groupindex) if compiled else {}
    replacement = _replacement(constant, groups, compiled.groups if compiled else 9, node)
    if _needs_python(compiled, shared, node, 1 if "\\" in replacement else 0):
        written = re.sub(r"\\(\d)", r"\\g<\1>", replacement)
        return Typed(f"clary_regexp_replace({value.sql}, {text(python)}, {text(written)})", VARCHAR)
    return Typed(f"regexp_replace({value.sql}, {text(shared)}, {text(replacement)}, 'g')", VARCHAR)


def _replace_by_lambda(translator: ExpressionTranslator, node: tree.Call, value: Typed, python: str) -> Typed:
    name = translator.lambda_name()
    body = translator.lambda_of(node.arguments[2], [Typed(name, array_of(VARCHAR))])
    if body.type.name not in ("varchar", "char", "unknown"):
        message = f"Unexpected lambda result {body.type} for function regexp_replace. Expected: varchar"
        raise SqlError("TYPE_MISMATCH", message, node.place)
    matches = f"clary_regexp_groups({value.sql}, {text(python)})"
    new = f"list_transform({matches}, lambda {name}: coalesce({coerce(body, VARCHAR)}, ''))"
    return Typed(f"clary_interleave(clary_regexp_split({value.sql}, {text(python)}), {new})", VARCHAR)


def _split(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    value, pattern = _arguments(translator, node, 2, 2)
    _, python, compiled = _pattern(node.arguments[1], pattern)
    if compiled is None:
        raise refusal("regexp_split with classes by name", node.place)
    return Typed(f"clary_regexp_split({value.sql}, {text(python)})", array_of(VARCHAR))


def _position(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    value, pattern, *rest = _arguments(translator, node, 2, 4)
    _, python, compiled = _pattern(node.arguments[1], pattern)
    if compiled is None:
        raise refusal("regexp_position with classes by name", node.place)
    start = coerce(rest[0], BIGINT) if rest else "1"
    nth = coerce(rest[1], BIGINT) if len(rest) > 1 else "1"
    return Typed(cast_to(f"clary_regexp_position({value.sql}, {text(python)}, {start}, {nth})", INTEGER), INTEGER)


SPECIAL = {
    "regexp_like": _like,
    "regexp_extract": _extract,
    "regexp_extract_all": _extract_all,
    "regexp_count": _count,
    "regexp_replace": _replace,
    "regexp_split": _split,
    "regexp_position": _position,
}
SCALARS: dict[str, list[object]] = {}

MACROS = {
    "clary_interleave(pieces, fills)": """array_to_string(list_transform(range(1, len(pieces) + 1),
        lambda i: pieces[i] || CASE WHEN i <= len(fills) THEN fills[i] ELSE '' END), '')""",
}


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def extract(value: str, pattern: str, group: int) -> str | None:
    """A group of the first match."""
    found = _compiled(pattern).search(value)
    result: str | None = found.group(group) if found else None
    return result


def extract_all(value: str, pattern: str, group: int) -> list[str | None]:
    """A group of each match."""
    return [found.group(group) for found in _compiled(pattern).finditer(value)]


def groups(value: str, pattern: str) -> list[list[str | None]]:
    """The groups of each match."""
    return [list(found.groups()) for found in _compiled(pattern).finditer(value)]


def split(value: str, pattern: str) -> list[str]:
    """What stands between the matches."""
    pieces, at = [], 0
    for found in _compiled(pattern).finditer(value):
        pieces.append(value[at : found.start()])
        at = found.end()
    return [*pieces, value[at:]]


def position(value: str, pattern: str, start: int, nth: int) -> int:
    """Where the nth match from a place on begins; -1 where there is none."""
    if start < 1:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", "start position cannot be smaller than 1")
    if nth < 1:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", "occurrence cannot be smaller than 1")
    for number, found in enumerate(_compiled(pattern).finditer(value, start - 1), 1):
        if number == nth:
            return found.start() + 1
    return -1


PYTHON = {
    "clary_regexp_extract": (extract, ["VARCHAR", "VARCHAR", "INTEGER"], "VARCHAR"),
    "clary_regexp_extract_all": (extract_all, ["VARCHAR", "VARCHAR", "INTEGER"], "VARCHAR[]"),
    "clary_regexp_groups": (groups, ["VARCHAR", "VARCHAR"], "VARCHAR[][]"),
    "clary_regexp_split": (split, ["VARCHAR", "VARCHAR"], "VARCHAR[]"),
    "clary_regexp_replace": (
        lambda value, pattern, new: _compiled(pattern).sub(new, value),
        ["VARCHAR"] * 3,
        "VARCHAR",
    ),
    "clary_regexp_position": (position, ["VARCHAR", "VARCHAR", "BIGINT", "BIGINT"], "BIGINT"),
}
