"""Dates and times; the session's zone is UTC. Source: Trino's documentation, "Date and time functions"."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from clary.sql import tree
from clary.sql.casts import cast, moment_text
from clary.sql.errors import SqlError, refusal
from clary.sql.functions import date_patterns
from clary.sql.signatures import read_table
from clary.sql.typed import Typed, check_zone, coerce, from_local, text, to_local
from clary.sql.types import BIGINT, DATE, DOUBLE, TIMESTAMP, VARCHAR, WHOLE, ZONED, Type, common_type

if TYPE_CHECKING:
    from clary.sql.expressions import ExpressionTranslator

SCALARS = read_table(
    """
    current_timezone() varchar = 'UTC'
    from_iso8601_timestamp(varchar) zoned = clary_from_iso8601({0})
    from_iso8601_date(varchar) date = clary_from_iso8601_date({0})
    from_unixtime(double) zoned = clary_from_unixtime({0})
    to_milliseconds(interval day to second) bigint = (epoch_us({0}) // 1000)
    parse_duration(varchar) interval day to second = to_microseconds(clary_parse_duration({0}) * 1000)
    human_readable_seconds(double) varchar = clary_readable_seconds({0})
""".replace(" zoned ", " timestamp(3) with time zone ")
)

_MOMENTS = ("date", "timestamp", "timestamp with time zone")
_PARTS = {
    "year": "year({})",
    "quarter": "quarter({})",
    "month": "month({})",
    "week": "weekofyear({})",
    "week_of_year": "weekofyear({})",
    "day": "day({})",
    "day_of_month": "day({})",
    "day_of_week": "isodow({})",
    "dow": "isodow({})",
    "day_of_year": "dayofyear({})",
    "doy": "dayofyear({})",
    "year_of_week": "isoyear({})",
    "yow": "isoyear({})",
    "hour": "hour({})",
    "minute": "minute({})",
    "second": "second({})",
    "millisecond": "(millisecond({}) % 1000)",
}
_OF_TIMES = ("hour", "minute", "second", "millisecond")
_UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
_STEPS = {
    "millisecond": "to_milliseconds({})",
    "second": "to_seconds({})",
    "minute": "to_minutes({})",
    "hour": "to_hours({})",
    "day": "to_days(CAST({} AS INTEGER))",
    "week": "to_days(CAST({} * 7 AS INTEGER))",
    "month": "to_months(CAST({} AS INTEGER))",
    "quarter": "to_months(CAST({} * 3 AS INTEGER))",
    "year": "to_months(CAST({} * 12 AS INTEGER))",
}


def _values(translator: ExpressionTranslator, node: tree.Call) -> list[Typed]:
    return [translator.translate(one) for one in node.arguments]


def _unexpected(node: tree.Call, values: list[Typed], expected: str) -> SqlError:
    from clary.sql.calls import unexpected

    return unexpected(node, [str(one.type) for one in values], [expected])


def _local(value: Typed, node: tree.Call) -> str:
    return to_local(value, node.place) if value.type.name == "timestamp with time zone" else value.sql


def _part(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """year(x) and its like, of dates, timestamps and times."""
    values = _values(translator, node)
    kinds = (*_MOMENTS, "time") if node.name in _OF_TIMES else _MOMENTS
    if len(values) == 1 and values[0].type.name.startswith("interval"):
        return _part_of_interval(node, values[0])
    if len(values) != 1 or values[0].type.name not in (*kinds, "unknown"):
        raise _unexpected(node, values, f"{node.name}(timestamp(p)), {node.name}(timestamp(p) with time zone)")
    if values[0].type.name == "date" and node.name in _OF_TIMES:
        values = [Typed(f"CAST({values[0].sql} AS TIMESTAMP)", TIMESTAMP)]
    if values[0].type.name == "unknown":
        return Typed("CAST(NULL AS BIGINT)", BIGINT)
    return Typed(f"CAST({_PARTS[node.name].format(_local(values[0], node))} AS BIGINT)", BIGINT)


def _part_of_interval(node: tree.Call, value: Typed) -> Typed:
    micros = f"epoch_us({value.sql})"
    of_days = {
        "day": (86400_000_000, 0),
        "hour": (3600_000_000, 24),
        "minute": (60_000_000, 60),
        "second": (1_000_000, 60),
    }
    if value.type.name == "interval year to month" and node.name in ("year", "month"):
        return Typed(f"CAST(datepart('{node.name}', {value.sql}) AS BIGINT)", BIGINT)
    if value.type.name == "interval year to month" or node.name not in (*of_days, "millisecond"):
        raise _unexpected(node, [value], f"{node.name}(timestamp(p))")
    unit, top = of_days.get(node.name, (1000, 1000))
    return Typed(f"({micros} // {unit}{f' % {top}' if top else ''})", BIGINT)


def _unit(node: tree.Call, value: Typed, kind: str) -> str:
    if value.constant is None:
        raise refusal(f"{node.name} with a unit that is no constant", node.place)
    unit = value.constant.lower()
    if unit not in _UNITS or (kind == "date" and unit in _UNITS[:4]):
        shown = {"date": "DATE"}.get(kind, "Timestamp")
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"'{value.constant}' is not a valid {shown} field", node.place)
    return unit


def _date_trunc(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 2 or values[0].type.name != "varchar" or values[1].type.name not in _MOMENTS:
        raise _unexpected(node, values, "date_trunc(varchar(x), timestamp(p))")
    value = values[1]
    unit = _unit(node, values[0], value.type.name)
    cut = f"date_trunc('{unit if unit != 'millisecond' else 'milliseconds'}', {_local(value, node)})"
    if value.type == DATE:
        return Typed(f"CAST({cut} AS DATE)", DATE)
    if value.type.name == "timestamp with time zone":
        return Typed(from_local(cut, value.type.zone), value.type)
    return Typed(cut, value.type)


def _date_add(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    good = len(values) == 3 and values[0].type.name == "varchar" and values[1].type.name in WHOLE
    if not good or values[2].type.name not in _MOMENTS:
        raise _unexpected(node, values, "date_add(varchar(x), bigint, timestamp(p))")
    unit = _unit(node, values[0], values[2].type.name)
    return moved(values[2], _STEPS[unit].format(coerce(values[1], BIGINT)), unit, node)


def moved(value: Typed, step: str, unit: str, node: tree.Call) -> Typed:
    """A moment plus an interval of DuckDB's, by the clock of its zone for days and more."""
    if value.type == DATE:
        return Typed(f"CAST({value.sql} + {step} AS DATE)", DATE)
    if value.type.name == "timestamp with time zone" and unit in _UNITS[4:]:
        return Typed(from_local(f"({_local(value, node)} + {step})", value.type.zone), value.type)
    precision = max(value.type.sizes[0], 3) if unit == "millisecond" else value.type.sizes[0]
    return Typed(f"({value.sql} + {step})", replace(value.type, sizes=(precision,)))


def _date_diff(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    good = len(values) == 3 and values[0].type.name == "varchar"
    both = common_type(values[1].type, values[2].type) if good else None
    if both is None or both.name not in _MOMENTS:
        raise _unexpected(node, values, "date_diff(varchar(x), timestamp(p), timestamp(p))")
    unit = _unit(node, values[0], both.name)
    clocks = []
    for one in values[1:]:
        sql = coerce(one, both)
        if both.name == "timestamp with time zone" and unit in _UNITS[4:]:
            zone = values[1].type.zone if values[1].type.name == both.name else "UTC"
            sql = to_local(Typed(sql, replace(both, zone=zone)), node.place)
        clocks.append(sql)
    return Typed(f"date_sub('{unit}', {clocks[0]}, {clocks[1]})", BIGINT)


def _now(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """The start of the query, the same everywhere in it."""
    moment = translator.session.now
    if node.name == "current_date":
        return Typed(f"CAST('{moment:%Y-%m-%d}' AS DATE)", DATE)
    precision = int(node.arguments[0].value) if node.arguments and isinstance(node.arguments[0], tree.Literal) else 3
    if precision > 6:
        raise refusal("A time finer than microseconds", node.place)
    fraction = f"{moment.microsecond:06d}"[:precision]
    clock = f"{moment:%H:%M:%S}" + (f".{fraction}" if fraction else "")
    if node.name == "localtime":
        return Typed(f"CAST('{clock}' AS TIME)", Type("time", (precision,)))
    if node.name == "current_time":
        raise refusal("current_time: the type time with time zone", node.place)
    kind = TIMESTAMP if node.name == "localtimestamp" else ZONED
    return Typed(f"CAST('{moment:%Y-%m-%d} {clock}' AS TIMESTAMP)", replace(kind, sizes=(precision,)))


def _date(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 1 or values[0].type.name not in (*_MOMENTS, "varchar", "char", "unknown"):
        raise _unexpected(node, values, "date(timestamp(p)), date(varchar(x))")
    return cast(values[0], DATE, node.place, safe=False)


def _last_day(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 1 or values[0].type.name not in _MOMENTS:
        raise _unexpected(node, values, "last_day_of_month(date)")
    return Typed(f"last_day({_local(values[0], node)})", DATE)


def _zone_of(value: Typed, node: tree.Call) -> str:
    if value.constant is None:
        raise refusal(f"{node.name} with a zone that is no constant", node.place)
    return check_zone(value.constant, node.place)


def _at_timezone(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 2 or values[0].type.name not in _MOMENTS[1:] or values[1].type.name != "varchar":
        raise _unexpected(node, values, f"{node.name}(timestamp(p), varchar(x))")
    zone = _zone_of(values[1], node)
    wanted = Type(ZONED.name, values[0].type.sizes, zone=zone)
    if node.name == "at_timezone":
        return Typed(values[0].sql, wanted)
    if values[0].type.name != "timestamp":
        raise _unexpected(node, values, "with_timezone(timestamp(p), varchar(x))")
    return Typed(from_local(values[0].sql, zone), wanted)


def _from_unixtime(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    from clary.sql.calls import apply

    values = _values(translator, node)
    found = apply(SCALARS["from_unixtime"], values[:1], node)
    if len(values) == 1:
        return found
    if len(values) == 2 and values[1].type.name == "varchar":
        return Typed(found.sql, replace(ZONED, zone=_zone_of(values[1], node)))
    if len(values) == 3:
        raise refusal("from_unixtime with hours and minutes", node.place)
    raise _unexpected(node, values, "from_unixtime(double), from_unixtime(double, varchar(x))")


def _to_unixtime(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 1 or values[0].type.name not in _MOMENTS:
        raise _unexpected(node, values, "to_unixtime(timestamp(p)), to_unixtime(timestamp(p) with time zone)")
    return Typed(f"epoch({values[0].sql})", DOUBLE)


def _to_iso8601(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 1 or values[0].type.name not in _MOMENTS:
        raise _unexpected(node, values, "to_iso8601(date), to_iso8601(timestamp(p))")
    value = values[0]
    if value.type == DATE:
        return Typed(f"CAST({value.sql} AS VARCHAR)", VARCHAR)
    shown = f"replace({moment_text(_local(value, node), value.type.sizes[0])}, ' ', 'T')"
    if value.type.name == "timestamp":
        return Typed(shown, VARCHAR)
    return Typed(
        f"({shown} || {date_patterns.offset_text(value.type.zone, value.sql, colon=True, zulu=True)})", VARCHAR
    )


def _timezone_part(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 1 or values[0].type.name != ZONED.name:
        raise _unexpected(node, values, f"{node.name}(timestamp(p) with time zone)")
    minutes = f"date_diff('minute', {values[0].sql}, {_local(values[0], node)})"
    return Typed(f"({minutes} // 60)" if node.name == "timezone_hour" else f"({minutes} % 60)", BIGINT)


def _timezone(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 1 or values[0].type.name != ZONED.name or not values[0].type.zone:
        raise _unexpected(node, values, "timezone(timestamp(p) with time zone)")
    return Typed(text(values[0].type.zone), VARCHAR)


# --- patterns --------------------------------------------------------------------------------------------------------


def _pattern_of(values: list[Typed], node: tree.Call) -> str:
    if values[1].constant is None:
        raise refusal(f"{node.name} with a pattern that is no constant", node.place)
    return values[1].constant


def _date_format(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """date_format by MySQL's signs, format_datetime by Joda's letters."""
    values = _values(translator, node)
    if len(values) != 2 or values[0].type.name not in _MOMENTS or values[1].type.name != "varchar":
        raise _unexpected(node, values, f"{node.name}(timestamp(p), varchar(x))")
    value = values[0]
    local = f"CAST({_local(value, node)} AS TIMESTAMP)"
    write = date_patterns.write_mysql if node.name == "date_format" else date_patterns.write_joda
    zone = value.type.zone if value.type.name == ZONED.name else "UTC"
    try:
        return Typed(write(_pattern_of(values, node), local, zone, value.sql), VARCHAR)
    except ValueError as problem:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", str(problem), node.place) from None
    except NotImplementedError as problem:
        raise refusal(f"{node.name} with {problem}", node.place) from None


def _date_parse(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 2 or any(one.type.name not in ("varchar", "char") for one in values):
        raise _unexpected(node, values, f"{node.name}(varchar(x), varchar(y))")
    pattern = _pattern_of(values, node)
    joda = node.name == "parse_datetime"
    try:
        date_patterns.reader(pattern, joda)
    except ValueError as problem:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", str(problem), node.place) from None
    except NotImplementedError as problem:
        raise refusal(f"{node.name} with {problem}", node.place) from None
    sql = f"clary_read_moment({values[0].sql}, {text(pattern)}, {'true' if joda else 'false'})"
    quick = None if joda else date_patterns.quick_mysql(pattern)
    if quick:
        matched = f"regexp_full_match({values[0].sql}, {text(quick[0])})"
        sql = (
            f"CASE WHEN {matched} THEN coalesce(try_strptime({values[0].sql}, {text(quick[1])}), {sql}) ELSE {sql} END"
        )
    return Typed(sql, ZONED if joda else TIMESTAMP)


MACROS = {
    "clary_from_unixtime(x)": "make_timestamp(CAST(floor(x * 1000 + 0.5) AS BIGINT) * 1000)",
    "clary_round_timestamp(t, unit)": "make_timestamp(CAST(floor(epoch_us(t) / unit + 0.5) AS BIGINT) * unit)",
    "clary_date_moved(d, i)": """CASE WHEN epoch_us(i) % 86400000000 <> 0 THEN
        clary_invalid('Cannot add hour, minutes or seconds to a date')
        ELSE CAST(d + i AS DATE) END""",
    "clary_date_moved_months(d, i)": "CAST(d + i AS DATE)",
    "clary_from_iso8601(s)": r"""CASE WHEN regexp_full_match(s, '\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z?')
        THEN coalesce(TRY_CAST(replace(rtrim(s, 'Z'), 'T', ' ') AS TIMESTAMP), clary_read_iso8601(s))
        ELSE clary_read_iso8601(s) END""",
    "clary_utc_timestamp(s)": r"""CASE
        WHEN regexp_full_match(trim(s), '\d{4}-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?( ?(UTC|Z))?')
        THEN coalesce(TRY_CAST(regexp_replace(trim(s), ' ?(UTC|Z)$', '') AS TIMESTAMP),
            clary_fail('INVALID_CAST_ARGUMENT: Value cannot be cast to timestamp: ' || s))
        WHEN regexp_full_match(trim(s), '\d{4}-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)? ?\S+')
        THEN clary_fail('NOT_SUPPORTED: a time zone other than UTC in a value that is no constant: ' || s)
        WHEN s IS NOT NULL THEN clary_fail('INVALID_CAST_ARGUMENT: Value cannot be cast to timestamp: ' || s) END""",
    "clary_interval_text(i)": """CASE WHEN epoch_us(i) < 0 THEN '-' ELSE '' END
        || (abs(epoch_us(i)) // 86400000000) || ' '
        || strftime(make_timestamp(abs(epoch_us(i)) % 86400000000), '%H:%M:%S.%g')""",
    "clary_months(i)": "(datepart('year', i) * 12 + datepart('month', i))",
    "clary_months_text(i)": """CASE WHEN clary_months(i) < 0 THEN '-' ELSE '' END
        || (abs(clary_months(i)) // 12) || '-' || (abs(clary_months(i)) % 12)""",
    "clary_time_text(t, digits)": """CASE WHEN digits = 0 THEN strftime(CAST('2000-01-01' AS DATE) + t, '%H:%M:%S')
        ELSE left(strftime(CAST('2000-01-01' AS DATE) + t, '%H:%M:%S.%f'), 9 + digits) END""",
}

SPECIAL = {
    **dict.fromkeys(_PARTS, _part),
    **dict.fromkeys(("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "now"), _now),
    "date": _date,
    "date_trunc": _date_trunc,
    "date_add": _date_add,
    "date_diff": _date_diff,
    "last_day_of_month": _last_day,
    "at_timezone": _at_timezone,
    "with_timezone": _at_timezone,
    "from_unixtime": _from_unixtime,
    "to_unixtime": _to_unixtime,
    "to_iso8601": _to_iso8601,
    "timezone": _timezone,
    "timezone_hour": _timezone_part,
    "timezone_minute": _timezone_part,
    "date_format": _date_format,
    "format_datetime": _date_format,
    "date_parse": _date_parse,
    "parse_datetime": _date_parse,
}


def parse_duration(value: str) -> int:
    """A number and its unit in milliseconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", value)
    units = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 3.6e6, "d": 8.64e7}
    if not match or match.group(2) not in units:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"duration is not a valid data duration string: {value}")
    return int(float(match.group(1)) * units[match.group(2)] + 0.5)


def readable_seconds(value: float) -> str:
    """Seconds in words, from weeks down."""
    left, words = int(abs(value) + 0.5), []
    for name, size in (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {name}{'s' if count != 1 else ''}")
    return ", ".join(words) or "0 seconds"


PYTHON = {
    "clary_parse_duration": (parse_duration, ["VARCHAR"], "BIGINT"),
    "clary_readable_seconds": (readable_seconds, ["DOUBLE"], "VARCHAR"),
    "clary_read_moment": (date_patterns.read_moment, ["VARCHAR", "VARCHAR", "BOOLEAN"], "TIMESTAMP"),
    "clary_read_iso8601": (date_patterns.read_iso8601, ["VARCHAR"], "TIMESTAMP"),
    "clary_from_iso8601_date": (date_patterns.read_iso8601_date, ["VARCHAR"], "DATE"),
}
