"""Schedules of crawlers: on, off, another."""

from typing import Any

from clary.services.glue.crawler_errors import (
    NoScheduleException,
    SchedulerNotRunningException,
    SchedulerRunningException,
)
from clary.services.glue.crawler_life import watch
from clary.services.glue.crawler_record import SCHEDULED, key_of, not_found
from clary.services.glue.crawler_request import parse_schedule
from clary.services.glue.request import scope_of
from clary.store.records import Record
from clary.wire import Call, operation

_NOT_SCHEDULED = "NOT_SCHEDULED"


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
        if schedule["State"] == SCHEDULED:
            raise SchedulerRunningException(f"Crawler with name {record.key.name} is already scheduled")
        set_schedule(record.body, schedule["ScheduleExpression"], call.rooms.clock.now())

    return _change(call, request, change)


@operation
def stop_crawler_schedule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Turn a crawler's schedule off; a crawl that runs goes on."""

    def change(record: Record) -> None:
        schedule = record.body.get("Schedule")
        if not schedule or schedule["State"] != SCHEDULED:
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
        body["Schedule"] = {"ScheduleExpression": expression, "State": SCHEDULED}
