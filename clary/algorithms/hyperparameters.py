"""An algorithm's hyperparameter table: each row once feeds parsing, error sentences, reference page and tuner."""

import difflib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clary.errors import ClientError

TRUE_WORDS, FALSE_WORDS = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True)
class Hyperparameter:
    """One row. `words` are texts accepted beside the type's own values, such as "auto"."""

    name: str
    help: str
    default: Any = None
    required: bool = False
    tunable: tuple[Any, ...] = ()
    """What a tuner may search: (low, high) or (low, high, scaling) for numbers, the choices for words."""
    aliases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    kind = "FreeText"

    def parse(self, given: Any) -> Any:
        """The value of a text or of a Python value; ValueError with the rest of a sentence where it is wrong."""
        if isinstance(given, str) and given in self.words:
            return given
        value = self._read(given) if isinstance(given, str) else self._convert(given)
        self._check(value)
        return value

    def describe(self) -> dict[str, Any]:
        """The row as SageMaker's HyperParameterSpecification spells it, plus Aliases, Allowed and Recommended."""
        described: dict[str, Any] = {
            "Name": self.name,
            "Description": self.help,
            "Type": self.kind,
            "IsTunable": bool(self.tunable),
            "IsRequired": self.required,
            "Aliases": list(self.aliases),
            "Allowed": self._allowed(),
            "Recommended": list(self.tunable),
        }
        if self.default is not None:
            described["DefaultValue"] = self.default if isinstance(self.default, str) else json.dumps(self.default)
        if (span := self._range()) is not None:
            described["Range"] = span
        return described

    def _read(self, text: str) -> Any:
        """The value that a text stands for."""
        return text

    def _convert(self, given: Any) -> Any:
        """The value that a Python value stands for, as scikit-learn users pass them."""
        return given

    def _check(self, value: Any) -> None:
        """Raise ValueError for a value outside the row's range."""

    def _range(self) -> dict[str, Any] | None:
        """The range as SageMaker's HyperParameterSpecification writes it."""
        return None

    def _allowed(self) -> str:
        """What is allowed, in a few words; empty where anything is."""
        return ""


