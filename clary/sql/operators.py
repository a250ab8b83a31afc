"""Trino's operators in DuckDB's: arithmetic by its types, comparisons that know NaN, dates and intervals."""

from __future__ import annotations

import re
from dataclasses import replace

from clary.sql.errors import Place, SqlError, refusal
from clary.sql.typed import Typed, cast_to, coerce, from_local, to_local
from clary.sql.typed import text as quoted
from clary.sql.types import (
    BOOLEAN,
    DATE,
    DAY_TO_SECOND,
    NUMBERS,
    VARCHAR,
    WHOLE,
    WHOLE_DIGITS,
    YEAR_TO_MONTH,
    Type,
    common_type,
    decimal_of,
    field_names,
)

_INTERVALS = (DAY_TO_SECOND.name, YEAR_TO_MONTH.name)
_NUMBER = re.compile(r"(?:CAST\()*'?([-+]?[\d.]+(?:[eE][-+]?\d+)?)'?(?: AS [A-Z]+(?:\(\d+,\d+\))?\))*")
_MOMENTS = ("date", "timestamp", "timestamp with time zone", "time")


def mismatch(operator: str, left: Type, right: Type, place: Place) -> SqlError:
    """The failure of an operator that isn't there for these types."""
    return SqlError("TYPE_MISMATCH", f"Cannot apply operator: {left} {operator} {right}", place)


def arithmetic(operator: str, left: Typed, right: Typed, place: Place) -> Typed:
    """+ - * / %."""
    left, right = _known(left, right), _known(right, left)
    one, other = left.type.name, right.type.name
    if one in NUMBERS and other in NUMBERS:
        return _of_numbers(operator, left, right, place)
    if operator == "+" and one in _INTERVALS and other in _MOMENTS:
        return _moved("+", right, left, place)
    if operator in "+-" and one in _MOMENTS and other in _INTERVALS:
        return _moved(operator, left, right, place)
    if operator in "+-" and one == other and one in _INTERVALS:
        return Typed(f"({left.sql} {operator} {right.sql})", left.type)
    if operator in "*/" and one in _INTERVALS and other in NUMBERS:
        return _scaled(operator, left, right, place)
    if operator == "*" and other in _INTERVALS and one in NUMBERS:
        return _scaled(operator, right, left, place)
    both = common_type(left.type, right.type)
    if operator == "-" and both and both.name in _MOMENTS:
        first, second = (coerce(one, both) for one in (left, right))
        whole = "TIME" if both.name == "time" else "TIMESTAMP"
        micros = f"epoch_us(CAST({first} AS {whole})) - epoch_us(CAST({second} AS {whole}))"
        return Typed(f"to_microseconds({micros})", DAY_TO_SECOND)
    raise mismatch(operator, left.type, right.type, place)


def _known(value: Typed, other: Typed) -> Typed:
    """A NULL of no type takes the other's."""
    if value.type.name == "unknown" and other.type.name in NUMBERS:
        return Typed(cast_to("NULL", other.type), other.type)
    return value


def _of_numbers(operator: str, left: Typed, right: Typed, place: Place) -> Typed:
    both = common_type(left.type, right.type)
    assert both is not None
    if both.name == "decimal":
        return _of_decimals(operator, _as_decimal(left), _as_decimal(right), place)
    first, second = coerce(left, both), coerce(right, both)
    if both.name in WHOLE:
        if operator == "/":
            return Typed(_guarded("clary_divide", "//", first, second), both)
        if operator == "%":
            return Typed(_guarded("clary_modulus", "%", first, second), both)
    return Typed(f"({first} {operator} {second})", both)


def _guarded(macro: str, operator: str, dividend: str, divisor: str) -> str:
    """A division that fails by zero; by a constant that is none it needs no macro, of which DuckDB binds few in one."""
    constant = _NUMBER.fullmatch(divisor)
    if constant and float(constant[1]):
        return f"({dividend} {operator} {divisor})"
    return f"{macro}({dividend}, {divisor})"


def _as_decimal(value: Typed) -> Typed:
    if value.type.name == "decimal":
        return value
    wanted = decimal_of(WHOLE_DIGITS[value.type.name], 0)
    return Typed(cast_to(value.sql, wanted), wanted)


