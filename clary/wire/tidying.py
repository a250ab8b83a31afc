"""JSON that is right and yet not as the types have it: times as text, "NaN", 5.0 for 5, other names on the wire.

Few requests hold any of these; the types refuse them at first, and take them tidied. A function is compiled for each
shape that needs one.
"""

import math
from collections.abc import Callable
from typing import Any

from clary.wire.model import ServiceModel, Shape
from clary.wire.timestamps import parse_timestamp

Tidy = Callable[[Any], Any]
SPECIAL_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


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
        if shape.type in ("integer", "long"):
            return _integer
        return _number if shape.type in ("float", "double") else None

    def _structure(self, shape: Shape) -> Tidy:
        renamed = {member.location_name: name for name, member in shape.members.items() if not member.location}
        renamed.pop("", None)
        deep = {name: tidy for name, member in shape.members.items() if (tidy := self.of(member.shape))}

        def tidy_structure(value: Any) -> Any:
            if type(value) is not dict:
                return value
            named = ((renamed.get(key, key), item) for key, item in value.items() if key != "__type")
            return {key: deep[key](item) if key in deep else item for key, item in named}

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


def _integer(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value


def _number(value: Any) -> Any:
    return SPECIAL_NUMBERS.get(value, value) if type(value) is str else value
