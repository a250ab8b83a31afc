"""JSON values made to fit the types of columns, one by one; what doesn't fit is refused with its reason."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

import msgspec

from clary.tables.hive_types import HiveType
from clary.tables.json_fields import Fields, JsonOptions
from clary.tables.json_times import NUMBER, read_date, read_timestamp

_INTEGERS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_FLOATS = ("float", "double")
_SHOWN = 100
_SPACE = re.compile(r"[ \t\r\n]*")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Unfit(Exception):
    """A value, or a whole record, does not fit; the message says why."""


class Malformed(Unfit):
    """A record is not JSON."""


class Misfit(Unfit):
    """A value does not fit the type of its column, or of a part of it; `path` leads there, and grows on the way out."""

    def __init__(self, value: Any, hive: HiveType) -> None:
        super().__init__()
        self.value, self.hive, self.path = value, hive, ""

    def __str__(self) -> str:
        shown = _text(self.value)
        shown = f"{shown[:_SHOWN]}..." if len(shown) > _SHOWN else shown
        quoted = f'"{shown}"' if type(self.value) is str else shown
        return f"Data does not match the schema: {quoted} does not fit the column {self.path[1:]} of type {self.hive}"


def _refuse_constant(text: str) -> Any:
    raise Malformed(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse_constant)


def read_objects(data: bytes | memoryview) -> Iterator[dict[str, Any]]:
    """The objects of a record, one after another; Unfit for anything else."""
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as problem:
        raise Malformed(f"The record is not UTF-8: {problem.reason} at byte {problem.start}") from None
    end = _SPACE.match(text, 0).end()  # type: ignore[union-attr]
    if end == len(text):
        raise Unfit("The record was empty or contained only whitespace")
    while end < len(text):
        try:
            value, end = _DECODER.raw_decode(text, end)
        except json.JSONDecodeError as problem:
            raise Malformed(f"Malformed JSON: {problem.msg} at character {problem.pos}") from None
        except RecursionError:
            raise Malformed("Malformed JSON: it is nested too deep") from None
        if not isinstance(value, dict):
            raise Unfit(f"A record must be one or more JSON objects, not {_kind(value)}")
        yield value
        end = _SPACE.match(text, end).end()  # type: ignore[union-attr]


class Fitter:
    """Makes objects fit a table: the values are such that any JSON reader takes them for the columns' types.

    Timestamps become milliseconds, dates days, maps lists of keys and values; numbers stay as they are written.
    """

    def __init__(self, fields: Fields, options: JsonOptions) -> None:
        self._fields, self._options = fields, options
        self._structs: dict[HiveType, Fields] = {}

    def fit(self, found: dict[str, Any]) -> bytes:
        """One object as a line of JSON; Unfit names the column."""
        try:
            return msgspec.json.encode(self._struct(found, self._fields))
        except UnicodeEncodeError:
            raise Malformed("Malformed JSON: half of a surrogate pair") from None
        except RecursionError:
            raise Malformed("Malformed JSON: it is nested too deep") from None

    def _struct(self, found: dict[str, Any], fields: Fields) -> dict[str, Any]:
        fitted = {}
        for key, value in found.items():
            number = fields.find(key)
            if number is not None:
                name = fields.names[number]
                try:
                    fitted[name] = self._value(value, fields.types[number])
                except Misfit as problem:
                    problem.path = f".{name}{problem.path}"
                    raise
        return fitted

    def _value(self, value: Any, hive: HiveType) -> Any:
        if value is None:
            return None
        kind = hive.name
        if kind in ("string", "char", "varchar"):
            return _text(value)
        if kind in _INTEGERS:
            return self._integer(value, _INTEGERS[kind], hive)
        if kind in _FLOATS:
            return self._float(value, hive)
        if kind == "boolean":
            return self._boolean(value)
        if kind == "struct" and isinstance(value, dict):
            if hive not in self._structs:
                self._structs[hive] = Fields(list(hive.names), list(hive.children), self._options)
            return self._struct(value, self._structs[hive])
        if kind == "array" and isinstance(value, list):
            return self._list(value, hive.children[0])
        if kind == "map" and isinstance(value, dict):
            return [self._pair(key, item, hive) for key, item in value.items()]
        if kind == "decimal":
            return _decimal(value, hive)
        if kind == "binary" and type(value) is str:
            return value
        return self._time(value, hive)

    def _time(self, value: Any, hive: HiveType) -> Any:
        if hive.name == "timestamp" and isinstance(value, str):
            formats = self._options.timestamp_formats
            if (found := read_timestamp(value, formats, number=isinstance(value, Number))) is not None:
                return found
        if hive.name == "date" and type(value) is str and (days := read_date(value)) is not None:
            return days
        raise Misfit(value, hive)

    def _list(self, items: list[Any], hive: HiveType) -> list[Any]:
        fitted: list[Any] = []
        try:
            fitted.extend(self._value(item, hive) for item in items)
        except Misfit as problem:  # what comes before it is in the list
            problem.path = f"[{len(fitted)}]{problem.path}"
            raise
        return fitted

    def _pair(self, key: str, value: Any, hive: HiveType) -> dict[str, Any]:
        kind = hive.children[0]
        plain = kind.name in (*_INTEGERS, *_FLOATS, "decimal") and NUMBER.fullmatch(key)
        place = "key"
        try:
            fitted = {"key": self._value(Number(key) if plain else key, kind)}
            place = key[:_SHOWN]
            fitted["value"] = self._value(value, hive.children[1])
        except Misfit as problem:
            problem.path = f".{place}{problem.path}"
            raise
        return fitted

    def _integer(self, value: Any, bits: int, hive: HiveType) -> int:
        if self._is_number(value):
            number = _whole(value)
            if number is not None and -(1 << bits - 1) <= number < 1 << bits - 1:
                return number
        raise Misfit(value, hive)

    def _float(self, value: Any, hive: HiveType) -> msgspec.Raw:
        if self._is_number(value) and math.isfinite(float(value)):
            return msgspec.Raw(value.encode())
        raise Misfit(value, hive)

    def _is_number(self, value: Any) -> bool:
        if isinstance(value, Number):
            return True
        return type(value) is str and not self._options.hive and NUMBER.fullmatch(value) is not None

    def _boolean(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if type(value) is str and not self._options.hive and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise Misfit(value, HiveType("boolean"))


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        pass
    number = Decimal(text)
    if number.adjusted() > 40 or number != number.to_integral_value():
        return None
    return int(number)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(_raw(value)).decode()


def _raw(value: Any) -> Any:
    """A value whose numbers stay as they are written."""
    if isinstance(value, Number):
        return msgspec.Raw(value.encode())
    if isinstance(value, dict):
        return {key: _raw(item) for key, item in value.items()}
    return [_raw(item) for item in value] if isinstance(value, list) else value


def _decimal(value: Any, hive: HiveType) -> str:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        precision, scale = hive.arguments
        try:
            with localcontext(prec=precision, rounding=ROUND_HALF_UP):
                return f"{Decimal(value).quantize(Decimal(1).scaleb(-scale)):f}"
        except InvalidOperation:
            pass
    raise Misfit(value, hive)


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "an array"
    if isinstance(value, Number):
        return "a number"
    return "a string" if isinstance(value, str) else "a truth value" if isinstance(value, bool) else "null"
