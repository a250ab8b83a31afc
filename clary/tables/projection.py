"""Partition projection: the partitions that a table's parameters tell, so that no catalog has to keep them.

Source: Athena's user guide, "Partition projection with Amazon Athena" and "Supported types for partition projection".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from clary.errors import ClientError

_MOST = 1_000_000
_UNITS = {"YEARS": "years", "MONTHS": "months", "WEEKS": "weeks", "DAYS": "days", "HOURS": "hours"}
_UNITS |= {"MINUTES": "minutes", "SECONDS": "seconds", "MILLISECONDS": "milliseconds"}
_UNITS |= {name.removesuffix("S"): unit for name, unit in list(_UNITS.items())}
_NOW = re.compile(r"NOW(?:\s*([+-])\s*(\d+)\s*([A-Za-z]+))?", re.IGNORECASE)
_LETTERS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z']+)")
_DIRECTIVES = {"y": "%Y", "u": "%Y", "M": "%m", "d": "%d", "H": "%H", "m": "%M", "s": "%S"}
_STEPS = (("s", "seconds"), ("m", "minutes"), ("H", "hours"), ("d", "days"), ("M", "months"), ("y", "years"))


class ProjectionError(ClientError):
    """The parameters make no sense; worded as Athena words it."""


def is_projected(table: dict[str, Any]) -> bool:
    """Whether the parameters tell the table's partitions."""
    return bool((table.get("Parameters") or {}).get("projection.enabled", "").lower() == "true")


class Numbers(NamedTuple):
    """The whole numbers that a condition leaves of a key: from `low` to `high`, and where `only` is known, of these."""

    low: int | None = None
    high: int | None = None
    only: frozenset[int] | None = None

    def above(self, low: int) -> Numbers:
        """Those that are at least so much."""
        return self._replace(low=low if self.low is None else max(low, self.low))

    def below(self, high: int) -> Numbers:
        """Those that are at most so much."""
        return self._replace(high=high if self.high is None else min(high, self.high))

    def among(self, only: frozenset[int]) -> Numbers:
        """Those that are among these."""
        return self._replace(only=only if self.only is None else only & self.only)


