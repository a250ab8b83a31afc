"""The record of a stream: found by name or ARN, changed, and what its listings show."""

from collections.abc import Callable
from typing import Any

from clary.names import parse_arn
from clary.services.kinesis.errors import InvalidArgumentException, ResourceNotFoundException
from clary.store.records import Key, Record
from clary.streams import ShardLog, StreamGone
from clary.wire import Call, Rooms

STREAM_KIND = "kinesis-stream"


def key_of(call: Call, name: str) -> Key:
    """Where a stream's record lies."""
    return Key(STREAM_KIND, call.account, call.region, name)


def name_of(call: Call, request: dict[str, Any]) -> str:
    """The stream that a request names by StreamName, StreamARN or both."""
    if request.get("StreamId"):
        raise InvalidArgumentException("StreamId is reserved by AWS for future use: name the stream by StreamARN.")
    name, arn = request.get("StreamName") or "", request.get("StreamARN") or ""
    if not arn:
        if not name:
            raise InvalidArgumentException("Either StreamARN or StreamName must be specified.")
        return str(name)
    of_arn = name_in(call, arn)
    if name and name != of_arn:
        raise InvalidArgumentException(f"StreamARN {arn} and StreamName {name} name different streams.")
    return of_arn


def name_in(call: Call, text: str) -> str:
    """The stream of an ARN, which may be that of one of its consumers."""
    arn = parse_arn(text)
    kind, _, rest = arn.resource.partition("/") if arn else ("", "", "")
    if arn is None or arn.service != "kinesis" or kind != "stream":
        raise InvalidArgumentException(f"{text!r} is not the ARN of a stream.")
    name = rest.partition("/")[0]
    if (arn.account, arn.region) != (call.account, call.region):
        raise ResourceNotFoundException(f"Stream {name} under account {arn.account} not found.")
    return name


def not_found(call: Call, name: str) -> ResourceNotFoundException:
    """There is no such stream."""
    return gone(key_of(call, name))


def gone(key: Key) -> ResourceNotFoundException:
    """The stream of a record is no longer there."""
    return ResourceNotFoundException(f"Stream {key.name} under account {key.account} not found.")


def log_of(rooms: Rooms, record: Record, number: int) -> ShardLog:
    """The log of one of a stream's shards."""
    try:
        return rooms.streams.open(record.body["Id"]).shard(number)
    except StreamGone:
        raise gone(record.key) from None


def require(call: Call, request: dict[str, Any]) -> Record:
    """The stream that a request names; StreamCreationTimestamp tells it from one that had its name before."""
    record = require_named(call, name_of(call, request))
    created = request.get("StreamCreationTimestamp")
    if created is not None and int(created) != int(record.body["StreamCreationTimestamp"]):
        raise not_found(call, record.key.name)
    return record


def require_named(call: Call, name: str) -> Record:
    """The stream of that name."""
    record = call.rooms.records.get(key_of(call, name))
    if record is None:
        raise not_found(call, name)
    return record


def change(call: Call, name: str, function: Callable[[dict[str, Any]], None]) -> Record:
    """Let a function change a stream's body."""
    record = call.rooms.records.change(key_of(call, name), lambda record: function(record.body))
    if record is None:
        raise not_found(call, name)
    return record


def mode_of(body: dict[str, Any]) -> str:
    """PROVISIONED or ON_DEMAND."""
    return str(body["StreamModeDetails"]["StreamMode"])


def shard_key(record: Record, number: int) -> Key:
    """What is notified of new entries of a shard."""
    return shard_key_of(record.key.account, record.key.region, record.body["Id"], number)


def shard_key_of(account: str, region: str, stream: str, number: int) -> Key:
    """The same, by the stream's own id."""
    return Key("kinesis-shard", account, region, f"{stream}/{number}")
