"""What other services do with functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clary.functions import Event
from clary.names import parse_arn
from clary.services.lambda_ import asynchronous
from clary.services.lambda_.errors import ResourceNotFoundException
from clary.services.lambda_.function_record import configuration_of
from clary.services.lambda_.naming import parse_name
from clary.services.lambda_.performing import MOST_BYTES, MOST_EVENT_BYTES, check_payload, perform

if TYPE_CHECKING:
    from clary.services.lambda_.naming import Name
    from clary.wire import Rooms


class Invocation(NamedTuple):
    """What a function answered; `error` is "Unhandled" where it failed, `payload` tells how then."""

    payload: bytes
    error: str
    log: bytes
    version: str


def invoke(rooms: Rooms, scope: tuple[str, str], function: str, payload: bytes) -> Invocation:
    """Have a function, named as its operations name it, handle a payload of JSON; blocks until it has.

    ResourceNotFoundException, TooManyRequestsException, RequestTooLargeException.
    """
    check_payload(payload, MOST_BYTES)
    name = parse_name(*scope, function)
    configuration = configuration_of(rooms, name, by_weight=True)
    event = Event(rooms.clock.uuid(), payload, name.qualified_arn)
    outcome = perform(rooms, name, configuration, event)
    return Invocation(outcome.payload, outcome.error, outcome.log, configuration["Version"])


def enqueue(rooms: Rooms, scope: tuple[str, str], function: str, payload: bytes) -> None:
    """Have a function handle a payload some time; durable on return. The errors of `invoke`."""
    check_payload(payload, MOST_EVENT_BYTES)
    name = parse_name(*scope, function)
    configuration_of(rooms, name)
    asynchronous.enqueue(rooms, name, Event(rooms.clock.uuid(), payload, name.qualified_arn))


def deliver(rooms: Rooms, function_arn: str, payload: bytes) -> None:
    """`enqueue` for the function of an ARN."""
    name = _named(function_arn)
    enqueue(rooms, (name.account, name.region), function_arn, payload)


def check(rooms: Rooms, function_arn: str) -> None:
    """Refuse an ARN that is not that of an existing function, version or alias."""
    configuration_of(rooms, _named(function_arn))


def _named(function_arn: str) -> Name:
    arn = parse_arn(function_arn)
    if arn is None or arn.service != "lambda" or not arn.resource.startswith("function:"):
        raise ResourceNotFoundException(f"Function not found: {function_arn}")
    return parse_name(arn.account, arn.region, function_arn)
