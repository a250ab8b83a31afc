"""Timestamps and dates as they stand in JSON."""

from __future__ import annotations

import functools
import re
from datetime import date, datetime, timedelta

from clary.errors import ClientError

_EPOCH = datetime(1970, 1, 1)
_MILLISECOND = timedelta(milliseconds=1)
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[ T](\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s?(Z|[+-]\d{2}(?::?\d{2})?)?)?"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_SECONDS_BELOW = 100_000_000_000
"""Whole numbers below are seconds since the epoch (until the year 5138), others milliseconds."""


def read_timestamp(text: str, formats: tuple[str, ...], *, number: bool) -> int | None:
    """Milliseconds since the epoch; None for what is no timestamp.

    The formats of AWS's OpenX SerDe: ISO 8601 with up to nine digits of a second, epoch seconds, also with a fraction,
    and epoch milliseconds; before them the given patterns of Joda-Time, of which "millis" is a number of milliseconds.
    """
    if formats:
        found = _by_formats(text, formats, number=number)
        if found is not None:
            return found
    if number or NUMBER.fullmatch(text):
        return _epoch(text)
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    return _milliseconds(moment - _offset(zone)) + int((fraction or "0").ljust(3, "0")[:3])


def read_date(text: str) -> int | None:
    """Days since the epoch; None for what is no date."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH.toordinal()
    except ValueError:
        return None


def whole_epoch(number: int) -> int:
    """Milliseconds of a whole number of seconds or milliseconds."""
    return number * 1000 if abs(number) < _SECONDS_BELOW else number


def _epoch(text: str) -> int | None:
    try:
        return whole_epoch(int(text))
    except ValueError:
        pass
    seconds = float(text)
    return round(seconds * 1000) if abs(seconds) < _SECONDS_BELOW else None


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    digits = zone[1:].replace(":", "")
    return sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))


def _by_formats(text: str, formats: tuple[str, ...], *, number: bool) -> int | None:
    for pattern in formats:
        if pattern == "millis":
            if number and text.lstrip("-").isdecimal():
                return int(text)
            continue
        expression, names = compile_pattern(pattern)
        match = expression.fullmatch(text)
        if match and not number and (moment := _assemble(dict(zip(names, match.groups(), strict=True)))) is not None:
            return moment
    return None


_PARTS = {
    "y": r"(\d{4})",
    "M": r"(\d{1,2})",
    "d": r"(\d{1,2})",
    "H": r"(\d{1,2})",
    "h": r"(\d{1,2})",
    "m": r"(\d{1,2})",
    "s": r"(\d{1,2})",
    "S": r"(\d{1,9})",
    "a": r"([AaPp][Mm])",
    "Z": r"(Z|[+-]\d{2}:?\d{2})",
}
_PATTERN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z'])")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@functools.cache
def compile_pattern(pattern: str) -> tuple[re.Pattern[str], list[str]]:
    """A pattern of Joda-Time as an expression and the letters of its groups; ClientError names what it can't have."""
    expression, names = "", []
    for match in _PATTERN.finditer(pattern):
        quoted, letter, sign = match.groups()
        if letter is None:
            expression += re.escape((quoted.replace("''", "'") or "'") if quoted is not None else sign)
            continue
        if letter == "M" and len(match[0]) >= 3:
            expression += f"({'|'.join(_MONTHS)})" + ("[a-z]*" if len(match[0]) > 3 else "")
        elif letter == "y" and len(match[0]) == 2:
            expression += r"(\d{2})"
        elif letter in _PARTS:
            expression += _PARTS[letter]
        else:
            raise ClientError(f"The letter {letter!r} in the timestamp format {pattern!r} is not supported")
        if letter in names:
            raise ClientError(f"The letter {letter!r} stands twice in the timestamp format {pattern!r}")
        names.append(letter)
    return re.compile(expression), names


def _assemble(parts: dict[str, str]) -> int | None:
    year, month = parts.get("y", "1970"), parts.get("M", "1")
    hour = int(parts.get("H", 0))
    if "h" in parts:
        hour = int(parts["h"]) % 12 + (12 if parts.get("a", "AM").upper() == "PM" else 0)
    try:
        moment = datetime(
            int(year) + (2000 if len(year) == 2 else 0),
            _MONTHS.index(month) + 1 if month in _MONTHS else int(month),
            int(parts.get("d", 1)),
            hour,
            int(parts.get("m", 0)),
            int(parts.get("s", 0)),
        )
    except ValueError:
        return None
    return _milliseconds(moment - _offset(parts.get("Z"))) + int(parts.get("S", "0").ljust(3, "0")[:3])
