"""Patterns for dates: MySQL's signs (%Y) and Joda's letters (yyyy), to write and to read."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache

from clary.sql.errors import SqlError
from clary.sql.typed import text

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

# MySQL's sign -> Joda's letters; both are written and read by the same code.
_MYSQL = {
    "a": "EEE", "b": "MMM", "c": "M", "d": "dd", "e": "d", "f": "SSS'000'", "H": "HH", "h": "hh", "I": "hh", "i": "mm",
    "j": "DDD", "k": "H", "l": "h", "M": "MMMM", "m": "MM", "p": "a", "r": "hh:mm:ss a", "S": "ss", "s": "ss",
    "T": "HH:mm:ss", "v": "ww", "W": "EEEE", "x": "xxxx", "Y": "yyyy", "y": "yy",
}  # fmt: skip
_MYSQL_REFUSED = "DUuVwX"


def _of_mysql(pattern: str) -> list[tuple[str, int]]:
    """The pattern's parts: Joda's letter with its count, or ("'", 0) before plain text as ("text", -1)."""
    parts: list[tuple[str, int]] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "%" and at + 1 < len(pattern):
            at += 1
            sign = pattern[at]
            if sign in _MYSQL_REFUSED:
                raise ValueError(f"%{sign} not supported in date format string")
            parts += _of_joda(_MYSQL[sign]) if sign in _MYSQL else [(sign, -1)]
        else:
            parts.append((sign, -1))
        at += 1
    return parts


def _of_joda(pattern: str) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
    # A quote that isn't closed reaches to the end.
    for match in re.finditer(r"([A-Za-z])\1*|''|'((?:[^']|'')*)(?:'|\Z)|([^A-Za-z'])", pattern):
        whole = match.group()
        if match.group(1):
            if match.group(1) not in "CyYuMdaHhkKmsSEDwxezZ":
                known = match.group(1) in "G"
                if known:
                    raise NotImplementedError(f"the pattern letter {match.group(1)}")
                raise ValueError(f"Illegal pattern component: {whole}")
            parts.append((match.group(1), len(whole)))
        else:
            plain = "'" if whole == "''" else (match.group(2) or match.group(3) or "").replace("''", "'")
            parts.append((plain, -1))
    return parts


# --- writing ---------------------------------------------------------------------------------------------------------


def write_mysql(pattern: str, local: str, zone: str, instant: str) -> str:
    """date_format: DuckDB text over a local timestamp."""
    return _write(_of_mysql(pattern), local, zone, instant)


def write_joda(pattern: str, local: str, zone: str, instant: str) -> str:
    """format_datetime."""
    return _write(_of_joda(pattern), local, zone, instant)


def _write(parts: list[tuple[str, int]], local: str, zone: str, instant: str) -> str:
    texts = [text(sign) if count < 0 else _written(sign, count, local, zone, instant) for sign, count in parts]
    return f"({' || '.join(texts)})" if texts else f"CASE WHEN {local} IS NOT NULL THEN '' END"


def _padded(number: str, count: int) -> str:
    return f"printf('%0{count}d', {number})"


def _written(sign: str, count: int, local: str, zone: str, instant: str) -> str:
    numbers = {
        "d": f"day({local})",
        "H": f"hour({local})",
        "h": f"((hour({local}) + 11) % 12 + 1)",
        "k": f"((hour({local}) + 23) % 24 + 1)",
        "K": f"(hour({local}) % 12)",
        "m": f"minute({local})",
        "s": f"second({local})",
        "D": f"dayofyear({local})",
        "w": f"weekofyear({local})",
        "e": f"isodow({local})",
        "C": f"(year({local}) // 100)",
    }
    if sign in numbers:
        return _padded(numbers[sign], count)
    if sign in "yYux":
        year = f"isoyear({local})" if sign == "x" else f"year({local})"
        return _padded(f"({year} % 100)", 2) if count == 2 else _padded(year, count)
    if sign == "M":
        if count <= 2:
            return _padded(f"month({local})", count)
        return f"strftime({local}, '{'%b' if count == 3 else '%B'}')"
    if sign == "E":
        return f"strftime({local}, '{'%a' if count <= 3 else '%A'}')"
    if sign == "a":
        return f"strftime({local}, '%p')"
    if sign == "S":
        shown = f"strftime({local}, '%g')"
        return f"left({shown}, {count})" if count <= 3 else f"({shown} || '{'0' * (count - 3)}')"
    if sign == "Z" and count < 3:
        return offset_text(zone, instant, colon=count == 2)
    if sign == "Z" or zone == "UTC":
        return text(zone if count < 4 or sign == "Z" else "Coordinated Universal Time")
    raise NotImplementedError(f"the pattern letter {sign} for the zone {zone}")


def offset_text(zone: str, instant: str, *, colon: bool, zulu: bool = False) -> str:
    """A zone's distance to UTC at an instant: +0130, +01:30, or Z."""
    if zone == "UTC":
        return "'Z'" if zulu else "'+00:00'" if colon else "'+0000'"
    if zone[0] in "+-":
        return text(zone if colon else zone.replace(":", ""))
    minutes = f"date_diff('minute', {instant}, timezone({text(zone)}, timezone('UTC', {instant})))"
    between = ":" if colon else ""
    shown = f"printf('%02d{between}%02d', abs({minutes}) // 60, abs({minutes}) % 60)"
    return f"(CASE WHEN {minutes} < 0 THEN '-' ELSE '+' END || {shown})"


