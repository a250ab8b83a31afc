"""One event for one function: checked, handled, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from clary.functions import BadArchive, Closing, Event, Outcome, Throttled
from clary.sandbox import SandboxError
from clary.services.lambda_ import measurements
from clary.services.lambda_.errors import (
    InvalidRequestContentException,
    RequestTooLargeException,
    ServiceException,
    TooManyRequestsException,
)
from clary.services.lambda_.function_record import Configuration, spec_of

if TYPE_CHECKING:
    from clary.services.lambda_.naming import Name
    from clary.wire import Rooms

MOST_BYTES, MOST_EVENT_BYTES = 6_291_456, 1_048_576


def perform(rooms: Rooms, name: Name, configuration: Configuration, event: Event) -> Outcome:
    """Have an event handled; TooManyRequestsException."""
    try:
        outcome = rooms.functions.invoke(spec_of(name, configuration), event)
    except Throttled as throttled:
        measurements.throttled(rooms, name)
        raise TooManyRequestsException(throttled.reason) from None
    except (SandboxError, BadArchive) as problem:  # an archive was unpacked before: the disk is full
        raise ServiceException(str(problem)) from None
    except Closing:
        raise server_ended() from None
    measurements.invoked(rooms, name, outcome)
    return outcome


def server_ended() -> ServiceException:
    """The refusal of an event that was perhaps handled."""
    return ServiceException("The server ended while the function ran.")


def check_payload(payload: bytes, most: int) -> None:
    """Refuse what is too large or isn't JSON."""
    if len(payload) > most:
        raise RequestTooLargeException(f"Request must be smaller than {most} bytes for the InvokeFunction operation")
    try:
        payload.decode()
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (ValueError, RecursionError) as problem:
        raise InvalidRequestContentException(f"Could not parse request body into json: {problem}") from None
