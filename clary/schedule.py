"""When something is due: `at(...)`, `rate(...)` and `cron(...)`."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from clary.errors import ValidationException

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_DAYS_AHEAD = 5 * 366


class Schedule(NamedTuple):
    """An expression, the time zone that it is meant in, and the times between which it holds."""

    expression: str
    timezone: str = "UTC"
    start: float = 0.0
    end: float = math.inf

    def after(self, moment: float) -> float | None:
        """The first time later than this; None where there is none. ValidationException for a bad expression."""
        found = self._after(max(moment, math.nextafter(self.start, -math.inf)))
        return None if found is None or found > self.end else found

    def _after(self, moment: float) -> float | None:
        kind, _, inner = self.expression.partition("(")
        if inner.endswith(")"):
            if kind == "at":
                return self._at(inner[:-1], moment)
            if kind == "rate":
                return self._rate(inner[:-1], moment)
            if kind == "cron":
                return self._cron(inner[:-1], moment)
        raise self._error()

    def _at(self, text: str, moment: float) -> float | None:
        try:
            due = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=self._zone()).timestamp()
        except ValueError:
            raise self._error() from None
        return due if due > moment else None

    def _rate(self, text: str, moment: float) -> float:
        found = re.fullmatch(r"([1-9]\d*) (minute|hour|day)s?", text)
        if found is None:
            raise self._error()
        seconds = int(found[1]) * _UNITS[found[2]]
        return self.start + (math.floor((moment - self.start) / seconds) + 1) * seconds

    def _cron(self, text: str, moment: float) -> float | None:
        parts = text.split()
        if len(parts) != 6 or (parts[2] == "?") == (parts[4] == "?"):
            raise self._error()
        minutes, hours = self._field(parts[0], 0, 59), self._field(parts[1], 0, 23)
        days, months = self._field(parts[2], 1, 31), self._field(parts[3], 1, 12, _MONTHS)
        weekdays, years = self._field(parts[4], 1, 7, _WEEKDAYS), self._field(parts[5], 1970, 2199)
        zone = self._zone()
        first = datetime.fromtimestamp(moment, zone).date()
        for day in (first + timedelta(days=number) for number in range(_DAYS_AHEAD)):
            if day.day in days and day.month in months and day.year in years and _weekday(day) in weekdays:
                times = (datetime.combine(day, time(h, m), zone).timestamp() for h in hours for m in minutes)
                if due := [moment_ for moment_ in times if moment_ > moment]:
                    return min(due)
        return None

    def _field(self, text: str, low: int, high: int, names: tuple[str, ...] = ()) -> list[int]:
        """The values that one field of a cron expression stands for."""
        found: set[int] = set()
        for part in text.upper().split(","):
            body, _, step = part.partition("/")
            first, _, last = body.partition("-")
            try:
                if body in ("*", "?"):
                    start, end = low, high
                else:
                    start = self._number(first, low, names)
                    end = self._number(last, low, names) if last else high if step else start
                width = int(step) if step else 1
            except ValueError:
                raise self._error() from None
            if not (low <= start <= end <= high and width > 0):
                raise self._error()
            found.update(range(start, end + 1, width))
        return sorted(found)

    def _number(self, text: str, low: int, names: tuple[str, ...]) -> int:
        return names.index(text) + low if text in names else int(text)

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise ValidationException(f"Timezone {self.timezone!r} is not known.") from None

    def _error(self) -> ValidationException:
        return ValidationException(
            f"Schedule {self.expression!r} is none that Clary knows: at(yyyy-mm-ddThh:mm:ss), rate(value unit) or "
            "cron(minutes hours day-of-month month day-of-week year), without L, W and #."
        )


def _weekday(day: date) -> int:
    """1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % 7 + 1