# --- reading ---------------------------------------------------------------------------------------------------------

_QUICK = {"Y": (r"\d{4}", "%Y"), "m": (r"\d{2}", "%m"), "d": (r"\d{2}", "%d"), "H": (r"\d{2}", "%H")}
_QUICK |= {"i": (r"\d{2}", "%M"), "s": (r"\d{2}", "%S"), "S": (r"\d{2}", "%S")}
_QUICK |= {"T": (r"\d{2}:\d{2}:\d{2}", "%H:%M:%S")}


def quick_mysql(pattern: str) -> tuple[str, str] | None:
    """What texts DuckDB's strptime reads as Trino does, and its pattern; None where it might not."""
    matched, format_ = "", ""
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "%":
            at += 1
            if pattern[at : at + 1] not in _QUICK or not pattern[at : at + 1]:
                return None
            one, other = _QUICK[pattern[at]]
            matched, format_ = matched + one, format_ + other
        else:
            if not re.fullmatch(r"[-/:.,T _]", sign):
                return None
            matched, format_ = matched + re.escape(sign), format_ + sign
        at += 1
    return (matched, format_) if "%Y" in format_ and "%m" in format_ and "%d" in format_ else None


@lru_cache(maxsize=128)
def reader(pattern: str, joda: bool) -> tuple[re.Pattern[str], list[tuple[str, int]]]:
    """What a text must look like, and the pattern's parts that have values, in the order of its groups."""
    parts = _of_joda(pattern) if joda else _of_mysql(pattern)
    expression, valued = "", []
    for at, (sign, count) in enumerate(parts):
        if count < 0:
            if sign == "000" and not joda:
                continue
            expression += re.escape(sign)
            continue
        follower = parts[at + 1] if at + 1 < len(parts) else ("", -1)
        adjacent = follower[1] > 0 and follower[0] not in "aEzZ" and not (follower[0] == "M" and follower[1] > 2)
        expression += f"({_readable(sign, count, adjacent=adjacent, joda=joda)})"
        valued.append((sign, count))
    return re.compile(expression, re.IGNORECASE | re.ASCII), valued


def _readable(sign: str, count: int, *, adjacent: bool, joda: bool) -> str:
    if sign in "yYux":
        if count == 2 and not adjacent:
            return r"\d{2}" if not joda else r"[+-]?\d+"
        return rf"\d{{{count}}}" if adjacent else (r"[+-]?\d{1,9}" if joda else r"[+-]?\d{1,4}")
    if sign == "M" and count > 2:
        return "|".join([*_MONTHS, *(month[:3] for month in _MONTHS)])
    if sign == "E":
        return "|".join([*_DAYS, *(day[:3] for day in _DAYS)])
    if sign == "a":
        return "AM|PM"
    if sign == "S":
        return r"\d{1,9}" if not joda else (rf"\d{{1,{max(count, 1)}}}")
    if sign == "Z":
        return r"[+-]\d\d:?\d\d|Z" if count < 3 else r"[A-Za-z][\w/+-]*"
    if sign == "z":
        raise NotImplementedError("the pattern letter z")
    most = 3 if sign == "D" else 2
    return rf"\d{{{max(count, 1)}}}" if adjacent else rf"\d{{1,{max(most, count)}}}"


