"""Log streams: create, describe, delete."""

from typing import Any

from clary.services.logs.errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from clary.services.logs.log_group import PAGE, position, requested_group, require_group
from clary.store.log_events import Stream
from clary.store.pages import seal
from clary.wire import Call, operation


@operation
def create_log_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new stream of a group."""
    group = require_group(call, request["logGroupName"])
    if not call.rooms.logs.create_stream(call.account, call.region, group.name, request["logStreamName"]):
        raise ResourceAlreadyExistsException("The specified log stream already exists")
    return {}


@operation
def describe_log_streams(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a group's streams, by name or by the time of their last event."""
    group = requested_group(call, request)
    prefix, by_time = request.get("logStreamNamePrefix", ""), request.get("orderBy") == "LastEventTime"
    if prefix and by_time:
        raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
    descending, limit = request.get("descending", False), request.get("limit", PAGE)
    binding = (call.operation, call.account, call.region, group.name, prefix, by_time, descending)
    streams = call.rooms.logs.streams(
        call.account,
        call.region,
        group.name,
        prefix=prefix,
        by_last_event=by_time,
        descending=descending,
        after=position(request, *binding, default=[]) or None,
        limit=limit + 1,
    )
    page = {"logStreams": [_shown(call, group.name, stream) for stream in streams[:limit]]}
    if len(streams) <= limit:
        # Without a nextToken: the SageMaker SDK asks again and again for as long as it is given one.
        return page
    last = streams[limit - 1]
    return {**page, "nextToken": seal([last.last_event or 0, last.name] if by_time else [last.name], *binding)}


@operation
def delete_log_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a stream with its events."""
    group = require_group(call, request["logGroupName"])
    if not call.rooms.logs.delete_stream(call.account, call.region, group.name, request["logStreamName"]):
        raise _no_such_stream()
    return {}


def require_stream(call: Call, group: str, name: str) -> Stream:
    """The stream, or ResourceNotFoundException."""
    stream = call.rooms.logs.stream(call.account, call.region, group, name)
    if stream is None:
        raise _no_such_stream()
    return stream


def sequence_token(stream: Stream) -> str:
    """The token of AWS's old upload protocol, which nobody checks any more."""
    return f"{stream.id:026}{stream.next_number:030}"


def _no_such_stream() -> ResourceNotFoundException:
    return ResourceNotFoundException("The specified log stream does not exist.")


def _shown(call: Call, group: str, stream: Stream) -> dict[str, Any]:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "firstEventTimestamp": stream.first_event,
        "lastEventTimestamp": stream.last_event,
        "lastIngestionTime": stream.last_ingestion,
        "uploadSequenceToken": sequence_token(stream),
        "arn": call.arn(f"log-group:{group}:log-stream:{stream.name}"),
        "storedBytes": 0,  # AWS reports none for streams since 2019
    }
