"""Times by the patterns of Java's DateTimeFormatter, in English."""

import re
from calendar import day_abbr, day_name, month_abbr, month_name
from collections.abc import Callable
from datetime import datetime, timedelta

from clary.errors import ClientError

_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|('|[^A-Za-z'])")


def check_pattern(pattern: str) -> None:
    """ClientError names a letter that means nothing here."""
    for match in _TOKEN.finditer(pattern):
        if match[3] == "'":
            raise ClientError(f"The quote in the time pattern {pattern!r} does not end")
        if match[2] and match[2] not in _FIELDS:
            raise ClientError(f"The letter {match[2]!r} in the time pattern {pattern!r} is not supported")


def format_time(pattern: str, moment: datetime) -> str:
    """The moment, which has a zone, as the pattern writes it."""

    def value_of(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1].replace("''", "'") or "'"
        if match[2]:
            return _FIELDS[match[2]](moment, len(match[0]))
        return match[3]

    return _TOKEN.sub(value_of, pattern)


Field = Callable[[datetime, int], str]


def _number(read: Callable[[datetime], int]) -> Field:
    return lambda moment, width: f"{read(moment):0{width}d}"


def _year(read: Callable[[datetime], int]) -> Field:
    return lambda moment, width: f"{read(moment) % 100:02d}" if width == 2 else f"{read(moment):0{width}d}"


def _month(moment: datetime, width: int) -> str:
    if width < 3:
        return f"{moment.month:0{width}d}"
    return {3: month_abbr, 4: month_name}[min(width, 4)][moment.month] if width < 5 else month_name[moment.month][0]


def _day(moment: datetime, width: int) -> str:
    if width < 4:
        return day_abbr[moment.weekday()]
    return day_name[moment.weekday()] if width == 4 else day_name[moment.weekday()][0]


def _local_day(moment: datetime, width: int) -> str:
    return f"{moment.isoweekday() % 7 + 1:0{width}d}" if width < 3 else _day(moment, width)


def _quarter(moment: datetime, width: int) -> str:
    quarter = (moment.month + 2) // 3
    if width < 3:
        return f"{quarter:0{width}d}"
    return f"Q{quarter}" if width == 3 else ("1st", "2nd", "3rd", "4th")[quarter - 1] + " quarter"


def _saturday(moment: datetime) -> datetime:
    """The end of the week, which begins on Sunday: a week belongs to the year that it ends in."""
    return moment + timedelta(days=6 - moment.isoweekday() % 7)


def _fraction(moment: datetime, width: int) -> str:
    return f"{moment.microsecond:06d}000"[:width].ljust(width, "0")


def _offset(moment: datetime, width: int, *, zulu: bool) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if zulu and not seconds:
        return "Z"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    sign = "-" if seconds < 0 else "+"
    if width == 1:
        return f"{sign}{hours:02d}" + (f"{minutes:02d}" if minutes else "")
    return f"{sign}{hours:02d}{':' if width in (3, 5) else ''}{minutes:02d}"


def _zone_offset(moment: datetime, width: int) -> str:
    if width == 4:
        return _gmt(moment, width)
    return _offset(moment, width, zulu=True) if width == 5 else _offset(moment, 2, zulu=False)


def _gmt(moment: datetime, width: int) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if not seconds:
        return "GMT"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    sign = "-" if seconds < 0 else "+"
    if width == 4:
        return f"GMT{sign}{hours:02d}:{minutes:02d}"
    return f"GMT{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


def _milliseconds(moment: datetime) -> int:
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1000 + moment.microsecond // 1000


_FIELDS: dict[str, Field] = {
    "G": lambda moment, width: "AD" if width < 4 else "Anno Domini",  # noqa: ARG005
    "u": _year(lambda moment: moment.year),
    "y": _year(lambda moment: moment.year),
    "Y": _year(lambda moment: _saturday(moment).year),
    "w": _number(lambda moment: (_saturday(moment).timetuple().tm_yday + 6) // 7),
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "M": _month,
    "L": _month,
    "d": _number(lambda moment: moment.day),
    "Q": _quarter,
    "q": _quarter,
    "E": _day,
    "e": _local_day,
    "a": lambda moment, width: "AM" if moment.hour < 12 else "PM",  # noqa: ARG005
    "h": _number(lambda moment: (moment.hour + 11) % 12 + 1),
    "K": _number(lambda moment: moment.hour % 12),
    "k": _number(lambda moment: moment.hour or 24),
    "H": _number(lambda moment: moment.hour),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": _fraction,
    "A": _number(_milliseconds),
    "n": _number(lambda moment: moment.microsecond * 1000),
    "N": _number(lambda moment: _milliseconds(moment) * 1_000_000 + moment.microsecond % 1000 * 1000),
    "V": lambda moment, width: str(moment.tzinfo),  # noqa: ARG005
    "z": lambda moment, width: moment.tzname() or "",  # noqa: ARG005
    "O": _gmt,
    "X": lambda moment, width: _offset(moment, width, zulu=True),
    "x": lambda moment, width: _offset(moment, width, zulu=False),
    "Z": _zone_offset,
}
