"""awsJson 1.0 and 1.1: the operation in X-Amz-Target, one JSON object each way."""

from typing import TYPE_CHECKING, Any

import msgspec

from clary.wire.call import Reply
from clary.wire.protocols.codec import Codec
from clary.wire.protocols.json_output import JsonOutput
from clary.wire.request import Request
from clary.wire.response import Response
from clary.wire.violations import SerializationException

if TYPE_CHECKING:
    from clary.wire.registry import Operation


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
    tidies = True

    def __init__(self, operation: "Operation") -> None:
        super().__init__(operation)
        self._write = JsonOutput(self.model).structure(self.model.shapes[self.output.shape]) if self.output else None
        self._content_type = f"application/x-amz-json-{self.model.metadata.json_version}"

    def decode(self, request: Request, labels: dict[str, str]) -> dict[str, Any]:  # noqa: ARG002
        """The body's object."""
        return decode_object(request.content)

    def encode(self, reply: Reply, request_id: str) -> Response:
        """The object by the output shape; nothing at all for operations without output."""
        headers = {"x-amzn-requestid": request_id, "content-type": self._content_type}
        body = msgspec.json.encode(self._write(reply.body)) if self._write else b""
        return Response(reply.status or 200, headers | reply.headers, body)
