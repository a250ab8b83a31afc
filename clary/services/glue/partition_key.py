"""A partition key in an expression: its type, and comparisons of partitions' values with literals."""

import operator
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from clary.services.glue.errors import InvalidInputException, InvalidStateException
from clary.tables.partition_paths import NULL
from clary.tables.wildcards import compile_wildcards

_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))?")
_INTEGER = re.compile(r"[-+]?\d{1,30}")
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class PartitionKey:
    """One key; its tests take all values of a partition and answer None where the key's is null."""

    def __init__(self, index: int, column: dict[str, Any]) -> None:
        self.index = index
        self.name = str(column["Name"]).lower()
        self.type = str(column.get("Type", "string")).lower().partition("(")[0].strip()

    def is_null(self) -> Callable[[Sequence[str]], bool]:
        """Whether the value is Hive's null."""
        return lambda values: self._text(values) == NULL

    def compare(self, sign: str, literal: str) -> Callable[[Sequence[str]], bool | None]:
        """Whether the value and the literal are so."""
        holds, wanted = _SIGNS[sign], self._literal(literal)
        return self._test(lambda value: holds(value, wanted))

    def among(self, literals: Sequence[str]) -> Callable[[Sequence[str]], bool | None]:
        """Whether the value is one of the literals."""
        wanted = frozenset(self._literal(literal) for literal in literals)
        return self._test(lambda value: value in wanted)

    def like(self, pattern: str) -> Callable[[Sequence[str]], bool | None]:
        """Whether the value fits a pattern with % and _."""
        kind, convert = self._reader()
        if convert is not str:
            raise InvalidInputException(f"{kind} data type doesn't support operation 'LIKE'")
        fits = compile_wildcards(pattern, one="_").fullmatch
        return self._test(lambda value: fits(value) is not None)

    def _test(self, holds: Callable[[Any], bool]) -> Callable[[Sequence[str]], bool | None]:
        _, convert = self._reader()

        def test(values: Sequence[str]) -> bool | None:
            text = self._text(values)
            if text == NULL:
                return None
            try:
                value = convert(text)
            except ValueError as problem:
                raise InvalidStateException(str(problem)) from None
            return holds(value)

        return test

    def _text(self, values: Sequence[str]) -> str:
        if self.index >= len(values):
            raise InvalidStateException(f"A partition of the table has {len(values)} values: none for {self.name}.")
        return values[self.index]

    def _literal(self, text: str) -> Any:
        try:
            return self._reader()[1](text)
        except ValueError as problem:
            raise InvalidInputException(str(problem)) from None

    def _reader(self) -> tuple[str, Callable[[str], Any]]:
        if self.type not in _READERS:
            raise InvalidInputException(f"Unknown type : '{self.type}'")
        return _READERS[self.type]


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f'"{text}" is not an integer.')
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ValueError(f"{text} is not a decimal.")
    return found


def _date(text: str) -> date:
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{text} is not a date.")


def _timestamp(text: str) -> str:
    """The same moment in a form that sorts."""
    match = _TIMESTAMP.fullmatch(text)
    try:
        if match:
            datetime.fromisoformat(match[1])
            return f"{match[1]}.{(match[2] or '').ljust(9, '0')}"
    except ValueError:
        pass
    raise ValueError(f"Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff]: {text} is not a timestamp.")


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "integer", "bigint", "long"), ("Integral", _integer)),
    **dict.fromkeys(("string", "char", "varchar"), ("String", str)),
    "decimal": ("Decimal", _decimal),
    "date": ("Date", _date),
    "timestamp": ("Timestamp", _timestamp),
}
