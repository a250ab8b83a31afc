"""Metric math: arithmetic and functions on time series, as in GetMetricData's expressions.

`m1 + m2` has a value where both have one; `SUM([m1, m2])` where any has. A function that Clary lacks is refused by
name. Source: the user guide's page "Using math expressions with CloudWatch metrics".
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from clary.services.cloudwatch.errors import ValidationError

# Epoch second -> value.
Series = dict[int, float]
Value = float | Series | list[Series] | str

_TOKEN = re.compile(r'\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_]\w*)|("[^"]*"|\'[^\']*\')|([-+*/^(),\[\]]))')


def evaluate(text: str, lookup: Callable[[str], Series], ids: Sequence[str], period: int) -> Series:
    """The series that an expression stands for; `lookup` gives the series of an id, `ids` are those of all metrics."""
    value = _Evaluation(text, lookup, ids, period).whole()
    if not isinstance(value, dict):
        raise ValidationError(f"The expression {text!r} must return one time series.")
    return value


class _Evaluation:
    """Recursive descent over the tokens: sums of products of powers."""

    def __init__(self, text: str, lookup: Callable[[str], Series], ids: Sequence[str], period: int) -> None:
        self._text = text
        self._lookup = lookup
        self._ids = ids
        self._period = period
        self._tokens = self._split()
        self._next = 0

    def whole(self) -> Value:
        value = self._sum()
        if self._peek():
            raise self._error(f"unexpected {self._peek()!r}")
        return value

    def _sum(self) -> Value:
        value = self._product()
        while (sign := self._peek()) in ("+", "-"):
            self._take()
            value = self._combine(operator.add if sign == "+" else operator.sub, value, self._product())
        return value

    def _product(self) -> Value:
        value = self._signed()
        while (sign := self._peek()) in ("*", "/"):
            self._take()
            value = self._combine(operator.mul if sign == "*" else _divide, value, self._signed())
        return value

    def _signed(self) -> Value:
        if self._peek() == "-":
            self._take()
            return self._combine(operator.mul, -1.0, self._signed())
        base = self._single()
        if self._peek() == "^":
            self._take()
            return self._combine(_power, base, self._signed())
        return base

    def _single(self) -> Value:
        taken = self._take()
        if taken == "(":
            value = self._sum()
            self._expect(")")
            return value
        if taken == "[":
            return self._array()
        if taken[0] in "\"'":
            return taken[1:-1]
        if taken[0].isdigit() or taken[0] == ".":
            return float(taken)
        if self._peek() == "(":
            self._take()
            return self._function(taken)
        if not re.fullmatch(r"[a-z]\w*", taken):
            raise self._error(f"unexpected {taken!r}")
        return self._lookup(taken)

    def _array(self) -> list[Series]:
        found = []
        while True:
            value = self._sum()
            if not isinstance(value, dict):
                raise self._error("an array holds time series")
            found.append(value)
            if self._peek() != ",":
                break
            self._take()
        self._expect("]")
        return found

    def _function(self, name: str) -> Value:
        arguments: list[Value] = []
        while self._peek() != ")":
            arguments.append(self._sum())
            if self._peek() == ",":
                self._take()
        self._expect(")")
        if name == "METRICS":
            wanted = str(arguments[0]) if arguments else ""
            return [self._lookup(one) for one in self._ids if wanted in one]
        if name == "PERIOD":
            return float(self._period)
        function = _FUNCTIONS.get(name)
        if function is None:
            raise ValidationError(
                f"The function {name} in the expression {self._text!r} is not supported by Clary; "
                f"it has {', '.join(sorted([*_FUNCTIONS, 'METRICS', 'PERIOD']))}."
            )
        try:
            return function(*arguments)
        except TypeError:
            raise self._error(f"the arguments of {name} don't fit") from None

    def _combine(self, function: Callable[[float, float], float], left: Value, right: Value) -> Value:
        if isinstance(left, str | list) or isinstance(right, str | list):
            raise self._error("arithmetic needs numbers and time series")
        if isinstance(left, dict) and isinstance(right, dict):
            pairs = {time: function(value, right[time]) for time, value in left.items() if time in right}
        elif isinstance(left, dict):
            number = right
            assert isinstance(number, float)
            pairs = {time: function(value, number) for time, value in left.items()}
        elif isinstance(right, dict):
            pairs = {time: function(left, value) for time, value in right.items()}
        else:
            return function(left, right)
        return {time: value for time, value in pairs.items() if math.isfinite(value)}

    def _split(self) -> list[str]:
        tokens, end = [], 0
        while end < len(self._text.rstrip()):
            found = _TOKEN.match(self._text, end)
            if not found:
                raise self._error(f"unexpected {self._text[end:].strip()[:20]!r}")
            tokens.append(found[0].strip())
            end = found.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise self._error("it ends too soon")
        self._next += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise self._error(f"{token!r} is missing")

    def _error(self, reason: str) -> ValidationError:
        return ValidationError(f"Error in expression {self._text!r}: {reason}.")


def _divide(left: float, right: float) -> float:
    return left / right if right else math.nan


def _power(base: float, exponent: float) -> float:
    try:
        value = base**exponent
    except (OverflowError, ZeroDivisionError):
        return math.nan
    return value if isinstance(value, float) else math.nan


def _aggregate(function: Callable[[list[float]], float]) -> Callable[..., Value]:
    """Of an array: at each time over its series; of one series: a number over its times."""

    def compute(of: Value) -> Value:
        if isinstance(of, dict):
            return float(function(list(of.values()))) if of else {}
        if not isinstance(of, list):
            raise TypeError
        times = sorted({time for series in of for time in series})
        return {time: float(function([series[time] for series in of if time in series])) for time in times}

    return compute


def _each(function: Callable[[float], float]) -> Callable[..., Value]:
    """A function of each value; a value that it isn't defined for is left out."""

    def one(value: float) -> float:
        try:
            return float(function(value))
        except ValueError:
            return math.nan

    def compute(of: Value) -> Value:
        if isinstance(of, float):
            return one(of)
        if not isinstance(of, dict):
            raise TypeError
        return {time: result for time, value in of.items() if math.isfinite(result := one(value))}

    return compute


def _differences(of: Series, *, per_second: bool) -> Series:
    times = sorted(of)
    return {time: (of[time] - of[before]) / (time - before if per_second else 1) for before, time in pairwise(times)}


def _running_sum(of: Series) -> Series:
    total, sums = 0.0, {}
    for time in sorted(of):
        total += of[time]
        sums[time] = total
    return sums


def _diff(of: Value) -> Value:
    return _differences(_series(of), per_second=False)


def _rate(of: Value) -> Value:
    return _differences(_series(of), per_second=True)


def _series(of: Value) -> Series:
    if not isinstance(of, dict):
        raise TypeError
    return of


_FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "SUM": _aggregate(sum),
    "AVG": _aggregate(lambda values: sum(values) / len(values)),
    "MIN": _aggregate(min),
    "MAX": _aggregate(max),
    "ABS": _each(abs),
    "CEIL": _each(math.ceil),
    "FLOOR": _each(math.floor),
    "LOG": _each(math.log),
    "LOG10": _each(math.log10),
    "DIFF": _diff,
    "RATE": _rate,
    "RUNNING_SUM": lambda of: _running_sum(_series(of)),
}