class Projection:
    """The values of each key. `now` is in seconds since the epoch; dates are UTC."""

    def __init__(self, table: dict[str, Any], keys: list[str], now: float) -> None:
        self._parameters = {name.lower(): value for name, value in table["Parameters"].items()}
        self._table = f"{table.get('DatabaseName', '')}.{table['Name']}"
        self._root = table.get("StorageDescriptor", {}).get("Location", "").rstrip("/")
        self._keys = keys
        self._now = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)

    def values(self, key: str, constants: list[str] | None, numbers: Numbers) -> list[str]:
        """The values of a key: of an injected one the query's `constants`, of an integer those that may be `numbers`.

        Integers are neither all made nor counted before they are narrowed: a range may hold billions.
        """
        kind = self._given(key, "type").lower()
        if kind == "enum":
            return [value.strip() for value in self._given(key, "values").split(",")]
        if kind == "integer":
            return self._integers(key, numbers)
        if kind == "date":
            return self._dates(key)
        if kind != "injected":
            raise self._problem(f"the type of {key!r} is {kind!r}, not enum, integer, date or injected")
        if constants is None:
            raise ProjectionError(
                f"CONSTRAINT_VIOLATION: For the injected projected partition column {key}, the WHERE clause must "
                f"contain only static equality conditions, and at least one such condition must be present."
            )
        return constants

    def combine(self, rows: list[list[str | None]], values: list[str]) -> list[list[str | None]]:
        """Each row with each value."""
        if len(rows) * len(values) > _MOST:
            raise self._problem(f"it has more than {_MOST} partitions; a filter on its partition keys would help")
        return [[*row, value] for row in rows for value in values]

    def location(self, values: list[str], folder: str) -> str:
        """Where the files of a partition lie."""
        template = self._parameters.get("storage.location.template")
        if template is None:
            return f"{self._root}/{folder}/"
        for key, value in zip(self._keys, values, strict=True):
            template = re.sub(rf"\$\{{{re.escape(key)}\}}", value.replace("\\", "\\\\"), template, flags=re.IGNORECASE)
        if "${" in template:
            raise self._problem(f"storage.location.template names no key of the table: {template!r}")
        return template

    def _given(self, key: str, name: str) -> str:
        value: str | None = self._parameters.get(f"projection.{key}.{name}")
        if value is None:
            raise self._problem(f"projection.{key}.{name} is missing")
        return value.strip()

    def _optional(self, key: str, name: str, default: str) -> str:
        value: str = self._parameters.get(f"projection.{key}.{name}", default)
        return value.strip()

    def _number(self, key: str, name: str, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise self._problem(f"projection.{key}.{name} must be a number, not {text!r}") from None

    def _range(self, key: str) -> tuple[str, str]:
        first, comma, last = self._given(key, "range").partition(",")
        if not comma or "," in last:
            raise self._problem(f"projection.{key}.range must have two values, not {first + comma + last!r}")
        return first.strip(), last.strip()

    def _integers(self, key: str, numbers: Numbers) -> list[str]:
        first, last = (self._number(key, "range", text) for text in self._range(key))
        step = self._number(key, "interval", self._optional(key, "interval", "1"))
        digits = self._number(key, "digits", self._optional(key, "digits", "0"))
        if step < 1:
            raise self._problem(f"projection.{key}.interval must be positive, not {step}")
        found: Iterable[int] = range(first, last + 1, step)
        if numbers.only is not None:
            found = sorted(value for value in numbers.only if value in found)
        else:
            low, high = first, last
            if numbers.low is not None and numbers.low > first:
                low = first + -(-(numbers.low - first) // step) * step
            if numbers.high is not None:
                high = min(last, numbers.high)
            if (high - low) // step > _MOST:
                raise self._problem(
                    f"projection.{key}.range has more than {_MOST} values; a filter on {key!r} would help"
                )
            found = range(low, high + 1, step)
        return [f"{value:0{digits}d}" for value in found]

    def _dates(self, key: str) -> list[str]:
        form = self._given(key, "format")
        texts = self._range(key)
        step = self._number(key, "interval", self._optional(key, "interval", "1"))
        finest = next((unit for letter, unit in _STEPS if letter in _letters(form)), "days")
        named = self._parameters.get(f"projection.{key}.interval.unit")
        unit = finest if named is None else _UNITS.get(named.strip().upper(), "")
        if not unit or step < 1:
            raise self._problem(f"projection.{key}.interval{'' if unit else '.unit'} makes no sense")
        first, last = (self._date(key, form, text) for text in texts)
        found: dict[str, None] = {}
        for count, moment in enumerate(_steps(first, last, step, unit)):
            found[_format(moment, form)] = None
            if count > _MOST:
                raise self._problem(f"projection.{key}.range has more than {_MOST} values")
        return list(found)

    def _date(self, key: str, form: str, text: str) -> datetime:
        match = _NOW.fullmatch(text)
        if match is None:
            try:
                return datetime.strptime(text, _directives(form))
            except ValueError:
                raise self._problem(f"projection.{key}.range: {text!r} is no date of the format {form!r}") from None
        sign, count, name = match.groups()
        if sign is None:
            return self._now
        unit = _UNITS.get(name.upper())
        if unit is None:
            raise self._problem(f"projection.{key}.range: {name!r} is no unit of time")
        return _shift(self._now, int(sign + count), unit)

    def _problem(self, reason: str) -> ProjectionError:
        return ProjectionError(
            f"INVALID_TABLE_PROPERTY: Table {self._table} is configured for partition projection, but {reason}."
        )


def _letters(form: str) -> str:
    """The letters of a Java format that stand for parts of a date; u is y."""
    return "".join(match[2] or "" for match in _LETTERS.finditer(form)).replace("u", "y")


def _directives(form: str) -> str:
    """A format of Java's SimpleDateFormat as one of Python's."""
    parts = []
    for match in _LETTERS.finditer(form):
        quoted, letter, plain = match.groups()
        if letter is not None:
            if letter not in _DIRECTIVES:
                raise ProjectionError(
                    f"INVALID_TABLE_PROPERTY: Clary does not know the letter {letter!r} of the date format {form!r}"
                )
            parts.append("%y" if letter in "yu" and len(match[0]) == 2 else _DIRECTIVES[letter])
        else:
            parts.append((quoted.replace("''", "'") or "'" if quoted is not None else plain).replace("%", "%%"))
    return "".join(parts)


def _format(moment: datetime, form: str) -> str:
    """The moment in a Java format: a letter that stands alone has no leading zero."""
    parts = []
    for match in _LETTERS.finditer(form):
        letter = match[2]
        text = moment.strftime(_directives(match[0]))
        parts.append(text.lstrip("0") or "0" if letter and len(match[0]) == 1 and letter not in "yu" else text)
    return "".join(parts)


def _steps(first: datetime, last: datetime, step: int, unit: str) -> Iterator[datetime]:
    """The moments from first to last."""
    number = 0
    while (moment := _shift(first, number, unit)) <= last:
        yield moment
        number += step


def _shift(moment: datetime, count: int, unit: str) -> datetime:
    """Some units of time later."""
    if unit not in ("years", "months"):
        return moment + timedelta(**{unit: count})
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "years" else 1)
    year, month = divmod(months, 12)
    for day in (moment.day, 30, 29, 28):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError(moment)
