"""Events on their way: from the outbox to their receivers, again and again until each was received."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

import msgspec

from clary.errors import ServiceError
from clary.names import parse_arn
from clary.services.s3.notification import DESTINATIONS

if TYPE_CHECKING:
    from clary.store.outbox import Posted
    from clary.wire import Rooms

log = logging.getLogger(__name__)

_NAME = "s3 events"
_BATCH = 50  # so many events at most come twice after a crash
_FIRST_RETRY = 1.0  # seconds, doubled at each attempt
_LONGEST_RETRY = 300.0
_GIVEN_UP = 24 * 3600.0  # what nobody took for a day is dropped, and said in the log


def watch(rooms: Rooms) -> None:
    """Deliver what the last server left, and from now on whatever comes."""
    deliver = functools.partial(_deliver, rooms)
    rooms.objects.outbox.ring = functools.partial(rooms.events.run, _NAME, deliver)
    rooms.events.run(_NAME, deliver)


def running(rooms: Rooms) -> dict[str, int]:
    """How many events wait for their receivers."""
    return {"S3 events waiting": rooms.objects.outbox.count()}


def deliver_due(rooms: Rooms) -> int:
    """Try once to deliver the events that are due, some at a time; returns how many there were."""
    found = rooms.objects.outbox.due(_BATCH)
    settled: list[int] = []
    again: list[tuple[int, float]] = []
    try:
        for letter in found:
            due = _deliver_one(rooms, letter)
            if due is None:
                settled.append(letter.number)
            else:
                again.append((letter.number, due))
    finally:
        if settled or again:
            rooms.objects.outbox.settle(settled, again)
    return len(found)


def _deliver(rooms: Rooms) -> None:
    if deliver_due(rooms) == _BATCH:
        rooms.events.run(_NAME, functools.partial(_deliver, rooms))
    elif (due := rooms.objects.outbox.next_due()) is not None:
        wait = max(due - rooms.clock.now(), 0.01)
        rooms.events.run_later(_NAME, functools.partial(_deliver, rooms), wait)


def _deliver_one(rooms: Rooms, letter: Posted) -> float | None:
    """None when it is done with, else when to try again."""
    arn = parse_arn(letter.destination)
    service = arn.service if arn else ""
    try:
        if service not in DESTINATIONS:
            raise ServiceError(f"there is no service {service!r} to deliver to")
        DESTINATIONS[service].deliver(rooms, letter.destination, msgspec.json.encode(letter.body))
    except ServiceError as error:
        now = rooms.clock.now()
        if now - letter.created > _GIVEN_UP:
            log.error("an event for %s is dropped after a day: %s", letter.destination, error.message)
            return None
        log.warning("an event for %s is tried again: %s", letter.destination, error.message)
        return now + min(_FIRST_RETRY * 2.0 ** min(letter.attempts, 16), _LONGEST_RETRY)
    return None
