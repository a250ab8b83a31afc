"""A request to an endpoint, its answer, and the ways it can fail."""

from typing import NamedTuple


class Invocation(NamedTuple):
    """What the caller sends."""

    body: bytes
    content_type: str = ""
    accept: str = ""
    target_variant: str = ""
    custom_attributes: str = ""
    inference_id: str = ""
    seconds: float = 0.0  # that the model has, all of its containers together; 0: as ever


class Answer(NamedTuple):
    """What the model answered."""

    body: bytes
    content_type: str
    variant: str
    custom_attributes: str = ""


class EndpointNotFoundError(LookupError):
    """No endpoint of this id is in service."""


class VariantNotFoundError(LookupError):
    """The endpoint has no such variant."""


class QueuedOnlyError(LookupError):
    """The endpoint answers only what is in its queue: it is asynchronous."""


class ModelFailure(Exception):
    """The model answered 4xx or 5xx (`status`), or nothing at all (status 0)."""

    def __init__(self, status: int, message: str, container: str, log_stream: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.container = container  # "primary", or the container's host name in a pipeline
        self.log_stream = log_stream
