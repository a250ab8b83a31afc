"""What columns a set of values or of schemas has: the types of values, and how types and schemas that differ meet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from clary.tables.hive_types import HiveType

STRING = HiveType("string")
BOOLEAN = HiveType("boolean")
INT = HiveType("int")
BIGINT = HiveType("bigint")
DOUBLE = HiveType("double")
UNKNOWN = HiveType("null")
"""The type of nothing but nulls: it gives way to any other, and becomes string in the end."""

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double")
_MOST_COLUMNS = 10_000
_INT_LIMIT = 1 << 31
_BIGINT_LIMIT = 1 << 63
_BOOLEANS = frozenset(("true", "false"))


class Column(NamedTuple):
    """One column of a table."""

    name: str
    type: HiveType


def type_of_number(value: int) -> HiveType:
    """int, or bigint where int is too small; double where that is too small, too."""
    if -_INT_LIMIT <= value < _INT_LIMIT:
        return INT
    return BIGINT if -_BIGINT_LIMIT <= value < _BIGINT_LIMIT else DOUBLE


def type_of_texts(values: Iterable[str]) -> HiveType:
    """The narrowest of bigint, double, boolean and string that holds all the texts; empty ones say nothing."""
    filled = set(values)
    filled.discard("")
    if not filled:
        return UNKNOWN
    joined = "\n".join(filled)
    if joined.isascii() and "_" not in joined:  # int() and float() take more
        with suppress(ValueError):
            whole = list(map(int, filled))
            return BIGINT if min(whole) >= -_BIGINT_LIMIT and max(whole) < _BIGINT_LIMIT else DOUBLE
        with suppress(ValueError):
            deque(map(float, filled), maxlen=0)
            return STRING if "n" in joined.lower() else DOUBLE  # "nan", "inf" and "infinity" are words
    return BOOLEAN if all(value.lower() in _BOOLEANS for value in filled) else STRING


def widen(one: HiveType, other: HiveType) -> HiveType:
    """The narrowest type that holds both: of numbers the wider, of structs all fields; else string."""
    if one == other or other == UNKNOWN:
        return one
    if one == UNKNOWN:
        return other
    if one.name in _NUMBERS and other.name in _NUMBERS:
        wider = max(one, other, key=lambda kind: _NUMBERS.index(kind.name))
        return DOUBLE if wider.name == "float" and {one.name, other.name} & {"int", "bigint"} else wider
    if one.name == "decimal" and other.name == "decimal":
        return _widen_decimals(one, other)
    if {one.name, other.name} == {"date", "timestamp"}:
        return HiveType("timestamp")
    if one.name == other.name and one.name in ("array", "map"):
        pairs = zip(one.children, other.children, strict=True)
        return HiveType(one.name, children=tuple(widen(left, right) for left, right in pairs))
    if one.name == other.name == "struct":
        return to_struct(merge([from_struct(one), from_struct(other)]))
    return STRING


def _widen_decimals(one: HiveType, other: HiveType) -> HiveType:
    scale = max(one.arguments[1], other.arguments[1])
    whole = max(one.arguments[0] - one.arguments[1], other.arguments[0] - other.arguments[1])
    return HiveType("decimal", (whole + scale, scale)) if whole + scale <= 38 else DOUBLE


def from_struct(struct: HiveType) -> list[Column]:
    """A struct's fields as columns."""
    return [Column(name, kind) for name, kind in zip(struct.names, struct.children, strict=True)]


def to_struct(columns: Iterable[Column]) -> HiveType:
    """A struct with these fields; string where there is none, as Hive has no empty struct."""
    columns = list(columns)
    if not columns:
        return STRING
    names, children = zip(*columns, strict=True)
    return HiveType("struct", children=children, names=names)


def merge(schemas: Iterable[Sequence[Column]]) -> list[Column]:
    """The columns of the schemas in the order in which they first come, each with the type that holds all of it.

    Objects whose names are data can make more columns than anybody wants; the first 10,000 are enough.
    """
    found: dict[str, HiveType] = {}
    for schema in schemas:
        for name, kind in schema:
            if name in found:
                found[name] = widen(found[name], kind)
            elif len(found) < _MOST_COLUMNS:
                found[name] = kind
    return [Column(name, kind) for name, kind in found.items()]


def settle(kind: HiveType) -> HiveType:
    """The type as a catalogue takes it: what only nulls were seen of is a string."""
    if kind == UNKNOWN:
        return STRING
    if not kind.children:
        return kind
    return HiveType(kind.name, kind.arguments, tuple(map(settle, kind.children)), kind.names)


def lower_names(kind: HiveType) -> HiveType:
    """The type with the names of fields in lower case, as Hive has them; fields that are then the same are one."""
    if kind.name == "struct":
        return to_struct(merge([[Column(name.lower(), lower_names(child))] for name, child in from_struct(kind)]))
    return HiveType(kind.name, kind.arguments, tuple(map(lower_names, kind.children)), kind.names)


def similarity(one: Sequence[Column], other: Sequence[Column]) -> float:
    """How alike two schemas are, from 0 to 1: twice the columns of both over the columns of each.

    A name with two types that only a string holds, such as a number and a list, counts half.
    """
    if not one or not other:
        return float(not one and not other)
    here, there = dict(one), dict(other)
    points = 0.0
    for name, kind in here.items():
        if name in there:
            apart = STRING not in (kind, there[name]) and widen(kind, there[name]) == STRING
            points += 0.5 if apart else 1.0
    return 2 * points / (len(here) + len(there))
