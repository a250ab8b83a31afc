"""GetShardIterator, and what an iterator holds: a place in a shard, and when it was made."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.services.kinesis import shard, stream_record
from clary.services.kinesis.errors import (
    DryRunOperationException,
    ExpiredIteratorException,
    InvalidArgumentException,
    ResourceNotFoundException,
)
from clary.store.pages import BadToken, seal, unseal
from clary.streams.sequence import parse_sequence
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Rooms

_MILLISECONDS = 300_000
_SEAL = "kinesis-shard-iterator"


class Iterator(NamedTuple):
    """Where to read on; `made` in epoch milliseconds."""

    made: int
    stream: str
    id: str
    shard: int
    at: int


@operation
def get_shard_iterator(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A place to begin reading, good for five minutes."""
    record = stream_record.require(call, request)
    number = shard.number_of(request["ShardId"])
    if number is not None and number >= len(record.body["Shards"]):
        raise ResourceNotFoundException(
            f"Shard {shard.shard_id(number)} in stream {record.key.name} under account {call.account} does not exist"
        )
    number, _ = shard.find(call, record, request["ShardId"])
    position = {
        "Type": request["ShardIteratorType"],
        "SequenceNumber": request.get("StartingSequenceNumber"),
        "Timestamp": request.get("Timestamp"),
    }
    index = index_of(call.rooms, record, number, position)
    if request.get("DryRun"):
        raise DryRunOperationException
    return {"ShardIterator": make_iterator(call, record, number, index)}


def make_iterator(call: Call, record: Record, number: int, index: int) -> str:
    """A place, sealed."""
    made = int(call.rooms.clock.now() * 1000)
    return seal(Iterator(made, record.key.name, record.body["Id"], number, index), _SEAL, call.account, call.region)


def read_iterator(call: Call, text: str) -> Iterator:
    """The place that an iterator holds; one that was altered or is too old is refused."""
    try:
        made, stream, identity, number, index = unseal(text, _SEAL, call.account, call.region)
    except (BadToken, ValueError):
        raise InvalidArgumentException(
            f"Invalid ShardIterator: {text[:1024]!r} is none that GetShardIterator or GetRecords gave."
        ) from None
    found = Iterator(int(str(made)), str(stream), str(identity), int(str(number)), int(str(index)))
    now = int(call.rooms.clock.now() * 1000)
    if now - found.made > _MILLISECONDS:
        raise ExpiredIteratorException(
            f"Iterator expired. The iterator was created at time {_date(found.made)} while right now it is "
            f"{_date(now)} which is further in the future than the tolerated delay of {_MILLISECONDS} milliseconds."
        )
    return found


def index_of(rooms: Rooms, record: Record, number: int, position: dict[str, Any]) -> int:
    """The index that reading begins with, by one of the five types."""
    kind, sequence, timestamp = position["Type"], position.get("SequenceNumber"), position.get("Timestamp")
    wanted = kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
    if wanted != (sequence is not None) and kind != "AT_TIMESTAMP":
        raise InvalidArgumentException(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
            f"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and "
            + ("no StartingSequenceNumber." if wanted else "also a StartingSequenceNumber.")
        )
    log = stream_record.log_of(rooms, record, number)
    if kind == "LATEST":
        return log.end
    if kind == "TRIM_HORIZON":
        return 0
    if sequence is not None:
        return _index_in(record, number, str(sequence)) + int(kind == "AFTER_SEQUENCE_NUMBER")
    return log.first_since(_milliseconds(rooms, timestamp))


def _milliseconds(rooms: Rooms, timestamp: float | None) -> int:
    if timestamp is None:
        raise InvalidArgumentException(
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
            "Current request has no timestamp parameter."
        )
    asked, now = round(timestamp * 1000), int(rooms.clock.now() * 1000)
    if asked > now:
        raise InvalidArgumentException(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {asked}, currentTimestampInMillis: {now}"
        )
    return asked


def _index_in(record: Record, number: int, text: str) -> int:
    parsed, where = parse_sequence(text), shard.shard_id(number)
    told = (
        f"StartingSequenceNumber {text} used in GetShardIterator on shard {where} in stream {record.key.name} "
        f"under account {record.key.account} is invalid"
    )
    if parsed is None:
        raise InvalidArgumentException(f"{told}.")
    if parsed.shard != number:
        raise InvalidArgumentException(
            f"Invalid StartingSequenceNumber. It encodes {shard.shard_id(parsed.shard)}, "
            f"while it was used in a call to a shard with {where}"
        )
    if parsed.created != record.body["Shards"][number]["Created"]:
        raise InvalidArgumentException(f"{told} because it did not come from this stream.")
    return parsed.at


def _date(milliseconds: int) -> str:
    return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(milliseconds / 1000))