def _of_decimals(operator: str, left: Typed, right: Typed, place: Place) -> Typed:
    """Precision and scale by Trino's documentation, "Decimal functions and operators"."""
    (p1, s1), (p2, s2) = left.type.sizes, right.type.sizes
    scale = max(s1, s2)
    if operator in "+-":
        wanted = decimal_of(min(38, max(p1 - s1, p2 - s2) + scale + 1), scale)
        return Typed(cast_to(f"({cast_to(left.sql, wanted)} {operator} {cast_to(right.sql, wanted)})", wanted), wanted)
    if operator == "*":
        if s1 + s2 > 38:
            raise SqlError(
                "INVALID_FUNCTION_ARGUMENT", f"DECIMAL scale must be in range [0, precision (38)]: {s1 + s2}", place
            )
        wanted = decimal_of(min(38, p1 + p2), s1 + s2)
        return Typed(cast_to(f"({_widened(left, p2)} * {right.sql})", wanted), wanted)
    if operator == "%":
        wanted = decimal_of(max(1, min(p2 - s2, p1 - s1) + scale), scale)
        work = decimal_of(min(38, max(p1 - s1, p2 - s2) + scale), scale)
        first, second = cast_to(left.sql, work), cast_to(right.sql, work)
        return Typed(cast_to(_guarded("clary_modulus", "%", first, second), wanted), wanted)
    wanted = decimal_of(min(38, p1 + s2 + max(0, s2 - s1)), scale)
    return Typed(divide_decimals(left, right, wanted), wanted)


def divide_decimals(left: Typed, right: Typed, wanted: Type) -> str:
    """Rounded half up, on whole numbers of 128 bits; more than they hold is an error."""
    shift = wanted.sizes[1] - left.type.sizes[1] + right.type.sizes[1]
    # 64 bits are many times quicker, where the digits are known to fit.
    fits = left.type.sizes[0] + shift < 18 and max(sum(left.type.sizes), sum(right.type.sizes)) < 18
    kind = "BIGINT" if fits else "HUGEINT"
    dividend = f"{unscaled(left, kind)} * CAST('1{'0' * shift}' AS {kind})"
    return scaled(f"clary_divide_rounded({dividend}, {unscaled(right, kind)})", wanted)


def unscaled(value: Typed, kind: str) -> str:
    """A decimal's digits as a whole number."""
    scale = value.type.sizes[1]
    if scale == 0:
        return f"CAST({value.sql} AS {kind})"
    return f"CAST({_widened(value, scale + 1)} * CAST('1{'0' * scale}' AS DECIMAL({scale + 1},0)) AS {kind})"


def _widened(value: Typed, digits: int) -> str:
    """A factor with room for a product with so many more digits: DuckDB's products of 64 bits stay so."""
    precision, scale = value.type.sizes
    return value.sql if precision + digits <= 18 else cast_to(value.sql, decimal_of(38, scale))


def scaled(sql: str, wanted: Type) -> str:
    """A whole number of digits as a decimal."""
    scale = wanted.sizes[1]
    if scale == 0:
        return cast_to(sql, wanted)
    tick = f"CAST('0.{'0' * (scale - 1)}1' AS DECIMAL({scale},{scale}))"
    return cast_to(f"(CAST({sql} AS DECIMAL(38,0)) * {tick})", wanted)


def _scaled(operator: str, left: Typed, right: Typed, place: Place) -> Typed:
    """Intervals times and by numbers."""
    if right.type.name == "decimal":
        right = Typed(cast_to(right.sql, Type("double")), Type("double"))
    if left.type == YEAR_TO_MONTH:
        months = f"(datepart('year', {left.sql}) * 12 + datepart('month', {left.sql}))"
        if right.type.name not in WHOLE:
            raise refusal("An interval of months times a fraction", place)
        number = f"clary_divide({months}, {right.sql})" if operator == "/" else f"({months} * {right.sql})"
        return Typed(f"to_months(CAST({number} AS INTEGER))", left.type)
    millis = f"(epoch_us({left.sql}) // 1000)"
    number = f"clary_divide({millis}, CAST({right.sql} AS BIGINT))" if operator == "/" else f"({millis} * {right.sql})"
    if right.type.name not in WHOLE:
        number = f"trunc({millis} {operator} {right.sql})"
    return Typed(f"to_microseconds(CAST({number} AS BIGINT) * 1000)", left.type)


