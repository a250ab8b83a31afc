"""awsJson 1.0 and 1.1: the operation in X-Amz-Target, one JSON object each way."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from clary.wire.call import Reply
from clary.wire.constraints import as_dict
from clary.wire.event_stream import CONTENT_TYPE, Events, EventStream, frame, is_event_stream
from clary.wire.model import Reference, ServiceModel
from clary.wire.protocols.codec import Codec
from clary.wire.protocols.json_output import JsonOutput, write_json
from clary.wire.request import Request
from clary.wire.response import Response
from clary.wire.violations import SerializationException

if TYPE_CHECKING:
    from clary.wire.registry import Operation

LINE_BREAK = re.compile(rb"\\(?:n|u000)")  # as JSON writes it within a string


def decode_object(content: bytes) -> dict[str, Any]:
    """A JSON object; an empty body is an empty one. Raises SerializationException."""
    if not content:
        return {}
    try:
        document = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise SerializationException(f"The body is not valid JSON: {error}") from None
    if type(document) is not dict:
        raise SerializationException("The body must be a JSON object")
    return document


class AwsJson(Codec):
    """One operation in awsJson."""

    protocol = "json"

    def __init__(self, operation: "Operation") -> None:
        super().__init__(operation)
        self._write = JsonOutput(self.model).structure(self.model.shapes[self.output.shape]) if self.output else None
        self._stream_member, self._events = _event_stream(self.model, self.output)
        self._content_type = f"application/x-amz-json-{self.model.metadata.json_version}"
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def read(self, request: Request, labels: dict[str, str]) -> dict[str, Any]:
        """Decoding and validation in one step, as long as nothing is wrong; else one after the other."""
        content = request.content
        if self._decoder is None:
            self._decoder = self._make_decoder()
        if b"\\" not in content or not LINE_BREAK.search(content):
            try:
                return as_dict(self._decoder.decode(content or b"{}"))
            except (ValueError, RecursionError):
                pass  # a ValidationError too: the slow way finds out what it is, or that it is right after all
        return super().read(request, labels)

    def decode(self, request: Request, labels: dict[str, str]) -> dict[str, Any]:  # noqa: ARG002
        """The body's object."""
        document = decode_object(request.content)
        input_ = self.operation.model.input
        tidy = self.operation.service.tidying.of(input_.shape) if input_ else None
        tidied: dict[str, Any] = tidy(document) if tidy else document
        return tidied

    def _make_decoder(self) -> "msgspec.json.Decoder[Any]":
        input_ = self.operation.model.input
        return msgspec.json.Decoder(self.operation.service.one_line_constraints.of(input_.shape) if input_ else dict)

    def encode(self, reply: Reply, request_id: str) -> Response:
        """The object by the output shape; nothing at all for operations without output."""
        headers = {"x-amzn-requestid": request_id, "content-type": self._content_type}
        if self._events and reply.body.get(self._stream_member) is not None:
            headers["content-type"] = CONTENT_TYPE
            return Response(200, headers | reply.headers, self._stream(reply.body))
        body = write_json(self._write(reply.body)) if self._write else b""
        return Response(reply.status or 200, headers | reply.headers, body)

    async def _stream(self, body: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        """First the other members, in an event that clients wait for, then those of the stream."""
        assert self._events is not None
        assert self._write is not None
        events: Events = body[self._stream_member]
        rest = {name: value for name, value in body.items() if name != self._stream_member}
        async with aclosing(self._events.encode(events)) as messages:
            headers = {":event-type": "initial-response", ":content-type": self._content_type, ":message-type": "event"}
            yield frame(headers, msgspec.json.encode(self._write(rest)))
            async for message in messages:
                yield message


def _event_stream(model: ServiceModel, output: Reference | None) -> tuple[str, EventStream | None]:
    """The member that is a stream of events, and what writes it."""
    members = model.shapes[output.shape].members if output else {}
    for name, member in members.items():
        if is_event_stream(model, member):
            return name, EventStream(model, member)
    return "", None
