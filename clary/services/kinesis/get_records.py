"""GetRecords: what a shard holds from a place on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from clary.services.kinesis import measurements, shard, stream_record
from clary.services.kinesis.errors import (
    DryRunOperationException,
    InvalidArgumentException,
    ProvisionedThroughputExceededException,
    ResourceNotFoundException,
)
from clary.services.kinesis.iterator import make_iterator, read_iterator
from clary.services.kinesis.put import throttled
from clary.streams import StreamGone
from clary.streams.sequence import format_sequence, head_of
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Rooms

_MOST_RECORDS, _MOST_BYTES = 10_000, 10 * 1024 * 1024


class Found(msgspec.Struct, gc=False):
    """A record as AWS tells it; written as JSON at once, which for ten thousand of them is what takes the time."""

    SequenceNumber: str
    ApproximateArrivalTimestamp: float
    Data: bytes
    PartitionKey: str


class Stretch(NamedTuple):
    """Records, where to read on, and how far behind the newest they are."""

    records: list[Found]
    at: int
    behind: int
    ended: bool
    size: int

    def as_json(self) -> msgspec.Raw:
        """The records as they stand in an answer."""
        return msgspec.Raw(msgspec.json.encode(self.records))


@operation
def get_records(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Up to 10,000 records or 10 MiB, and the iterator of what follows."""
    started, place = call.rooms.clock.now(), read_iterator(call, request["ShardIterator"])
    if request.get("StreamARN") and stream_record.name_of(call, request) != place.stream:
        raise InvalidArgumentException("StreamARN and ShardIterator name different streams.")
    where = shard.shard_id(place.shard)
    record = call.rooms.records.get(stream_record.key_of(call, place.stream))
    if record is None or record.body["Id"] != place.id:
        raise ResourceNotFoundException(
            f"Shard {where} in stream {place.stream} under account {call.account} does not exist"
        )
    if request.get("DryRun"):
        raise DryRunOperationException
    rates = call.rooms.streams.open(place.id).rates(place.shard)
    if call.rooms.settings.kinesis_limits and not rates.read(started):
        measurements.read_refused(call.rooms, record, place.shard)
        raise ProvisionedThroughputExceededException(throttled(call, record, place.shard))
    found = read(call.rooms, record, place.shard, place.at, request.get("Limit", _MOST_RECORDS), _MOST_BYTES)
    rates.was_read(found.size)
    measurements.read_done(call.rooms, record, place.shard, found, started)
    answer: dict[str, Any] = {"Records": found.as_json(), "MillisBehindLatest": found.behind}
    if found.ended:
        return {**answer, "ChildShards": shard.children(record, record.body["Shards"][place.shard])}
    return {**answer, "NextShardIterator": make_iterator(call, record, place.shard, found.at)}


def read(rooms: Rooms, record: Record, number: int, index: int, most: int, room: int) -> Stretch:
    """Records of a shard from an index on, none of them too old."""
    now = rooms.clock.now()
    held = record.body["Shards"][number]
    oldest = int(shard.horizon(record, now) * 1000)
    try:
        log = rooms.streams.open(record.body["Id"]).shard(number)
    except StreamGone:
        raise stream_record.gone(record.key) from None
    end = log.end  # before reading, so that nothing that comes meanwhile is passed over
    entries = log.read(index, most, room)
    if entries and entries[0].arrival < oldest:
        entries = log.read(log.first_since(oldest), most, room)
    head, created, size = head_of(held["Created"], number), held["Created"], 0
    records = []
    for entry in entries:
        size += len(entry.data) + len(entry.key)
        number_of_it = format_sequence(head, entry.at, max(entry.arrival // 1000, created))
        records.append(Found(number_of_it, entry.arrival / 1000, entry.data, entry.key))
    after = entries[-1].at + 1 if entries else max(index, end)
    caught_up = after >= log.end
    behind = 0 if caught_up or not entries else max(0, int(now * 1000) - entries[-1].arrival)
    return Stretch(records, after, behind, caught_up and "Closed" in held, size)