def read_moment(value: str, pattern: str, joda: bool) -> datetime:
    """date_parse and parse_datetime."""
    compiled, parts = reader(pattern, joda)
    match = compiled.fullmatch(value)
    if not match:
        raise _invalid(value)
    try:
        return _moment(dict(zip(parts, match.groups(), strict=True)), value)
    except (ValueError, OverflowError):
        raise _invalid(value) from None


def _invalid(value: str) -> SqlError:
    return SqlError("INVALID_FUNCTION_ARGUMENT", f'Invalid format: "{value}"')


def _moment(values: dict[tuple[str, int], str], value: str) -> datetime:
    found = {sign: _number(sign, count, shown) for (sign, count), shown in values.items()}
    year = next((found[sign] for sign in "yYu" if sign in found), found.get("x", 1970))
    hour = found.get("H", found.get("k", 0) % 24)
    if "h" in found or "K" in found:
        hour = (found["h"] % 12 if "h" in found else found["K"]) + (12 if found.get("a") else 0)
        if found.get("h", 1) not in range(1, 13):
            raise ValueError(value)
    if "w" in found:
        day = date.fromisocalendar(found.get("x", year), found["w"], found.get("e", found.get("E", 1)))
    elif "D" in found:
        day = date(year, 1, 1) + timedelta(days=found["D"] - 1)
        if day.year != year or found["D"] < 1:
            raise ValueError(value)
    else:
        day = date(year, found.get("M", 1), found.get("d", 1))
    if "E" in found and "w" not in found and found["E"] != day.isoweekday():
        raise ValueError(value)
    moment = datetime(day.year, day.month, day.day, hour, found.get("m", 0), found.get("s", 0), found.get("S", 0))
    if found.get("Z"):
        message = f"a time zone other than UTC in a value that is no constant: {value}"
        raise SqlError("NOT_SUPPORTED", message)
    return moment


def _number(sign: str, count: int, shown: str) -> int:
    if sign in "yYux" and count == 2 and len(shown) == 2:
        return int(shown) + (2000 if int(shown) < 70 else 1900)
    if sign == "M" and count > 2:
        return next(at for at, month in enumerate(_MONTHS, 1) if month[:3].lower() == shown[:3].lower())
    if sign == "E":
        return next(at for at, day in enumerate(_DAYS, 1) if day[:3].lower() == shown[:3].lower())
    if sign == "a":
        return int(shown.upper() == "PM")
    if sign == "S":
        return int(shown.ljust(3, "0")[:3]) * 1000
    if sign == "Z":
        return int(shown.strip("+-").replace(":", "").strip("0") not in ("", "Z", "UTC", "GMT"))
    return int(shown)


_ISO = re.compile(
    r"([^\sT]+)(?:T(?:(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)


def read_iso8601(value: str) -> datetime:
    """from_iso8601_timestamp; a zone must be UTC."""
    match = _ISO.fullmatch(value)
    if not match:
        raise _invalid(value)
    day, hour, minute, second, fraction, zone = match.groups()
    if zone and zone != "Z" and int(zone.replace(":", "")) != 0:
        message = f"a time zone other than UTC in a value that is no constant: {value}"
        raise SqlError("NOT_SUPPORTED", message)
    try:
        found = read_iso8601_date(day)
        micros = int((fraction or "0").ljust(3, "0")[:3]) * 1000
        return datetime(found.year, found.month, found.day, int(hour or 0), int(minute or 0), int(second or 0), micros)
    except ValueError:
        raise _invalid(value) from None


def read_iso8601_date(value: str) -> date:
    """A calendar date, a week's date, or a year's day."""
    patterns = (
        r"(\d{4})-(\d{2})-(\d{2})",
        r"(\d{4})-(\d{2})",
        r"(\d{4})",
        r"(\d{4})-W(\d{2})(?:-(\d))?",
        r"(\d{4})-(\d{3})",
    )
    try:
        for at, pattern in enumerate(patterns):
            match = re.fullmatch(pattern, value, re.ASCII)
            if not match:
                continue
            numbers = [int(one) for one in match.groups() if one]
            if at <= 2:
                return date(*[*numbers, 1, 1][:3])
            if at == 3:
                return date.fromisocalendar(numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 1)
            found = date(numbers[0], 1, 1) + timedelta(days=numbers[1] - 1)
            if found.year == numbers[0]:
                return found
    except ValueError:
        pass
    raise _invalid(value)
