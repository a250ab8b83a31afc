"""What a JSON body needs before its types are checked: nulls dropped, unknown members refused, times as numbers.

A function is compiled for each shape that needs one; shapes that need nothing cost nothing.
"""

import math
from collections.abc import Callable
from typing import Any

from clary.wire.model import ServiceModel, Shape
from clary.wire.timestamps import parse_timestamp

Tidy = Callable[[Any], Any]
SPECIAL_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class UnknownMember(Exception):
    """A structure has a member that the model doesn't know, or a union not exactly one."""


class Tidying:
    """The tidying functions of one service's shapes."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._functions: dict[str, Tidy | None] = {}

    def of(self, shape: str) -> Tidy | None:
        """The function for a shape; None where there is nothing to tidy."""
        if shape not in self._functions:
            # A shape that holds itself calls through the table, where its function stands by then.
            self._functions[shape] = lambda value: self._functions[shape](value)  # type: ignore[misc]
            self._functions[shape] = self._compile(self.model.shapes[shape])
        return self._functions[shape]

    def _compile(self, shape: Shape) -> Tidy | None:
        if shape.type == "structure":
            return None if shape.document else self._structure(shape)
        if shape.type == "list":
            assert shape.member is not None
            return _each_element(self.of(shape.member.shape))
        if shape.type == "map":
            assert shape.value is not None
            return _each_value(self.of(shape.value.shape))
        if shape.type == "timestamp":
            return _timestamp
        return _number if shape.type in ("float", "double") else None

    def _structure(self, shape: Shape) -> Tidy:
        inside = {name: member for name, member in shape.members.items() if not member.location}
        elsewhere = [name for name, member in shape.members.items() if member.location]  # read from path or headers
        known = frozenset([*elsewhere, *(member.location_name or name for name, member in inside.items())])
        renamed = {member.location_name: name for name, member in inside.items() if member.location_name}
        deep = [(name, tidy) for name, member in inside.items() if (tidy := self.of(member.shape))]
        union = shape.union

        def tidy_structure(value: Any) -> Any:
            if type(value) is not dict:
                return value
            if None in value.values():
                value = {key: item for key, item in value.items() if item is not None}
            if not known >= value.keys():
                value.pop("__type", None)
                if not known >= value.keys():
                    raise UnknownMember
            if union and len(value) != 1:
                raise UnknownMember
            if renamed:
                value = {renamed.get(key, key): item for key, item in value.items()}
            for name, tidy in deep:
                if name in value:
                    value[name] = tidy(value[name])
            return value

        return tidy_structure


def _each_element(tidy: Tidy | None) -> Tidy | None:
    if tidy is None:
        return None
    return lambda value: [tidy(item) for item in value] if type(value) is list else value


def _each_value(tidy: Tidy | None) -> Tidy | None:
    if tidy is None:
        return None
    return lambda value: {key: tidy(item) for key, item in value.items()} if type(value) is dict else value


def _timestamp(value: Any) -> Any:
    if type(value) is not str:
        return value
    try:
        return parse_timestamp(value)
    except ValueError:
        return value  # refused as a string by the type check


def _number(value: Any) -> Any:
    return SPECIAL_NUMBERS.get(value, value) if type(value) is str else value
