"""Log events: put, get and filter."""

from collections.abc import Iterable, Iterator
from typing import Any

from clary.services.logs.errors import InvalidParameterException
from clary.services.logs.filter_pattern import Match, compile_pattern
from clary.services.logs.log_group import position, requested_group, require_group
from clary.services.logs.log_stream import require_stream, sequence_token
from clary.store.log_events import EVENT_OVERHEAD, Event, Group, Span
from clary.store.pages import seal
from clary.wire import Call, operation

_MEBIBYTE = 1_048_576
_HOUR = 3_600_000
_DAY = 24 * _HOUR
_MOST_EVENTS = 10_000

# How many events one FilterLogEvents looks through before it hands back what it has, and a token.
_MOST_SCANNED = 100_000


@operation
def put_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Append events in the order of their times; those too old or too new are left out and reported."""
    group = require_group(call, request["logGroupName"])
    stream = require_stream(call, group.name, request["logStreamName"])
    events = request["logEvents"]
    _check_batch(events)
    first, last, rejected = _acceptable(call, group, [event["timestamp"] for event in events])
    accepted = events[first:last]
    if accepted and accepted[-1]["timestamp"] - accepted[0]["timestamp"] > _DAY:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    stored = [(event["timestamp"] / 1000, event["message"]) for event in accepted]
    call.rooms.logs.append(call.account, call.region, group.name, stream.name, stored)
    stream.next_number += len(stored)
    reply: dict[str, Any] = {"nextSequenceToken": sequence_token(stream)}
    if rejected:
        reply["rejectedLogEventsInfo"] = rejected
    if request.get("entity"):
        # AWS's own way to say that the events were taken and the entity was not.
        reply["rejectedEntityInfo"] = {"errorType": "UnsupportedLogGroupType"}
    return reply


@operation
def get_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A page of one stream, oldest first; its tokens lead on and back, and repeat at either end."""
    group = requested_group(call, request)
    stream = require_stream(call, group.name, request["logStreamName"])
    binding = (call.operation, call.account, call.region, group.name, stream.name)
    token = request.get("nextToken", "")
    here = _token_position(token, *binding)
    backward = token.startswith("b/") if token else not request.get("startFromHead", False)
    start, end = request.get("startTime", 0), request.get("endTime", 2**62)
    span = Span(start=start, end=end, after=here, descending=backward)
    found = call.rooms.logs.read(call.account, call.region, group.name, stream.name, span)
    events = list(_within_limits(found, request.get("limit", _MOST_EVENTS)))
    if backward:
        events.reverse()
    # Without events both tokens stay where the client is, so that it sees the end, and later what is new.
    here = here or (start, -1)
    first, last = ((events[0].time, events[0].number), (events[-1].time, events[-1].number)) if events else (here, here)
    return {
        "events": [
            {"timestamp": event.time, "message": event.message, "ingestionTime": event.ingested} for event in events
        ],
        "nextForwardToken": f"f/{seal(last, *binding)}",
        "nextBackwardToken": f"b/{seal(first, *binding)}",
    }


@operation
def filter_log_events(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A page of the events of a group, or of some of its streams, that match a pattern, in the order of their times."""
    group = requested_group(call, request)
    names, prefix = request.get("logStreamNames", []), request.get("logStreamNamePrefix", "")
    if names and prefix:
        raise InvalidParameterException("logStreamNames and logStreamNamePrefix are mutually exclusive.")
    for name in names:
        require_stream(call, group.name, name)
    pattern = request.get("filterPattern", "")
    matches = compile_pattern(pattern)
    start, end = request.get("startTime", 0), request.get("endTime", 2**62 - 1)
    binding = (call.operation, call.account, call.region, group.name, names, prefix, pattern, start, end)
    descending, *after = position(request, *binding, default=[not request.get("startFromHead", True)])
    # Unlike GetLogEvents, this operation's endTime is inclusive.
    span = Span(start=start, end=end + 1, after=tuple(after) or None, descending=descending)
    scanned = call.rooms.logs.filter(call.account, call.region, group.name, span, names=names, prefix=prefix)
    events, stopped_at = _search(scanned, matches, request.get("limit", _MOST_EVENTS))
    page: dict[str, Any] = {"events": [_found(event) for event in events], "searchedLogStreams": []}
    if stopped_at:
        page["nextToken"] = seal([descending, *stopped_at[:3]], *binding)
    return page


def _check_batch(events: list[dict[str, Any]]) -> None:
    times = [event["timestamp"] for event in events]
    if times != sorted(times):
        raise InvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")
    sizes = [len(event["message"].encode()) + EVENT_OVERHEAD for event in events]
    if max(sizes) > _MEBIBYTE:
        raise InvalidParameterException(f"Log event too large: {max(sizes)} bytes exceeds limit of {_MEBIBYTE}")
    if sum(sizes) > _MEBIBYTE:
        raise InvalidParameterException(f"Upload too large: {sum(sizes)} bytes exceeds limit of {_MEBIBYTE}")


def _acceptable(call: Call, group: Group, times: list[int]) -> tuple[int, int, dict[str, int]]:
    """Where the acceptable events begin and end, and what is reported of the others; the times are in order."""
    now = round(call.rooms.clock.now() * 1000)
    too_old = sum(time < now - 14 * _DAY for time in times)
    expired = sum(time < now - group.retention_days * _DAY for time in times) if group.retention_days else 0
    too_new = sum(time > now + 2 * _HOUR for time in times)
    rejected = {}
    if too_new:
        rejected["tooNewLogEventStartIndex"] = len(times) - too_new
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    return max(too_old, expired), len(times) - too_new, rejected


def _token_position(token: str, *binding: object) -> tuple[int, ...] | None:
    if not token:
        return None
    if not token.startswith(("f/", "b/")):
        raise InvalidParameterException("The specified nextToken is invalid.")
    return tuple(position({"nextToken": token[2:]}, *binding, default=[]))


def _within_limits(events: Iterable[Event], limit: int) -> Iterator[Event]:
    """The events of one reply: at most `limit`, at most 1 MiB, at least one."""
    size = 0
    for number, event in enumerate(events, 1):
        size += event.size
        if number > limit or (size > _MEBIBYTE and number > 1):
            return
        yield event


def _search(events: Iterator[Event], matches: Match, limit: int) -> tuple[list[Event], Event | None]:
    """The events of one reply, and the last event looked at where there may be more."""
    found: list[Event] = []
    size = 0
    last = None
    for scanned, event in enumerate(events):
        if scanned == _MOST_SCANNED:
            return found, last
        if matches(event.message):
            size += event.size
            if len(found) == limit or (size > _MEBIBYTE and found):
                return found, last
            found.append(event)
        last = event
    return found, None


def _found(event: Event) -> dict[str, Any]:
    return {
        "logStreamName": event.stream,
        "timestamp": event.time,
        "message": event.message,
        "ingestionTime": event.ingested,
        "eventId": f"{event.time:016}{event.stream_id:018}{event.number:022}",
    }
