"""awsJson 1.0 and 1.1: the operation in X-Amz-Target, one JSON object each way."""

import re
from typing import TYPE_CHECKING, Any

import msgspec

from clary.wire.call import Reply
from clary.wire.constraints import as_dict
from clary.wire.protocols.codec import Codec
from clary.wire.protocols.json_output import JsonOutput
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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
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
        self._content_type = f"application/x-amz-json-{self.model.metadata.json_version}"
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def read(self, request: Request, labels: dict[str, str]) -> dict[str, Any]:
        """Decoding and validation in one step, as long as nothing is wrong; else one after the other."""
        content = request.content
        if self._decoder is None:
            self._decoder = self._make_decoder()
        if not LINE_BREAK.search(content):
            try:
                return as_dict(self._decoder.decode(content or b"{}"))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
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
        body = msgspec.json.encode(self._write(reply.body)) if self._write else b""
        return Response(reply.status or 200, headers | reply.headers, body)
