"""What the REST protocols share: members in the path, the query and the headers."""

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.errors import ServiceError
from clary.wire.call import FileSlice, Reply
from clary.wire.constraints import is_stream
from clary.wire.event_stream import CONTENT_TYPE, EventStream, is_event_stream
from clary.wire.model import Reference, ServiceModel, Shape
from clary.wire.protocols.codec import Codec
from clary.wire.protocols.json_output import write_special_number
from clary.wire.protocols.scalars import parse_scalar
from clary.wire.request import Request
from clary.wire.response import Response
from clary.wire.timestamps import write_timestamp

if TYPE_CHECKING:
    from clary.wire.registry import Operation


class Place(NamedTuple):
    """A member outside the body."""

    member: str
    location: str
    name: str
    shape: Shape
    reference: Reference


class RestCodec(Codec):
    """One operation of a REST service; subclasses know its body's language."""

    def __init__(self, operation: "Operation") -> None:
        super().__init__(operation)
        self._input = self.model.shapes[operation.model.input.shape] if operation.model.input else None
        self._output = self.model.shapes[self.output.shape] if self.output else None
        self._inward = _places(self.model, self._input)
        self._outward = _places(self.model, self._output)
        self._writers = {place.member: _header_writer(self.model, place) for place in self._outward}
        self._payload_out = self._output.payload if self._output else ""
        self._events = _event_stream(self.model, self._output)
        self._reads_body = bool(self._input and self._payload_shape() is None and self._has_body(self._input))

    def decode(self, request: Request, labels: dict[str, str]) -> dict[str, Any]:
        """Labels, parameters and headers, then the body."""
        found: dict[str, Any] = {}
        for place in self._inward:
            value = self._read_place(place, request, labels)
            if value is not None:
                found[place.member] = value
        self._decode_body(request.content, found)
        return found

    def encode(self, reply: Reply, request_id: str) -> Response:
        """Headers by the output shape, then the body."""
        response = Response(reply.status or self.operation.model.http.response_code, self.id_headers(request_id))
        for place in self._outward:
            value = reply.body.get(place.member)
            if value is None:
                continue
            if place.location == "statusCode":
                response.status = int(value)
            elif place.location == "headers":
                response.headers.update((f"{place.name}{key}".lower(), str(text)) for key, text in value.items())
            else:
                response.headers[place.name] = self._writers[place.member](value)
        self._encode_body(reply.body, response)
        response.headers.update((name.lower(), value) for name, value in reply.headers.items())
        return response

    def id_headers(self, request_id: str) -> dict[str, str]:
        """The headers that carry the request's id."""
        return {"x-amzn-requestid": request_id}

    def bad_value(self, place: Place, text: str) -> ServiceError | None:
        """The refusal of a header or parameter that can't be parsed; None to go on as if it were not there."""
        code = "SerializationException"
        return ServiceError(f"{place.name} must be a {place.shape.type}, not {text!r}", code=code, status=400)

    def decode_document(self, content: bytes, reference: Reference) -> Any:
        """A structure that is the whole body."""
        raise NotImplementedError

    def decode_members(self, content: bytes) -> dict[str, Any]:
        """The members that stand in the body, by the name of each in the document."""
        raise NotImplementedError

    def encode_document(self, value: Any, reference: Reference, response: Response) -> bytes:
        """A structure that is the whole body."""
        raise NotImplementedError

    def encode_members(self, value: dict[str, Any], response: Response) -> bytes:
        """The members that stand in the body."""
        raise NotImplementedError

    def _payload_shape(self) -> Shape | None:
        if self._input is None or not self._input.payload:
            return None
        return self.model.shapes[self._input.members[self._input.payload].shape]

    def _has_body(self, shape: Shape) -> bool:
        return any(not member.location for member in shape.members.values())

    def _decode_body(self, content: bytes, found: dict[str, Any]) -> None:
        if self._input is None or self.stream_member:
            return
        payload = self._payload_shape()
        if payload is None:
            if self._reads_body:
                found.update(self.decode_members(content))
        elif payload.type == "blob":
            found[self._input.payload] = content
        elif payload.type == "string":
            found[self._input.payload] = content.decode("utf-8", "replace")
        elif content:
            found[self._input.payload] = self.decode_document(content, self._input.members[self._input.payload])

    def _encode_body(self, body: dict[str, Any], response: Response) -> None:
        if self._output is None:
            return
        if not self._payload_out:
            if self._has_body(self._output):
                response.body = self.encode_members(body, response)
            return
        reference = self._output.members[self._payload_out]
        value = body.get(self._payload_out)
        kind = self.model.shapes[reference.shape].type
        if value is None:
            return
        if self._events:
            response.body = self._events.encode(value)
            response.headers["content-type"] = CONTENT_TYPE
        elif kind == "string" and isinstance(value, str):
            response.body = value.encode()
        elif kind in ("blob", "string") or is_stream(self.model, reference):
            response.body = value
            if isinstance(value, FileSlice):
                response.headers.setdefault("content-length", str(value.length))
        else:
            response.body = self.encode_document(value, reference, response)

    def _read_place(self, place: Place, request: Request, labels: dict[str, str]) -> Any:
        match place.location:
            case "uri":
                return self._parse(place, labels[place.name])
            case "querystring":
                return self._read_query(place, request)
            case "header":
                text = request.headers.get(place.name)
                if text is None:
                    return None
                if place.shape.type == "list":
                    return [part.strip().strip('"') for part in text.split(",") if part.strip()]
                return self._parse(place, text)
        matching = {
            key.removeprefix(place.name): text for key, text in request.headers.items() if key.startswith(place.name)
        }
        return matching or None

    def _read_query(self, place: Place, request: Request) -> Any:
        if place.shape.type == "map":
            bound = {other.name for other in self._inward if other.location == "querystring"}
            return {key: values[0] for key, values in request.query.items() if key not in bound} or None
        values = request.query.get(place.name)
        if values is None:
            return None
        return values if place.shape.type == "list" else self._parse(place, values[0])

    def _parse(self, place: Place, text: str) -> Any:
        if place.shape.type == "string":
            if place.reference.jsonvalue:
                return json.loads(base64.b64decode(text))
            return text
        if text == "":
            return None
        try:
            return parse_scalar(place.shape.type, text)
        except ValueError:
            error = self.bad_value(place, text)
            if error:
                raise error from None
            return None


def _event_stream(model: ServiceModel, shape: Shape | None) -> EventStream | None:
    """What writes the payload where it is a stream of events."""
    payload = shape.members[shape.payload] if shape and shape.payload else None
    return EventStream(model, payload) if payload and is_event_stream(model, payload) else None


def _places(model: ServiceModel, shape: Shape | None) -> list[Place]:
    if shape is None:
        return []
    return [
        Place(name, member.location, _place_name(name, member), model.shapes[member.shape], member)
        for name, member in shape.members.items()
        if member.location
    ]


def _place_name(name: str, member: Reference) -> str:
    given = member.location_name or name
    return given.lower() if member.location in ("header", "headers") else given


def _header_writer(model: ServiceModel, place: Place) -> Callable[[Any], str]:
    kind = place.shape.type
    if kind == "timestamp":
        form = model.timestamp_format(place.reference, "rfc822")
        return lambda seconds: write_timestamp(seconds, form)
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind == "list":
        return lambda value: ",".join(map(str, value))
    if place.reference.jsonvalue:
        return lambda value: base64.b64encode(json.dumps(value).encode()).decode()
    if kind in ("float", "double"):
        return lambda value: str(write_special_number(value))
    return str
