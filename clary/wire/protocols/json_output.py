"""Dicts by an output shape as JSON: members the shape doesn't know and None dropped, times and names as the model says.

A function is compiled for each shape; scalars that JSON takes as they are need none. What an operation has written as
JSON by itself (msgspec.Raw, JsonParts) goes on as it is.
"""

import math
from collections.abc import Callable
from typing import Any

import msgspec

from clary.wire.call import JsonParts
from clary.wire.model import Reference, ServiceModel, Shape
from clary.wire.timestamps import write_timestamp

Write = Callable[[Any], Any]
_WRITTEN = (msgspec.Raw, JsonParts)
_PLACE = b"\0"  # of parts, in JSON that has no such byte


class JsonOutput:
    """The writers of one service's shapes."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._writers: dict[str, Write | None] = {}

    def of(self, reference: Reference) -> Write | None:
        """The function for a shape as it is used here; None where values are written as they are."""
        shape = self.model.shapes[reference.shape]
        if shape.type == "timestamp":
            form = self.model.timestamp_format(reference, "unixTimestamp")
            if form == "unixTimestamp":
                return lambda seconds: round(seconds, 3)
            return lambda seconds: write_timestamp(seconds, form)
        if reference.shape not in self._writers:
            # A shape that holds itself calls through the table, where its function stands by then.
            self._writers[reference.shape] = lambda value: self._writers[reference.shape](value)  # type: ignore[misc]
            self._writers[reference.shape] = self._compile(shape)
        return self._writers[reference.shape]

    def structure(self, shape: Shape) -> Write:
        """The writer of the members that stand in a body."""
        members = {
            name: (member.location_name or name, self.of(member))
            for name, member in shape.members.items()
            if not member.location
        }

        def write(value: dict[str, Any]) -> dict[str, Any]:
            out = {}
            for name, item in value.items():
                if item is not None and (found := members.get(name)):
                    wire_name, writer = found
                    out[wire_name] = writer(item) if writer and not isinstance(item, _WRITTEN) else item
            return out

        return write

    def _compile(self, shape: Shape) -> Write | None:
        if shape.type == "structure":
            return None if shape.document else self.structure(shape)
        if shape.type == "list" and shape.member:
            return _list(self.of(shape.member))
        if shape.type == "map" and shape.value:
            return _map(self.of(shape.value))
        return write_special_number if shape.type in ("float", "double") else None


def write_json(document: Any) -> bytes | list[bytes]:
    """A document's JSON; where a member of it was written in parts, around these."""
    parts: list[bytes] = []

    def leave_room(found: JsonParts) -> msgspec.Raw:
        parts.extend(found.parts)
        return msgspec.Raw(_PLACE)

    text = msgspec.json.encode(document, enc_hook=leave_room)
    if not parts:
        return text
    before, _, after = text.partition(_PLACE)
    return [before, *parts, after]


def _list(writer: Write | None) -> Write | None:
    return writer and (lambda value: [writer(item) for item in value])


def _map(writer: Write | None) -> Write | None:
    return writer and (lambda value: {key: writer(item) for key, item in value.items()})


def write_special_number(value: float) -> float | str:
    """A number as JSON and XML of AWS have it: NaN and the infinities as words."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
