"""The requests of asynchronous endpoints: a record each from the moment they are accepted until they are done."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from clary.hosting import Invocation
from clary.hosting.queued import Payload, QueuedRequest, Ticket
from clary.services.s3 import inside as s3
from clary.services.s3.properties import DEFAULT_TYPE
from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.endpoint_deployment import to_spec
from clary.store.records import Key, Query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clary.store.records import Record
    from clary.wire import Rooms

KIND = "sagemaker/async-request"
MOST_WAITING = 100_000
"""Requests of one endpoint: its queue is in memory too."""
PAYLOAD_BYTES = 1 << 30

_PAGE = 100


class RequestKeeper:
    """What the hosting room may do with the requests of one endpoint."""

    def __init__(self, rooms: Rooms, endpoint: Key) -> None:
        self._rooms = rooms
        self._endpoint = endpoint

    def load(self, name: str) -> QueuedRequest | None:
        """A request; None for one that was dropped with its endpoint."""
        record = self._rooms.records.get(self._key(name))
        return None if record is None else _to_request(record.body)

    def forget(self, name: str) -> None:
        """A request is done."""
        self._rooms.records.delete(self._key(name))

    def read(self, uri: str) -> Payload:
        """An object that a request names."""
        location = s3_locations.parse(uri, "InputLocation")
        return Payload(*s3.read_object(self._rooms, *location, PAYLOAD_BYTES))

    def write(self, uri: str, payload: Payload) -> None:
        """Put an answer."""
        location = s3_locations.parse(uri, "S3OutputPath")
        content_type = payload.content_type or DEFAULT_TYPE
        s3.put_object_bytes(self._rooms, *location, payload.body, content_type=content_type)

    def _key(self, name: str) -> Key:
        return self._endpoint._replace(kind=KIND, name=name)


def attend(rooms: Rooms, endpoint: Record, *, recovered: bool = False) -> None:
    """Have the queue of an asynchronous endpoint worked off; after a restart, what a former server left in it first."""
    deployments = [endpoint.body.get(name) or {} for name in ("Deployment", "Pending")]
    tickets = list(_waiting(rooms, endpoint.key)) if recovered else []
    asynchronous = [deployment for deployment in deployments if deployment.get("AsyncInferenceConfig")]
    if asynchronous or tickets:
        serving = next(deployment for deployment in (*asynchronous, *deployments) if deployment)
        rooms.hosting.attend(to_spec(endpoint, serving), RequestKeeper(rooms, endpoint.key), tickets)


def accept(rooms: Rooms, endpoint: Record, body: dict[str, Any]) -> bool:
    """Make a request durable and queue it; False where the endpoint is being deleted meanwhile."""
    micros = int(rooms.clock.now() * 1e6)
    name = f"{endpoint.key.name}/{micros:016}-{rooms.clock.hex(8)}"
    key = endpoint.key._replace(kind=KIND, name=name)
    record = rooms.records.create(key, {**body, "Received": micros / 1e6})
    # Whoever deletes an endpoint marks it, then drops its requests: this one came before, or it sees the mark.
    found = rooms.records.get(endpoint.key)
    if found is None or found.status == "Deleting":
        rooms.records.delete(key)
        return False
    rooms.hosting.enqueue(endpoint.body["EndpointArn"], _to_ticket(record))
    return True


def drop(rooms: Rooms, endpoint: Key) -> None:
    """Drop the requests of an endpoint that is being deleted."""
    rooms.records.delete_below(KIND, endpoint.account, endpoint.region, f"{endpoint.name}/")


def _waiting(rooms: Rooms, endpoint: Key) -> Iterator[Ticket]:
    """All requests of an endpoint, in the order in which they came."""
    query = Query(name_prefix=f"{endpoint.name}/", order_by="name", descending=False, limit=_PAGE)
    return map(_to_ticket, rooms.records.walk(KIND, endpoint.account, endpoint.region, query))


def _to_ticket(record: Record) -> Ticket:
    received = record.body["Received"]
    return Ticket(record.key.name, received, received + record.body["Seconds"])


def _to_request(body: dict[str, Any]) -> QueuedRequest:
    invocation = Invocation(
        body=base64.b64decode(body["Body"]),
        content_type=body["ContentType"],
        accept=body["Accept"],
        custom_attributes=body["CustomAttributes"],
        inference_id=body["InferenceId"],
        seconds=body["Timeout"],
    )
    return QueuedRequest(body["InferenceId"], invocation, body["InputLocation"], body["Output"], body["Failure"])
