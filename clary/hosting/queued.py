"""The requests of an asynchronous endpoint, as the hosting room sees them; a keeper has them where they are durable."""

from typing import NamedTuple, Protocol

from clary.hosting.invocation import Invocation


class Ticket(NamedTuple):
    """A request's place in the queue."""

    name: str
    """What its keeper calls it."""
    received: float
    deadline: float
    """When it has waited too long, in epoch seconds as `received` is."""


class QueuedRequest(NamedTuple):
    """What is to be done for a ticket."""

    inference_id: str
    invocation: Invocation
    """Its body is empty where the payload lies in S3."""
    source: str
    """The payload's URI; "" where it came with the request."""
    output: str
    """The URI at which the answer belongs."""
    failure: str
    """Where it is to be said why there is none; "" for nowhere."""


class Payload(NamedTuple):
    """An object's bytes."""

    body: bytes
    content_type: str


class Keeper(Protocol):
    """Where requests and payloads are; its functions block, and raise ServiceError."""

    def load(self, name: str) -> QueuedRequest | None:
        """A request; None for one that was dropped with its endpoint."""

    def forget(self, name: str) -> None:
        """A request is done."""

    def read(self, uri: str) -> Payload:
        """An object."""

    def write(self, uri: str, payload: Payload) -> None:
        """Put an object: whole, and durable when this returns."""
