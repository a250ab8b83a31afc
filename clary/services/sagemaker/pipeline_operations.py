"""SageMaker's operations, called from within: decoded, validated and encoded as those of a client are."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from clary.access.identities import Identity, unique_id
from clary.names import make_arn, parse_arn
from clary.wire import Call, Registry, Reply

if TYPE_CHECKING:
    from clary.wire import Rooms
    from clary.wire.registry import Operation, Service


class Actor(NamedTuple):
    """On whose behalf an operation is called."""

    account: str
    region: str
    role: str
    """The ARN of a role."""


@functools.cache
def _service() -> Service:
    return Registry.load(["sagemaker"]).services["sagemaker"]


def exists(operation: str) -> bool:
    """Whether this server has an operation."""
    return _service().operations[operation].function is not None


def members(operation: str) -> tuple[set[str], set[str]]:
    """The names of the top-level members of an operation's input and of its output."""
    found = _service().operations[operation].model
    shapes = _service().model.shapes
    inputs, outputs = (set(shapes[place.shape].members) if place else set() for place in (found.input, found.output))
    return inputs, outputs


def do(rooms: Rooms, actor: Actor, operation: str, document: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request, as a client would read it; raises ServiceError."""
    found = _service().operations[operation]
    assert found.function is not None
    codec = found.codec("json")
    request = found.validate(_tidied(found, document), codec)
    result = found.function(_call(rooms, actor, operation), request)
    if found.is_async:
        result = asyncio.run(result)
    reply = codec.encode(result if isinstance(result, Reply) else Reply(result or {}), "")
    assert isinstance(reply.body, bytes)
    return msgspec.json.decode(reply.body or b"{}", type=dict[str, Any])


def _tidied(operation: Operation, document: dict[str, Any]) -> dict[str, Any]:
    place = operation.model.input
    tidy = operation.service.tidying.of(place.shape) if place else None
    tidied: dict[str, Any] = tidy(document) if tidy else document
    return tidied


def _call(rooms: Rooms, actor: Actor, operation: str) -> Call:
    parts = parse_arn(actor.role)
    name = parts.resource.rsplit("/", 1)[-1] if parts else actor.role
    session = make_arn("sts", "", actor.account, f"assumed-role/{name}/SageMaker")
    return Call(
        rooms=rooms,
        service="sagemaker",
        operation=operation,
        account=actor.account,
        region=actor.region,
        identity=Identity(actor.account, session, f"{unique_id('AROA', name)}:SageMaker", ""),
        request_id=rooms.clock.uuid(),
        headers={},
        source_ip="127.0.0.1",
        base_url="",
    )
