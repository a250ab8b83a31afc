"""format(): a constant format in the language of Java's Formatter. Source: Trino's documentation, "format"."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from clary.sql.casts import string_of
from clary.sql.errors import SqlError, refusal
from clary.sql.typed import Typed, text
from clary.sql.types import UNKNOWN, VARCHAR, WHOLE

if TYPE_CHECKING:
    from clary.sql import tree
    from clary.sql.expressions import ExpressionTranslator

SCALARS: dict[str, list[Any]] = {}
MACROS: dict[str, str] = {}

_SPECIFIER = re.compile(r"%(?:(\d+)\$)?([-#+ 0,(]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])")
_TAKEN = {"d": WHOLE, "x": WHOLE, "X": WHOLE, "f": ("double", "real", "decimal"), "e": ("double", "real", "decimal")}


def _format(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    from clary.sql.calls import unexpected

    values = [translator.translate(one) for one in node.arguments]
    if len(values) < 2 or values[0].type.name != "varchar":
        raise unexpected(node, [str(one.type) for one in values], ["format(varchar, T...)"])
    if values[0].constant is None:
        raise refusal("format with a format that is no constant", node.place)
    pieces, at, number = [], 0, 0
    for match in _SPECIFIER.finditer(values[0].constant):
        pieces.append(text(_plain(values[0].constant[at : match.start()], node)))
        at = match.end()
        place, _, _, _, kind = match.groups()
        if kind in "n%":
            pieces.append("chr(10)" if kind == "n" else "'%'")
            continue
        number += 0 if place else 1
        index = int(place) if place else number
        if not 1 <= index < len(values):
            raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Format specifier '{match.group()}'", node.place)
        pieces.append(_piece(match, values[index], node))
    pieces.append(text(_plain(values[0].constant[at:], node)))
    return Typed(f"({' || '.join(one for one in pieces if one != text(''))})" if any(pieces) else "''", VARCHAR)


def _plain(part: str, node: tree.Call) -> str:
    if "%" in part:
        message = f"Invalid format string: {part}"
        raise SqlError("INVALID_FUNCTION_ARGUMENT", message, node.place)
    return part


def _piece(match: re.Match[str], value: Typed, node: tree.Call) -> str:
    kind, name = match.group(5), value.type.name
    shown = "CAST(NULL AS VARCHAR)" if value.type == UNKNOWN else string_of(value, node.place)
    if shown is None or kind not in "sSdxXfeb" or "#" in match.group(2) or "(" in match.group(2):
        raise refusal(f"format with {match.group()} for {value.type}", node.place)
    if kind in _TAKEN and name not in (*_TAKEN[kind], "unknown"):
        message = f"Invalid format string: {match.group()} ({name})"
        raise SqlError("INVALID_FUNCTION_ARGUMENT", message, node.place)
    if kind in "xX" and name in WHOLE:
        bits = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}[name]
        wrapped = f"CASE WHEN {value.sql} < 0 THEN CAST({value.sql} AS HUGEINT) + {2**bits} ELSE {value.sql} END"
        shown = f"CAST({wrapped} AS VARCHAR)"
    nothing = "'false'" if kind == "b" else "'null'"
    written = f"clary_format({text(match.group())}, {shown})"
    return f"CASE WHEN {value.sql} IS NULL THEN clary_format({text(_as_text(match))}, {nothing}) ELSE {written} END"


def _as_text(match: re.Match[str]) -> str:
    """What NULL is written with: the width alone counts."""
    minus = "-" if "-" in match.group(2) else ""
    return f"%{minus}{match.group(3) or ''}s"


SPECIAL = {"format": _format}


def write(specifier: str, value: str) -> str:
    """One value by one specifier."""
    match = _SPECIFIER.fullmatch(specifier)
    assert match
    _, flags, width, precision, kind = match.groups()
    if kind in "sSb":
        shown = value if kind != "b" or value in ("true", "false") else "true"
        shown = shown[: int(precision)] if precision else shown
        shown = shown.upper() if kind == "S" else shown
    else:
        shown = _number(value, flags, int(width or 0), int(precision) if precision else 6, kind)
    return shown.ljust(int(width or 0)) if "-" in flags else shown.rjust(int(width or 0))


def _number(value: str, flags: str, width: int, precision: int, kind: str) -> str:
    try:
        number = Decimal(value.replace("Infinity", "inf"))
    except InvalidOperation:
        return value
    if not number.is_finite():
        return value
    sign = "-" if number.is_signed() else "+" if "+" in flags else " " if " " in flags else ""
    number = abs(number)
    if kind in "xX":
        digits = f"{int(number):x}"
        digits = digits.upper() if kind == "X" else digits
    elif kind == "d":
        digits = f"{int(number):,}" if "," in flags else str(int(number))
    elif kind == "f":
        rounded = number.quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP)
        digits = f"{rounded:,f}" if "," in flags else f"{rounded:f}"
    else:
        digits = _scientific(number, precision)
    return sign + (digits.rjust(width - len(sign), "0") if "0" in flags else digits)


def _scientific(number: Decimal, precision: int) -> str:
    power = number.adjusted() if number else 0
    rounded = number.scaleb(-power).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP)
    if rounded >= 10:
        rounded, power = rounded.scaleb(-1).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP), power + 1
    return f"{rounded:f}e{'-' if power < 0 else '+'}{abs(power):02d}"


PYTHON = {"clary_format": (write, ["VARCHAR", "VARCHAR"], "VARCHAR")}
