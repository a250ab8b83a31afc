"""DuckDB text with its Trino type; constants; what turns one type into another without a cast."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple

from clary.sql import tree
from clary.sql.errors import Place, SqlError, refusal
from clary.sql.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DAY_TO_SECOND,
    DOUBLE,
    INTEGER,
    TIME,
    TIMESTAMP,
    UNKNOWN,
    VARBINARY,
    YEAR_TO_MONTH,
    ZONED,
    Type,
    decimal_of,
    duckdb_name,
    field_names,
    turns_into,
)
from clary.tables.duck_types import quote


class Typed(NamedTuple):
    """An expression in DuckDB's SQL and what Trino calls its type. `constant` is the text of a constant string."""

    sql: str
    type: Type
    constant: str | None = None


def text(value: str) -> str:
    """A DuckDB string constant."""
    return "'" + value.replace("'", "''") + "'"


def cast_to(sql: str, wanted: Type) -> str:
    """A DuckDB cast."""
    return f"CAST({sql} AS {duckdb_name(wanted)})"


def select(items: str, source: str) -> str:
    """SELECT items FROM source."""
    return " ".join(("SELECT", items, "FROM", source))


NULL = Typed("NULL", UNKNOWN)


def literal(node: tree.Literal) -> Typed:
    """A constant."""
    kind, value = node.kind, node.value
    if kind == "null":
        return NULL
    if kind == "boolean":
        return Typed(value, BOOLEAN)
    if kind == "string":
        return Typed(text(value), Type("varchar", (len(value),)), value)
    if kind == "double":
        return Typed(f"CAST('{value}' AS DOUBLE)", DOUBLE)
    if kind == "binary":
        if len(value) % 2 or not re.fullmatch(r"[0-9A-Fa-f]*", value):
            raise SqlError("SYNTAX_ERROR", f"Binary literal {value} isn't an even number of hex digits", node.place)
        return Typed(f"unhex('{value}')", VARBINARY)
    if kind == "decimal":
        return decimal_literal(value, node.place)
    number = int(value)
    if number >= 2**63:
        raise SqlError("NUMERIC_VALUE_OUT_OF_RANGE", f"Invalid numeric literal: {value}", node.place)
    wanted = INTEGER if -(2**31) <= number < 2**31 else BIGINT
    return Typed(cast_to(str(number), wanted), wanted)


def decimal_literal(value: str, place: Place) -> Typed:
    """1.50 is a decimal(3,2): all digits count but zeros in front."""
    whole, _, fraction = value.lstrip("+-").partition(".")
    whole = whole.lstrip("0")
    precision = max(len(whole) + len(fraction), 1)
    if precision > 38 or not re.fullmatch(r"\d*", whole + fraction) or not value.strip("+-."):
        raise SqlError("INVALID_LITERAL", f"'{value}' is not a valid DECIMAL literal", place)
    wanted = decimal_of(precision, len(fraction))
    return Typed(cast_to(text(value), wanted), wanted)


# --- dates, times and intervals ---------------------------------------------------------------------------------------

_DATE = r"(\d{4})-(\d{1,2})-(\d{1,2})"
_CLOCK = r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,12}))?)?"
_MOMENT = re.compile(rf"{_DATE}(?: {_CLOCK})?\s*(?:(?<=[\s\d])([A-Za-z][\w/+-]*|[+-]\d\d:\d\d))?")


def typed_literal(node: tree.TypedLiteral) -> Typed | None:
    """DATE '...', TIMESTAMP '...', TIME '...', DECIMAL '...'; None for what is a cast of a string."""
    value = node.value.strip()
    problem = SqlError("INVALID_LITERAL", f"'{node.value}' is not a valid {node.type.name.upper()} literal", node.place)
    if node.type.name == "decimal":
        return decimal_literal(value, node.place)
    try:
        if node.type.name == "date":
            match = re.fullmatch(_DATE, value)
            if not match:
                raise problem
            return Typed(f"CAST('{date(*map(int, match.groups()))}' AS DATE)", DATE)
        if node.type.name == "timestamp":
            return _moment(value, node.place, problem)
        if node.type.name == "time":
            match = re.fullmatch(_CLOCK, value)
            if not match or not all(
                int(one or 0) < top for one, top in zip(match.groups(), (24, 60, 60), strict=False)
            ):
                raise problem
            return Typed(f"CAST({text(value)} AS TIME)", Type("time", (_precision(match.group(4), node.place),)))
    except ValueError:
        raise problem from None
    return None


def _precision(fraction: str | None, place: Place) -> int:
    if len(fraction or "") > 6:
        raise refusal("A time finer than microseconds", place)
    return len(fraction or "")


def _moment(value: str, place: Place, problem: SqlError) -> Typed:
    match = _MOMENT.fullmatch(value)
    if not match:
        raise problem
    *numbers, fraction, zone = match.groups()
    moment = datetime(*(int(one or 0) for one in numbers))  # type: ignore[arg-type]
    precision = _precision(fraction, place)
    local = f"CAST('{moment:%Y-%m-%d %H:%M:%S}.{fraction or 0}' AS TIMESTAMP)"
    if len(str(moment.year)) < 4:
        local = f"CAST('{moment.year:04d}{moment:-%m-%d %H:%M:%S}.{fraction or 0}' AS TIMESTAMP)"
    if zone is None:
        return Typed(local, replace(TIMESTAMP, sizes=(precision,)))
    zone = check_zone(zone, place)
    return Typed(from_local(local, zone), replace(ZONED, sizes=(precision,), zone=zone))


