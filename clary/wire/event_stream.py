"""The binary framing of AWS's event streams (application/vnd.amazon.eventstream): many messages in one answer.

A message: its length and that of its headers, a CRC of these two, headers, payload, a CRC of all before it.
"""

import struct
import zlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from clary.errors import ServiceError
from clary.wire.model import Reference, ServiceModel
from clary.wire.protocols.json_output import JsonOutput

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
_OVERHEAD = 16  # prelude, its CRC and that of the message

Events = AsyncGenerator[Mapping[str, Any], None]
"""Each a mapping of one name, that of an event in the shape of the stream, to its members. A ServiceError ends it."""


def is_event_stream(model: ServiceModel, reference: Reference) -> bool:
    """Whether a member is a stream of events."""
    return model.shapes[reference.shape].eventstream


class EventStream:
    """Writes the events of one shape, those of JSON protocols."""

    def __init__(self, model: ServiceModel, reference: Reference) -> None:
        output = JsonOutput(model)
        self._model = model
        self._shapes = {
            name: model.shapes[member.shape] for name, member in model.shapes[reference.shape].members.items()
        }
        self._fault = next((name for name, shape in self._shapes.items() if shape.exception and shape.fault), "")
        self._writers = {name: output.structure(shape) for name, shape in self._shapes.items()}

    async def encode(self, events: Events) -> AsyncGenerator[bytes, None]:
        """The events as messages; a ServiceError becomes the last of them, as the stream's exception of its code."""
        async with aclosing(events):
            try:
                async for event in events:
                    [(name, members)] = event.items()
                    yield self.message(name, members)
            except ServiceError as error:
                yield self.exception(error)

    def exception(self, error: ServiceError) -> bytes:
        """An error that ends the stream; one that the shape doesn't have, as its failure of the service."""
        name = error.code if error.code in self._shapes else self._fault
        member = next(member for member in self._shapes[name].members if member.lower() == "message")
        return self.message(name, {member: error.message, **error.fields})

    def message(self, name: str, members: Mapping[str, Any]) -> bytes:
        """One event or exception."""
        shape = self._shapes[name]
        kind = "exception" if shape.exception else "event"
        headers = {f":{kind}-type": name, ":message-type": kind}
        payload = next((member for member, reference in shape.members.items() if reference.eventpayload), "")
        if payload and self._model.shapes[shape.members[payload].shape].type == "blob":
            return frame({":content-type": "application/octet-stream", **headers}, bytes(members.get(payload) or b""))
        content = msgspec.json.encode(self._writers[name](dict(members)))
        return frame({":content-type": "application/json", **headers}, content)


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with headers of text."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = struct.pack(">II", _OVERHEAD + len(head) + len(payload), len(head))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value