def _moved(operator: str, moment: Typed, distance: Typed, place: Place) -> Typed:
    """Dates and times plus and minus intervals."""
    kind = moment.type.name
    if kind == "time" and distance.type == YEAR_TO_MONTH:
        raise mismatch(operator, moment.type, distance.type, place)
    if kind == "date":
        name = "clary_date_moved" if distance.type == DAY_TO_SECOND else "clary_date_moved_months"
        sign = "" if operator == "+" else "-"
        return Typed(f"{name}({moment.sql}, {sign}{distance.sql})", DATE)
    precision = max(moment.type.sizes[0], 3) if distance.type == DAY_TO_SECOND else moment.type.sizes[0]
    wanted = replace(moment.type, sizes=(precision,))
    if kind == "timestamp with time zone" and distance.type == YEAR_TO_MONTH:
        return Typed(from_local(f"({to_local(moment, place)} {operator} {distance.sql})", moment.type.zone), wanted)
    return Typed(f"({moment.sql} {operator} {distance.sql})", wanted)


def negate(value: Typed, place: Place) -> Typed:
    """-x."""
    if value.type.name not in (*NUMBERS, *_INTERVALS, "unknown"):
        raise SqlError("TYPE_MISMATCH", f"Cannot negate {value.type}", place)
    return Typed(f"(-{value.sql})", value.type)


# --- comparisons ------------------------------------------------------------------------------------------------------


def compare(operator: str, left: Typed, right: Typed, place: Place) -> Typed:
    """= <> < <= > >= and IS DISTINCT FROM."""
    if {left.type.name, right.type.name} == {"char", "varchar"}:
        # Blanks at the end don't count where one side is char.
        left, right = (Typed(f"rtrim({one.sql}, ' ')", VARCHAR) for one in (left, right))
    both = common_type(left.type, right.type)
    if both is None:
        raise mismatch(operator, left.type, right.type, place)
    if both.name in ("json", "map", "unknown") and operator in ("<", "<=", ">", ">=") and both.name != "unknown":
        raise mismatch(operator, left.type, right.type, place)
    return Typed(
        compare_sql(operator, Typed(coerce(left, both), both), Typed(coerce(right, both), both), place), BOOLEAN
    )


def compare_sql(operator: str, left: Typed, right: Typed, place: Place) -> str:
    """The comparison of two values of one type."""
    one, other, kind = left.sql, right.sql, left.type.name
    if kind in ("array", "row", "map") and operator != "IS DISTINCT FROM":
        return _compare_composed(operator, left, right, place)
    plain = f"({one} {operator} {other})"
    if kind not in ("real", "double") or operator == "IS DISTINCT FROM":
        return plain
    # DuckDB takes NaN for a number above all others, equal to itself; in Trino no comparison with it holds.
    if operator == "<>":
        return f"(NOT {compare_sql('=', left, right, place)})"
    guarded, free = (other, one) if operator in ("<", "<=") else (one, other)
    if _is_number(guarded) or (operator == "=" and _is_number(free)):
        return plain
    guard = f"NOT isnan({guarded})" if _is_number(free) else f"(NOT isnan({guarded}) OR {free} IS NULL)"
    return f"({plain} AND {guard})"


def _is_number(sql: str) -> bool:
    """Whether the text is a constant that is no NaN."""
    return _NUMBER.fullmatch(sql) is not None


def _compare_composed(operator: str, left: Typed, right: Typed, place: Place) -> str:
    """Rows and arrays are equal by their elements; one NULL among equals makes NULL."""
    if operator not in ("=", "<>") or left.type.name == "map":
        raise refusal(f"{operator} between values of {left.type}", place)
    if operator == "<>":
        return f"(NOT {_compare_composed('=', left, right, place)})"
    if left.type.name == "row":
        parts = []
        for name, child in zip(field_names(left.type), left.type.children, strict=True):
            pair = [Typed(f"struct_extract({side.sql}, {quoted(name)})", child) for side in (left, right)]
            parts.append(compare_sql("=", pair[0], pair[1], place))
        return f"CASE WHEN {left.sql} IS NULL OR {right.sql} IS NULL THEN NULL ELSE {' AND '.join(parts)} END"
    child, at = left.type.children[0], f"n{_depth(left.type)}"
    pair = [Typed(f"{side.sql}[{at}]", child) for side in (left, right)]
    each = f"list_transform(range(1, len({left.sql}) + 1), lambda {at}: {compare_sql('=', pair[0], pair[1], place)})"
    return f"clary_all_equal({left.sql}, {right.sql}, {each})"


def _depth(one: Type) -> int:
    return 1 + max((_depth(child) for child in one.children), default=0)