@dataclass(frozen=True, kw_only=True)
class _Number(Hyperparameter):
    """A number between two ends; `above` and `below` are ends that are not allowed themselves."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None

    def _allowed(self) -> str:
        low = (
            f"[{self.minimum}" if self.minimum is not None else f"({self.above}" if self.above is not None else "(-inf"
        )
        high = (
            f"{self.maximum}]" if self.maximum is not None else f"{self.below})" if self.below is not None else "inf)"
        )
        words = "".join(f" or {word!r}" for word in self.words)
        return f"{low}, {high}{words}"

    def _check(self, value: float) -> None:
        inside = (
            (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )
        if not inside:
            raise ValueError(f"{value} is not in {self._allowed()}")

    def _ends(self, lowest: float, highest: float) -> dict[str, str]:
        low = self.minimum if self.minimum is not None else self.above if self.above is not None else lowest
        high = self.maximum if self.maximum is not None else self.below if self.below is not None else highest
        return {"MinValue": str(low), "MaxValue": str(high)}


@dataclass(frozen=True, kw_only=True)
class Integer(_Number):
    """A whole number."""

    kind = "Integer"

    def _read(self, text: str) -> int:
        return self._convert(_number_of(text))

    def _check(self, value: float) -> None:
        super()._check(value)
        if not -(2**31) <= value < 2**31:
            raise ValueError(f"{value} is not an integer of 32 bits")

    def _convert(self, given: Any) -> int:
        try:
            whole = int(given)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{given!r} is not an integer") from None
        if whole != given or isinstance(given, bool):
            raise ValueError(f"{given!r} is not an integer")
        return whole

    def _range(self) -> dict[str, Any]:
        return {"IntegerParameterRangeSpecification": self._ends(-(2**31), 2**31 - 1)}


@dataclass(frozen=True, kw_only=True)
class Continuous(_Number):
    """A real number; infinity only where `words` has it, NaN never."""

    kind = "Continuous"

    def _read(self, text: str) -> float:
        return self._convert(_number_of(text))

    def _convert(self, given: Any) -> float:
        try:
            value = float(given)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{given!r} is not a number") from None
        if not math.isfinite(value):
            raise ValueError(f"{given!r} is not a finite number")
        return value

    def _range(self) -> dict[str, Any]:
        return {"ContinuousParameterRangeSpecification": self._ends(-1.7976931348623157e308, 1.7976931348623157e308)}


@dataclass(frozen=True, kw_only=True)
class Categorical(Hyperparameter):
    """One of a few words."""

    choices: tuple[str, ...]

    kind = "Categorical"

    def _allowed(self) -> str:
        return f"[{', '.join(self.choices)}]"

    def _check(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{value!r} is not in {self._allowed()}")

    def _range(self) -> dict[str, Any]:
        return {"CategoricalParameterRangeSpecification": {"Values": list(self.choices)}}


@dataclass(frozen=True, kw_only=True)
class Boolean(Hyperparameter):
    """true or false, in any spelling that the SDKs send: `true`, `True`, `1`."""

    kind = "Categorical"

    def _allowed(self) -> str:
        return "[true, false]"

    def _read(self, text: str) -> bool:
        if text.lower() in TRUE_WORDS:
            return True
        if text.lower() in FALSE_WORDS:
            return False
        raise ValueError(f"{text!r} is not in {self._allowed()}")

    def _convert(self, given: Any) -> bool:
        if given not in (True, False):
            raise ValueError(f"{given!r} is not in {self._allowed()}")
        return bool(given)

    def _range(self) -> dict[str, Any]:
        return {"CategoricalParameterRangeSpecification": {"Values": ["true", "false"]}}


@dataclass(frozen=True, kw_only=True)
class Text(Hyperparameter):
    """Free text; `reader` turns it into the value and raises ValueError with what is wrong."""

    reader: Callable[[str], Any] | None = None

    def _read(self, text: str) -> Any:
        return self.reader(text) if self.reader else text


@dataclass(frozen=True, kw_only=True)
class CommaList(Hyperparameter):
    """Words separated by commas, such as `rmse,mae`; `check_item` raises ValueError for a word that is wrong."""

    choices: tuple[str, ...] = ()
    check_item: Callable[[str], None] | None = None

    def _allowed(self) -> str:
        return f"[{', '.join(self.choices)}]" if self.choices else ""

    def _read(self, text: str) -> list[str]:
        return [part.strip() for part in text.split(",")]

    def _convert(self, given: Any) -> list[str]:
        return list(given)

    def _check(self, value: list[str]) -> None:
        for item in value:
            if self.check_item:
                self.check_item(item)
            elif item not in self.choices:
                raise ValueError(f"{item!r} is not in {self._allowed()}")


@dataclass(frozen=True, kw_only=True)
class JsonList(Hyperparameter):
    """A JSON list, such as `["msd", "ssd"]`, of `choices` where there are any."""

    choices: tuple[Any, ...] = ()

    def _allowed(self) -> str:
        return f"[{', '.join(map(str, self.choices))}]" if self.choices else ""

    def _read(self, text: str) -> list[Any]:
        try:
            value = json.loads(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a JSON list") from None
        return self._convert(value)

    def _convert(self, given: Any) -> list[Any]:
        if not isinstance(given, list | tuple):
            raise ValueError(f"{given!r} is not a JSON list")
        return list(given)

    def _check(self, value: list[Any]) -> None:
        for item in value:
            if self.choices and item not in self.choices:
                raise ValueError(f"{item!r} is not in {self._allowed()}")


class Hyperparameters:
    """The table. `rule` looks at all parsed values together and yields a sentence for each that don't fit."""

    def __init__(
        self, *rows: Hyperparameter, rule: Callable[[dict[str, Any]], Iterator[str]] = lambda _: iter(())
    ) -> None:
        self.rows = {row.name: row for row in rows}
        self._spellings = {spelling: row for row in rows for spelling in (row.name, *row.aliases)}
        self._rule = rule

    def __iter__(self) -> Iterator[Hyperparameter]:
        return iter(self.rows.values())

    def __getitem__(self, name: str) -> Hyperparameter:
        return self._spellings[name]

    def __contains__(self, name: object) -> bool:
        return name in self._spellings

    def parse(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every hyperparameter by its name, defaults filled in, from texts (or Python values); None where unset.

        Raises ClientError with a sentence for each that is missing, unknown, malformed or out of range.
        """
        problems: list[str] = []
        values: dict[str, Any] = {row.name: row.default for row in self}
        for spelling, value in given.items():
            row = self._spellings.get(spelling)
            if row is None:
                problems.append(f"Extraneous hyperparameter found: {spelling}{self._suggest(spelling)}")
                continue
            try:
                values[row.name] = row.parse(value)
            except ValueError as error:
                problems.append(f"Hyperparameter {spelling}: {error}")
        missing = [row.name for row in self if row.required and not {row.name, *row.aliases} & given.keys()]
        problems[:0] = [f"Missing required hyperparameter: {name}" for name in missing]
        if not problems:
            problems.extend(self._rule(values))
        if problems:
            raise ClientError("; ".join(problems))
        return values

    def table(self) -> list[dict[str, Any]]:
        """The rows as `Hyperparameter.describe` spells them."""
        return [row.describe() for row in self]

    def _suggest(self, spelling: str) -> str:
        close = difflib.get_close_matches(spelling, self._spellings, 1)
        return f" (did you mean {close[0]}?)" if close else ""


def _number_of(text: str) -> int | float:
    if not text.isascii() or "_" in text:  # Python reads 1_000 as a number, and digits of other scripts
        raise ValueError(f"{text!r} is not a number")
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
