"""What other services do with functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clary.functions import Event
from clary.names import parse_arn
from clary.services.lambda_.errors import ResourceNotFoundException
from clary.services.lambda_.function_record import configuration_of
from clary.services.lambda_.invoke import MOST_BYTES, check_payload, perform
from clary.services.lambda_.naming import parse_name

if TYPE_CHECKING:
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
    configuration = configuration_of(rooms, name)
    event = Event(rooms.clock.uuid(), payload, name.qualified_arn)
    outcome = perform(rooms, name, configuration, event)
    return Invocation(outcome.payload, outcome.error, outcome.log, configuration["Version"])


def check(rooms: Rooms, function_arn: str) -> None:
    """Refuse an ARN that is not that of an existing function, version or alias."""
    arn = parse_arn(function_arn)
    if arn is None or arn.service != "lambda" or not arn.resource.startswith("function:"):
        raise ResourceNotFoundException(f"Function not found: {function_arn}")
    configuration_of(rooms, parse_name(arn.account, arn.region, function_arn))
