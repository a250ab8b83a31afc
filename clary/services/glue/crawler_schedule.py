"""Schedules of crawlers: on, off, another; and what starts the crawlers that are due."""

import functools
from contextlib import suppress
from typing import Any

from clary.errors import ServiceError
from clary.jobs.host import Scope
from clary.services.glue.crawler_errors import (
    NoScheduleException,
    SchedulerNotRunningException,
    SchedulerRunningException,
)
from clary.services.glue.crawler_record import CRAWLER, READY, key_of, not_found
from clary.services.glue.crawler_request import parse_schedule
from clary.services.glue.request import scope_of
from clary.store.records import Record
from clary.wire import Call, Rooms, operation

_NAME = "glue crawlers"
_LONGEST_SLEEP = 60.0
_SCHEDULED, _NOT_SCHEDULED = "SCHEDULED", "NOT_SCHEDULED"


@operation
def update_crawler_schedule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a crawler another schedule; an empty one takes it away."""

    def change(record: Record) -> None:
        set_schedule(record.body, request.get("Schedule", ""), call.rooms.clock.now())

    return _change(call, request, change)


@operation
def start_crawler_schedule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Turn a crawler's schedule on."""

    def change(record: Record) -> None:
        schedule = record.body.get("Schedule")
        if not schedule:
            raise NoScheduleException(f"Crawler with name {record.key.name} doesn't have a schedule")
        if schedule["State"] == _SCHEDULED:
            raise SchedulerRunningException(f"Crawler with name {record.key.name} is already scheduled")
        set_schedule(record.body, schedule["ScheduleExpression"], call.rooms.clock.now())

    return _change(call, request, change)


@operation
def stop_crawler_schedule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Turn a crawler's schedule off; a crawl that runs goes on."""

    def change(record: Record) -> None:
        schedule = record.body.get("Schedule")
        if not schedule or schedule["State"] != _SCHEDULED:
            raise SchedulerNotRunningException(f"Crawler with name {record.key.name} is not scheduled")
        schedule["State"] = _NOT_SCHEDULED
        record.body["Next"] = None

    return _change(call, request, change)


def _change(call: Call, request: dict[str, Any], change: Any) -> dict[str, Any]:
    name = request["CrawlerName"]
    if call.rooms.records.change(key_of(scope_of(call, request), name), change) is None:
        raise not_found(name)
    watch(call.rooms)
    return {}


def set_schedule(body: dict[str, Any], expression: str, now: float) -> None:
    """Write a schedule that is on into a crawler's body, or none."""
    body.pop("Schedule", None)
    body["Next"] = None
    if expression:
        body["Next"] = parse_schedule(expression).after(now)
        body["Schedule"] = {"ScheduleExpression": expression, "State": _SCHEDULED}


def watch(rooms: Rooms) -> None:
    """See to the crawlers that are due from now on, as long as one has a schedule; may be asked for at any time."""
    times = [record.body["Next"] for record in rooms.records.every(CRAWLER) if record.body.get("Next")]
    if times:
        seconds = min(max(min(times) - rooms.clock.now(), 0.0), _LONGEST_SLEEP)
        rooms.background.run_later(_NAME, functools.partial(start_due, rooms), seconds)


def start_due(rooms: Rooms) -> None:
    """Start the crawlers whose time has come; one that runs already is left to it."""
    from clary.services.glue.crawler_life import begin  # what it starts comes back here at its end

    now = rooms.clock.now()
    for record in list(rooms.records.every(CRAWLER)):
        if record.body.get("Next") and record.body["Next"] <= now:
            rooms.records.change(record.key, lambda found: _move_on(found, now))
            if record.status == READY:
                with suppress(ServiceError):  # somebody was quicker
                    begin(rooms, Scope(record.key.account, record.key.region), record.key.name)
    watch(rooms)


def _move_on(record: Record, now: float) -> None:
    schedule = record.body.get("Schedule")
    if schedule and schedule["State"] == _SCHEDULED:
        record.body["Next"] = parse_schedule(schedule["ScheduleExpression"]).after(now)
