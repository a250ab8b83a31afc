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
from clary.tables.json_times import read_date, read_timestamp

_INTEGERS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_FLOATS = ("float", "double")
_SPACE = re.compile(r"[ \t\r\n]*")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Unfit(Exception):
    """A value, or a whole record, does not fit; the message says why."""


def _refuse_constant(text: str) -> Any:
    raise Unfit(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse_constant)


def read_objects(data: bytes | memoryview) -> Iterator[dict[str, Any]]:
    """The objects of a record, one after another; Unfit for anything else."""
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as problem:
        raise Unfit(f"The record is not UTF-8: {problem.reason} at byte {problem.start}") from None
    end = _SPACE.match(text, 0).end()  # type: ignore[union-attr]
    if end == len(text):
        raise Unfit("The record is empty")
    while end < len(text):
        try:
            value, end = _DECODER.raw_decode(text, end)
        except json.JSONDecodeError as problem:
            raise Unfit(f"Malformed JSON: {problem.msg} at character {problem.pos}") from None
        except RecursionError:
            raise Unfit("Malformed JSON: it is nested too deep") from None
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
            raise Unfit("Malformed JSON: half of a surrogate pair") from None
        except RecursionError:
            raise Unfit("Malformed JSON: it is nested too deep") from None

    def _struct(self, found: dict[str, Any], fields: Fields) -> dict[str, Any]:
        fitted = {}
        for key, value in found.items():
            number = fields.find(key)
            if number is not None:
                name = fields.names[number]
                fitted[name] = self._value(value, fields.types[number], name)
        return fitted

    def _value(self, value: Any, hive: HiveType, where: str) -> Any:
        if value is None:
            return None
        kind = hive.name
        if kind in ("string", "char", "varchar"):
            return _text(value)
        if kind in _INTEGERS:
            return self._integer(value, _INTEGERS[kind], hive, where)
        if kind in _FLOATS:
            return self._float(value, hive, where)
        if kind == "boolean":
            return self._boolean(value, where)
        if kind == "struct" and isinstance(value, dict):
            if hive not in self._structs:
                self._structs[hive] = Fields(list(hive.names), list(hive.children), self._options)
            return self._struct(value, self._structs[hive])
        if kind == "array" and isinstance(value, list):
            return [self._value(item, hive.children[0], where) for item in value]
        if kind == "map" and isinstance(value, dict):
            return [self._pair(key, item, hive, where) for key, item in value.items()]
        if kind == "decimal":
            return _decimal(value, hive, where)
        if kind == "binary" and type(value) is str:
            return value
        return self._time(value, hive, where)

    def _time(self, value: Any, hive: HiveType, where: str) -> Any:
        if hive.name == "timestamp" and isinstance(value, str):
            formats = self._options.timestamp_formats
            if (found := read_timestamp(value, formats, number=isinstance(value, Number))) is not None:
                return found
        if hive.name == "date" and type(value) is str and (days := read_date(value)) is not None:
            return days
        raise _unfit(value, hive, where)

    def _pair(self, key: str, value: Any, hive: HiveType, where: str) -> dict[str, Any]:
        kind = hive.children[0]
        plain = kind.name in (*_INTEGERS, *_FLOATS, "decimal") and _NUMBER.fullmatch(key)
        return {
            "key": self._value(Number(key) if plain else key, kind, where),
            "value": self._value(value, hive.children[1], where),
        }

    def _integer(self, value: Any, bits: int, hive: HiveType, where: str) -> int:
        if self._is_number(value):
            number = _whole(value)
            if number is not None and -(1 << bits - 1) <= number < 1 << bits - 1:
                return number
        raise _unfit(value, hive, where)

    def _float(self, value: Any, hive: HiveType, where: str) -> msgspec.Raw:
        if self._is_number(value) and math.isfinite(float(value)):
            return msgspec.Raw(value.encode())
        raise _unfit(value, hive, where)

    def _is_number(self, value: Any) -> bool:
        if isinstance(value, Number):
            return True
        return type(value) is str and not self._options.hive and _NUMBER.fullmatch(value) is not None

    def _boolean(self, value: Any, where: str) -> bool:
        if isinstance(value, bool):
            return value
        if type(value) is str and not self._options.hive and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise _unfit(value, HiveType("boolean"), where)


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


def _decimal(value: Any, hive: HiveType, where: str) -> str:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        precision, scale = hive.arguments
        try:
            with localcontext(prec=precision, rounding=ROUND_HALF_UP):
                return f"{Decimal(value).quantize(Decimal(1).scaleb(-scale)):f}"
        except InvalidOperation:
            pass
    raise _unfit(value, hive, where)


def _unfit(value: Any, hive: HiveType, where: str) -> Unfit:
    shown = _text(value)
    shown = f"{shown[:100]}..." if len(shown) > 100 else shown
    quoted = f'"{shown}"' if type(value) is str else shown
    return Unfit(f"Data does not match the schema: {quoted} does not fit the column {where} of type {hive}")


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "an array"
    if isinstance(value, Number):
        return "a number"
    return "a string" if isinstance(value, str) else "a truth value" if isinstance(value, bool) else "null"
