"""Ranges of hyperparameters, each on its scale from 0 to 1."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Scaling = Literal["Linear", "Logarithmic", "ReverseLogarithmic"]

SPAN = 100.0
"""Where nothing is said of the scale, a positive range whose ends are further apart than this is logarithmic."""


@dataclass(frozen=True)
class Continuous:
    """Real numbers from low to high, both included."""

    name: str
    low: float
    high: float
    scaling: Scaling = "Linear"

    def at(self, place: float) -> float:
        """The value at a place in [0, 1] of the scale."""
        start, end = _scaled(self.low, self.scaling), _scaled(self.high, self.scaling)
        value = _unscaled(start + place * (end - start), self.scaling)
        return min(max(value, self.low), self.high)

    def place_of(self, value: float) -> float:
        """The inverse of `at`."""
        start, end = _scaled(self.low, self.scaling), _scaled(self.high, self.scaling)
        return (_scaled(value, self.scaling) - start) / (end - start) if end > start else 0.0

    def read(self, text: str) -> float | None:
        """The value that a text stands for; None where it is none of this range."""
        try:
            value = float(text)
        except ValueError:
            return None
        return value if self.low <= value <= self.high else None


@dataclass(frozen=True)
class Integer:
    """Whole numbers from low to high, both included."""

    name: str
    low: int
    high: int
    scaling: Scaling = "Linear"

    def at(self, place: float) -> int:
        """The value at a place in [0, 1] of the scale: each has its share, so that both ends are found as often."""
        start, end = _scaled(self.low - 0.5, self.scaling), _scaled(self.high + 0.5, self.scaling)
        value = round(_unscaled(start + place * (end - start), self.scaling))
        return min(max(value, self.low), self.high)

    def read(self, text: str) -> int | None:
        """The value that a text stands for; None where it is none of this range."""
        try:
            value = float(text)
        except ValueError:
            return None
        return int(value) if value.is_integer() and self.low <= value <= self.high else None


@dataclass(frozen=True)
class Categorical:
    """One of a few words."""

    name: str
    values: tuple[str, ...]

    def at(self, place: float) -> str:
        """The value at a place in [0, 1]."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]

    def read(self, text: str) -> str | None:
        """The text, where it is one of the values."""
        return text if text in self.values else None


Range = Continuous | Integer | Categorical


class Space:
    """What is searched: some ranges, each name once."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self.ranges = tuple(ranges)

    def __iter__(self) -> Iterator[Range]:
        return iter(self.ranges)

    def at(self, places: Sequence[float]) -> dict[str, Any]:
        """The values at these places of the scales, one a range."""
        return {row.name: row.at(place) for row, place in zip(self.ranges, places, strict=True)}

    def read(self, texts: Mapping[str, str]) -> dict[str, Any] | None:
        """The values that texts stand for; None where one is missing or outside its range."""
        values = {row.name: row.read(texts.get(row.name, "")) for row in self.ranges}
        return None if None in values.values() else values

    @property
    def combinations(self) -> int:
        """How many there are, where all ranges are categorical."""
        return math.prod(len(row.values) for row in self.ranges if isinstance(row, Categorical))


def scaling_for(low: float, high: float, usual: str = "") -> Scaling:
    """The scale for a range of which nothing is said: the hyperparameter's usual one, else by how wide it is."""
    if low > 0 and (usual == "Logarithmic" or high / low > SPAN):
        return "Logarithmic"
    return "Linear"


def as_text(value: Any) -> str:
    """A value as SageMaker writes hyperparameters: 5, 0.1, word."""
    return repr(value) if isinstance(value, float) else str(value)


def _scaled(value: float, scaling: Scaling) -> float:
    if scaling == "Logarithmic":
        return math.log(value)
    if scaling == "ReverseLogarithmic":
        return -math.log1p(-value)
    return value


def _unscaled(value: float, scaling: Scaling) -> float:
    if scaling == "Logarithmic":
        return math.exp(value)
    if scaling == "ReverseLogarithmic":
        return -math.expm1(-value)
    return value
