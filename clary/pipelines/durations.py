"""Durations as CacheConfig has them: ISO 8601, also without its P and in small letters."""

import re

_DURATION = re.compile(
    r"P?(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.IGNORECASE,
)
_DAY = 86_400
_SECONDS = {
    "years": 365 * _DAY,
    "months": 30 * _DAY,
    "weeks": 7 * _DAY,
    "days": _DAY,
    "hours": 3600,
    "minutes": 60,
    "seconds": 1,
}


def seconds(text: str) -> float:
    """The seconds of `PT1H`, `30d`, `30dT5h`; ValueError where it is no duration. A year has 365 days, a month 30."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no ISO 8601 duration, such as PT1H or P30D")
    return float(sum(_SECONDS[unit] * int(number) for unit, number in match.groupdict("0").items()))
