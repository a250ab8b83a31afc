"""What every protocol does for an operation: decode its requests, encode its replies, word its refusals."""

from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.wire.body import StreamedBody
from clary.wire.call import Reply
from clary.wire.constraints import is_stream
from clary.wire.request import Request
from clary.wire.response import Response
from clary.wire.violations import summary

if TYPE_CHECKING:
    from clary.wire.registry import Operation

# What a service calls a request that breaks the model, where its operations list such an error.
REFUSALS = ("ValidationException", "InvalidParameterException", "ValidationError")


class Codec:
    """One operation in one protocol."""

    protocol = ""
    default_refusal = "ValidationException"

    def __init__(self, operation: "Operation") -> None:
        self.operation = operation
        self.model = operation.service.model
        self.output = operation.model.output
        shape = self.model.shapes[operation.model.input.shape] if operation.model.input else None
        self.stream_member = ""  # the input member that is handed over as it arrives
        if shape and shape.payload and is_stream(self.model, shape.members[shape.payload]):
            self.stream_member = shape.payload
        # CompleteMultipartUpload's x-amz-checksum-* headers tell of the object, not of the body they come with.
        self.tells_checksums = bool(shape and "ChecksumCRC32" in shape.members and not self.stream_member)

    def read(self, request: Request, labels: dict[str, str]) -> dict[str, Any]:
        """The request decoded and validated; raises ServiceError."""
        return self.operation.validate(self.decode(request, labels), self)

    def decode(self, request: Request, labels: dict[str, str]) -> dict[str, Any]:
        """The request as a dict by the input shape, not yet validated; raises ServiceError where it can't be read."""
        raise NotImplementedError

    def encode(self, reply: Reply, request_id: str) -> Response:
        """The reply as the protocol writes it."""
        raise NotImplementedError

    def attach_stream(self, values: dict[str, Any], body: StreamedBody) -> None:
        """Put the streaming input member into a validated request."""
        values[self.stream_member] = body

    def refusal(self, found: list[str]) -> ServiceError:
        """The error for a request that breaks the model."""
        listed = {reference.shape for reference in self.operation.model.errors}
        code = next((name for name in REFUSALS if name in listed), self.default_refusal)
        if self.model.metadata.aws_query_compatible is not None:
            code = "ValidationError"
        return ServiceError(summary(found), code=code, status=400)
