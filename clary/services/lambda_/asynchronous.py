"""Asynchronous events: kept until they were handled, tried again, and told to a destination in the end."""

from __future__ import annotations

import functools
import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from clary.errors import ServiceError
from clary.functions import Event, Outcome
from clary.names import parse_arn
from clary.services.lambda_ import invoke_config
from clary.services.lambda_.errors import (
    ResourceNotFoundException,
    ServiceException,
    TooManyRequestsException,
)
from clary.services.lambda_.function_record import configuration_of
from clary.services.lambda_.naming import LATEST, Name, parse_name
from clary.services.lambda_.performing import perform
from clary.services.s3 import inside as objects
from clary.store.records import Key
from clary.wire.timestamps import iso8601

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Rooms

log = logging.getLogger("clary.lambda")

EVENT_KIND = "lambda-event"
_RETRY_SECONDS = 60.0  # after the first failure, twice that after the second
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0  # while the function is throttled


class Attempt(NamedTuple):
    """What came of an attempt, the last of so many that failed; no outcome where the function was throttled."""

    failures: int
    version: str
    outcome: Outcome | None


class Place(NamedTuple):
    """Whose event it was, and what the keys of objects that tell of it begin with."""

    account: str
    region: str
    prefix: str


def enqueue(rooms: Rooms, name: Name, event: Event) -> None:
    """Keep an event for a function; durable on return."""
    key = Key(EVENT_KIND, name.account, name.region, event.request_id)
    body = {
        "Function": name.function,
        "Qualifier": name.qualifier,
        "Payload": event.payload.decode(),
        "ClientContext": event.client_context,
        "Failures": 0,
        "Throttles": 0,
        "Due": 0.0,
    }
    rooms.records.create(key, body)
    rooms.functions.queue.add(functools.partial(attempt, rooms, key))


def tell(rooms: Rooms, arn: str, place: Place, document: dict[str, Any]) -> None:
    """Tell a destination what became of an event; durable on return."""
    content = msgspec.json.encode(document)
    parts = parse_arn(arn)
    if parts and parts.service == "s3":
        now = time.gmtime(rooms.clock.now())
        written = time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S", now)
        key = f"{place.prefix}/{written}-{rooms.clock.uuid()}"
        objects.put_object_bytes(rooms, parts.resource, key, content, content_type="application/json")
    else:
        name = parse_name(place.account, place.region, arn)
        enqueue(rooms, name, Event(rooms.clock.uuid(), content, name.qualified_arn))


def recover(rooms: Rooms) -> None:
    """Go on with the events that a server has left."""
    for key, due in rooms.records.every_with(EVENT_KIND, "Due"):
        rooms.functions.queue.add(functools.partial(attempt, rooms, key), due)


def attempt(rooms: Rooms, key: Key) -> float | None:
    """Have an event handled; when to try again, None where it is done with."""
    record = rooms.records.get(key)
    if record is None:
        return None
    body = record.body
    name = Name(key.account, key.region, body["Function"], body["Qualifier"])
    settings = invoke_config.settings_of(rooms, name)
    event = Event(key.name, body["Payload"].encode(), name.qualified_arn, body["ClientContext"])
    try:
        configuration = configuration_of(rooms, name, by_weight=True)
        outcome = perform(rooms, name, configuration, event)
    except ResourceNotFoundException:
        log.warning("%s is gone, and with it the event %s", name.qualified_arn, key.name)
        rooms.records.delete(key)
        return None
    except TooManyRequestsException:
        pause = min(_FIRST_PAUSE * 2.0 ** body["Throttles"], _LONGEST_PAUSE)
        return _later(rooms, record, settings, Attempt(body["Failures"], LATEST, None), pause)
    except ServiceException:  # the server ends: the next one tries again
        return None
    done = Attempt(body["Failures"] + 1, configuration["Version"], outcome)
    if not outcome.error:
        return _finish(rooms, record, settings, done, "Success")
    if done.failures > settings.retries:
        return _finish(rooms, record, settings, done, "RetriesExhausted")
    return _later(rooms, record, settings, done, _RETRY_SECONDS * done.failures)


def _later(rooms: Rooms, record: Record, settings: invoke_config.Settings, done: Attempt, pause: float) -> float | None:
    due = rooms.clock.now() + pause
    if due > record.created + settings.age:
        return _finish(rooms, record, settings, done, "EventAgeExceeded")

    def change(found: Record) -> None:
        found.body["Due"] = due
        found.body["Failures"] = done.failures
        found.body["Throttles"] += done.outcome is None

    return due if rooms.records.change(record.key, change) else None


def _finish(
    rooms: Rooms, record: Record, settings: invoke_config.Settings, done: Attempt, condition: str
) -> float | None:
    """Tell the destination, if there is one, and forget the event."""
    target = settings.on_success if condition == "Success" else settings.on_failure
    if target:
        try:
            tell(rooms, target, _place(record), _document(rooms, record, done, condition))
        except ServiceError as problem:
            log.error("the destination %s of %s fails: %s", target, record.body["Function"], problem)
    rooms.records.delete(record.key)
    return None


def _place(record: Record) -> Place:
    return Place(record.key.account, record.key.region, f"aws/lambda/async/{record.body['Function']}")


def _document(rooms: Rooms, record: Record, done: Attempt, condition: str) -> dict[str, Any]:
    key, body = record.key, record.body
    name = Name(key.account, key.region, body["Function"], body["Qualifier"] or LATEST)
    document: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso8601(rooms.clock.now(), milliseconds=True),
        "requestContext": {
            "requestId": key.name,
            "functionArn": name.qualified_arn,
            "condition": condition,
            "approximateInvokeCount": done.failures,
        },
        "requestPayload": msgspec.Raw(body["Payload"].encode()),
    }
    if done.outcome:
        document["responseContext"] = {"statusCode": 200, "executedVersion": done.version}
        if done.outcome.error:
            document["responseContext"]["functionError"] = done.outcome.error
        document["responsePayload"] = msgspec.Raw(done.outcome.payload)
    return document