def check_zone(zone: str, place: Place) -> str:
    """The zone as Trino prints it: a region, UTC or an offset."""
    import pytz  # type: ignore[import-untyped]  # its list of zones comes with it, whatever the system has

    if zone.upper() in ("UTC", "Z", "GMT", "UT", "+00:00", "-00:00"):
        return "UTC"
    if re.fullmatch(r"[+-]\d\d(?::?[0-5]\d)?", zone) and abs(int(zone[:3])) <= 14:
        return f"{zone[:3]}:{zone[3:].strip(':') or '00'}"
    for known in pytz.all_timezones:
        if known.lower() == zone.lower():
            return str(known)
    raise SqlError("INVALID_FUNCTION_ARGUMENT", f"'{zone}' is not a valid time zone", place)


def _offset_minutes(zone: str) -> int:
    return (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 60 + int(zone[4:6]))


def from_local(sql: str, zone: str) -> str:
    """The UTC instant of a zone's local time."""
    if zone == "UTC":
        return sql
    if zone[0] in "+-":
        return f"({sql} - to_minutes({_offset_minutes(zone)}))"
    return f"timezone('UTC', timezone({text(zone)}, {sql}))"


def to_local(value: Typed, place: Place) -> str:
    """The local time of a timestamp with zone."""
    zone = value.type.zone
    if not zone:
        raise refusal("Reading the clock of timestamps of several zones; AT TIME ZONE makes them one", place)
    if zone == "UTC":
        return value.sql
    if zone[0] in "+-":
        return f"({value.sql} + to_minutes({_offset_minutes(zone)}))"
    return f"timezone({text(zone)}, timezone('UTC', {value.sql}))"


_SECONDS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_ORDER = ["day", "hour", "minute", "second"]


def interval(node: tree.Interval) -> Typed:
    """INTERVAL: whole months, or microseconds."""
    problem = SqlError("INVALID_LITERAL", f"'{node.value}' is not a valid INTERVAL literal", node.place)
    sign, value = (-1, node.value[1:]) if node.value.startswith("-") else (1, node.value.removeprefix("+"))
    if node.unit in ("year", "month"):
        match = re.fullmatch(r"(\d+)-(\d+)" if node.to == "month" and node.unit == "year" else r"(\d+)", value)
        if not match or node.to not in ("", node.unit, "month"):
            raise problem
        months = int(match.group(1)) * (12 if node.unit == "year" else 1)
        months += int(match.group(2)) if match.lastindex == 2 else 0
        return Typed(f"to_months({sign * months})", YEAR_TO_MONTH)
    units = _ORDER[_ORDER.index(node.unit) :]
    if node.to:
        if node.to not in units:
            raise problem
        units = units[: units.index(node.to) + 1]
    else:
        units = units[:1]
    patterns = {"day": r"(\d+)", "hour": r"(\d+)", "minute": r"(\d+)", "second": r"(\d+(?:\.\d{1,3})?)"}
    pattern = "".join(
        (":" if at > 1 or (at and units[0] != "day") else " " if at else "") + patterns[unit]
        for at, unit in enumerate(units)
    )
    match = re.fullmatch(pattern, value)
    if not match:
        raise problem
    millis = sum(
        round(float(number) * 1000) * _SECONDS[unit] for number, unit in zip(match.groups(), units, strict=True)
    )
    return Typed(f"to_microseconds({sign * millis * 1000})", DAY_TO_SECOND)


# --- coercion ---------------------------------------------------------------------------------------------------------


def coerce(value: Typed, wanted: Type) -> str:
    """Its DuckDB text as another type that it turns into without a cast."""
    have = value.type
    if have == wanted or (have.name == wanted.name and have.name in ("varchar", "timestamp", TIME.name)):
        return value.sql
    if have == UNKNOWN:
        return cast_to("NULL", wanted)
    if wanted.name == "char":
        return f"rpad({value.sql}, {wanted.sizes[0]}, ' ')"
    if have.name.startswith("timestamp") and wanted.name.startswith("timestamp"):
        return value.sql
    if have.children and have.name == wanted.name:
        return _coerce_children(value, wanted)
    return cast_to(value.sql, wanted)


def _coerce_children(value: Typed, wanted: Type) -> str:
    have, sql = value.type, value.sql
    pairs = list(zip(have.children, wanted.children, strict=True))
    if have.name == "row":
        names = zip(field_names(have), field_names(wanted), strict=True)
        if have.names == wanted.names and all(one == other for one, other in pairs):
            return sql
        fields = [
            f"{quote(new)} := {coerce(Typed(f'struct_extract({sql}, {text(old)})', one), other)}"
            for (old, new), (one, other) in zip(names, pairs, strict=True)
        ]
        return f"CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({', '.join(fields)}) END"
    inner = [coerce(Typed("clary_e", one), other) for one, other in pairs]
    if all(one == "clary_e" for one in inner):
        return sql
    if have.name == "array":
        return (
            f"list_transform({sql}, lambda clary_e: {inner[0]})" if "NULL" not in inner[0][:9] else cast_to(sql, wanted)
        )
    return f"map({', '.join(_mapped(sql, part, one) for part, one in zip(('keys', 'values'), inner, strict=True))})"


def _mapped(sql: str, part: str, inner: str) -> str:
    return f"list_transform(map_{part}({sql}), lambda clary_e: {inner})"


def can_be(value: Typed, wanted: Type) -> bool:
    """Whether it is taken as the type without a cast."""
    return value.type == wanted or turns_into(value.type, wanted)
