"""The types of a Glue table's columns, as Hive writes them: text to a tree, and between that and Arrow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clary.errors import ClientError

if TYPE_CHECKING:
    import pyarrow as pa

_TOKEN = re.compile(r"\s*(?:`((?:[^`]|``)+)`|([<>,:()])|([^\s<>,:()`]+(?:[ ]+precision)?))")
_SYNONYMS = {"integer": "int", "double precision": "double", "real": "float", "numeric": "decimal", "dec": "decimal"}
_PLAIN = frozenset("boolean tinyint smallint int bigint float double string date timestamp binary".split())
_MOST_DIGITS = 38
_DEEPEST = 100
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class HiveType:
    """One type. `arguments` are the numbers of decimal, char and varchar; `names` are the fields of a struct."""

    name: str
    arguments: tuple[int, ...] = ()
    children: tuple[HiveType, ...] = ()
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.name == "struct":
            fields = (f"{name}:{child}" for name, child in zip(self.names, self.children, strict=True))
            return f"struct<{','.join(fields)}>"
        if self.children:
            return f"{self.name}<{','.join(map(str, self.children))}>"
        return f"{self.name}({','.join(map(str, self.arguments))})" if self.arguments else self.name


def parse_hive_type(text: str) -> HiveType:
    """The tree of a type's text; ClientError names the text and what is wrong with it. Names of types mind no case.

    Source: the Hive language manual, "Hive Data Types"; without uniontype, which neither Athena nor Firehose reads.
    """
    reader = _Reader(text)
    found = reader.read_type()
    if reader.at < len(reader.tokens):
        raise reader.problem(f"{reader.tokens[reader.at]!r} follows its end")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        self.at = 0
        self.depth = 0
        end = 0
        for match in _TOKEN.finditer(text):
            if match.start() != end:
                break
            end = match.end()
            quoted, sign, word = match.groups()
            self.tokens.append(quoted.replace("``", "`") if quoted else sign or word)
        if text[end:].strip():
            raise self.problem(f"{text[end:].strip()!r} is not understood")

    def problem(self, reason: str) -> ClientError:
        shown = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."
        return ClientError(f"{shown!r} is not a column type: {reason}")

    def read_type(self) -> HiveType:
        if self.depth > _DEEPEST:
            raise self.problem(f"it has more than {_DEEPEST} types within one another")
        self.depth += 1
        found = self.read_one()
        self.depth -= 1
        return found

    def read_one(self) -> HiveType:
        name = self.take().lower()
        name = _SYNONYMS.get(name, name)
        if name in _PLAIN:
            return HiveType(name)
        if name in ("decimal", "char", "varchar"):
            return self.read_sized(name)
        if name == "array":
            return HiveType(name, children=tuple(self.read_list(1)))
        if name == "map":
            return HiveType(name, children=tuple(self.read_list(2)))
        if name == "struct":
            return self.read_struct()
        raise self.problem(f"there is no type {name!r}")

    def read_sized(self, name: str) -> HiveType:
        numbers: list[int] = []
        if self.tokens[self.at : self.at + 1] == ["("]:
            self.take()
            while True:
                word = self.take()
                if not word.isdecimal():
                    raise self.problem(f"{word!r} is not a number")
                numbers.append(int(word))
                if self.expect(",", ")") == ")":
                    break
        if name == "decimal":
            precision, scale = (*numbers, *(10, 0)[len(numbers) :])[:2]
            if len(numbers) > 2 or not 1 <= precision <= _MOST_DIGITS or scale > precision:
                raise self.problem("decimal takes a precision from 1 to 38 and a scale up to it")
            return HiveType(name, (precision, scale))
        if len(numbers) != 1 or numbers[0] < 1:
            raise self.problem(f"{name} takes one length")
        return HiveType(name, tuple(numbers))

    def read_list(self, count: int) -> list[HiveType]:
        self.expect("<")
        found = [self.read_type()]
        while self.expect(",", ">") == ",":
            found.append(self.read_type())
        if len(found) != count:
            raise self.problem(f"it takes {count} types in <>, not {len(found)}")
        return found

    def read_struct(self) -> HiveType:
        names, children = [], []
        self.expect("<")
        while True:
            names.append(self.take())
            self.expect(":")
            children.append(self.read_type())
            if self.expect(",", ">") == ">":
                return HiveType("struct", children=tuple(children), names=tuple(names))

    def take(self) -> str:
        if self.at == len(self.tokens):
            raise self.problem("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, *wanted: str) -> str:
        token = self.take()
        if token not in wanted:
            raise self.problem(f"expected {' or '.join(wanted)} before {token!r}")
        return token


def to_arrow(hive: HiveType) -> pa.DataType:
    """The Arrow type that holds a column of this type; a timestamp has milliseconds and no zone, as Athena's has."""
    import pyarrow as pa

    plain = {
        "boolean": pa.bool_(),
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("ms"),
        "binary": pa.binary(),
    }
    if hive.name in plain:
        return plain[hive.name]
    children = [to_arrow(child) for child in hive.children]
    if hive.name == "decimal":
        return pa.decimal128(*hive.arguments)
    if hive.name == "array":
        return pa.list_(children[0])
    if hive.name == "map":
        return pa.map_(*children)
    if hive.name == "struct":
        return pa.struct(list(zip(hive.names, children, strict=True)))
    return pa.string()


def from_arrow(arrow: pa.DataType) -> HiveType:
    """The type as Hive writes it; ClientError for what Hive has no type for.

    Unsigned numbers take the next wider type, times of day and durations are the number that a file holds of them.
    """
    from pyarrow import types

    if types.is_dictionary(arrow):
        return from_arrow(arrow.value_type)
    if types.is_decimal(arrow) and arrow.precision <= _MOST_DIGITS:
        return HiveType("decimal", (arrow.precision, arrow.scale))
    if types.is_map(arrow):
        return HiveType("map", children=(from_arrow(arrow.key_type), from_arrow(arrow.item_type)))
    if types.is_struct(arrow):
        fields = [arrow.field(number) for number in range(arrow.num_fields)]
        return HiveType(
            "struct",
            children=tuple(from_arrow(field.type) for field in fields),
            names=tuple(field.name for field in fields),
        )
    if types.is_list(arrow) or types.is_large_list(arrow) or types.is_fixed_size_list(arrow):
        return HiveType("array", children=(from_arrow(arrow.value_type),))
    for matches, name in (
        (types.is_boolean, "boolean"),
        (types.is_int8, "tinyint"),
        (lambda kind: types.is_int16(kind) or types.is_uint8(kind), "smallint"),
        (lambda kind: types.is_int32(kind) or types.is_uint16(kind), "int"),
        (types.is_time32, "int"),
        (lambda kind: types.is_integer(kind) or types.is_time64(kind) or types.is_duration(kind), "bigint"),
        (lambda kind: types.is_float16(kind) or types.is_float32(kind), "float"),
        (types.is_float64, "double"),
        (lambda kind: types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind), "string"),
        (lambda kind: types.is_string_view(kind), "string"),
        (types.is_date, "date"),
        (types.is_timestamp, "timestamp"),
        (lambda kind: types.is_binary(kind) or types.is_large_binary(kind), "binary"),
        (lambda kind: types.is_fixed_size_binary(kind) or types.is_binary_view(kind), "binary"),
    ):
        if matches(arrow):
            return HiveType(name)
    raise ClientError(f"Hive has no type for a column of {arrow}")
