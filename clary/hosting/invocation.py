"""A request to an endpoint, its answer, and the ways it can fail."""

from collections.abc import AsyncGenerator
from typing import NamedTuple


class Invocation(NamedTuple):
    """What the caller sends."""

    body: bytes
    content_type: str = ""
    accept: str = ""
    target_variant: str = ""
    custom_attributes: str = ""
    inference_id: str = ""
    target_model: str = ""
    target_container: str = ""
    seconds: float = 0.0  # that the model has, all of its containers together; 0: as ever


class Answer(NamedTuple):
    """What the model answered."""

    body: bytes
    content_type: str
    variant: str
    custom_attributes: str = ""


class StreamedAnswer(NamedTuple):
    """What the model answers, its body as it comes; `parts` raises BrokenStream."""

    parts: AsyncGenerator[bytes, None]
    content_type: str
    variant: str
    custom_attributes: str


class BrokenStream(Exception):
    """An answer that was begun does not come to its end; `code` is ModelStreamError's ErrorCode."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EndpointNotFoundError(LookupError):
    """No endpoint of this id is in service."""


class VariantNotFoundError(LookupError):
    """The endpoint has no such variant."""


class InvocationRefused(Exception):
    """The request can't be passed on to a model; the message is in AWS's words."""

    status = 400


class TargetRefused(InvocationRefused):
    """It names a model or a container that the endpoint doesn't have, or none where it must."""


class QueuedOnly(InvocationRefused):
    """The endpoint is asynchronous: it answers what is in its queue."""


class ModelNotReady(InvocationRefused):
    """The model is still being fetched and loaded; asked again later it may answer."""

    status = 429


class ModelFailure(Exception):
    """The model answered 4xx or 5xx (`status`), or nothing at all (status 0)."""

    def __init__(self, status: int, message: str, container: str, log_stream: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.container = container  # "primary", or the container's host name in a pipeline
        self.log_stream = log_stream
