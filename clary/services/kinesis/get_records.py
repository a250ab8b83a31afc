"""GetRecords: what a shard holds from a place on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from pybase64 import b64encode

from clary.services.kinesis import measurements, shard, stream_record
from clary.services.kinesis.errors import (
    DryRunOperationException,
    InvalidArgumentException,
    ProvisionedThroughputExceededException,
    ResourceNotFoundException,
)
from clary.services.kinesis.iterator import make_iterator, read_iterator
from clary.services.kinesis.put import throttled
from clary.streams import Batch, ShardLog
from clary.streams.sequence import head_of, sequences
from clary.wire import Call, JsonParts, operation

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Rooms

_MOST_RECORDS, _MOST_BYTES = 10_000, 10 * 1024 * 1024
_PART_BYTES = 192 * 1024
_json_lines = msgspec.json.Encoder().encode_lines


class Found(NamedTuple):
    """A record as AWS tells it."""

    SequenceNumber: str
    ApproximateArrivalTimestamp: float
    Data: bytes
    PartitionKey: str


class Stretch(NamedTuple):
    """What a shard has from a place on: where to read on, and how far behind the newest that is."""

    batches: list[Batch]
    at: int
    behind: int
    ended: bool
    size: int
    numbers: Callable[[Batch], range]
    """The sequence numbers of a batch's records."""

    @property
    def entries(self) -> int:
        """How many records they are."""
        return sum(len(batch.data) for batch in self.batches)

    @property
    def records(self) -> list[Found]:
        """The records one by one."""
        return [
            Found(str(number), batch.arrival / 1000, data, key)
            for batch in self.batches
            for number, data, key in zip(self.numbers(batch), batch.data, batch.keys, strict=True)
        ]

    def as_json(self) -> JsonParts:
        """The records as they stand in an answer: of ten thousand of them, this is what takes the time."""
        parts, pieces, room = [b"["], list[bytes](), _PART_BYTES
        for batch in self.batches:
            if room < 0:
                parts.append(b"".join(pieces))
                pieces, room = [], _PART_BYTES
            room -= len(batch.data.text)
            arrival = b'","ApproximateArrivalTimestamp":%b,"Data":"' % repr(batch.arrival / 1000).encode()
            keys = _json_lines(batch.keys).splitlines()
            for number, data, key in zip(self.numbers(batch), batch.data, keys, strict=True):
                sequence = b'{"SequenceNumber":"%d' % number
                pieces += (sequence, arrival, b64encode(data), b'","PartitionKey":', key, b"},")
        if pieces:
            pieces[-1] = b"}"
        return JsonParts([*parts, b"".join(pieces), b"]"])


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
    log = stream_record.log_of(rooms, record, number)
    end = log.end  # before reading, so that nothing that comes meanwhile is passed over
    batches, size = _take(log, index, int(shard.horizon(record, now) * 1000), most, room)
    after = batches[-1].after if batches else max(index, end)
    caught_up = after >= log.end
    behind = 0 if caught_up or not batches else max(0, int(now * 1000) - batches[-1].arrival)
    head, created = head_of(held["Created"], number), held["Created"]

    def numbers(batch: Batch) -> range:
        return sequences(head, batch.first, max(batch.arrival // 1000, created), len(batch.data))

    return Stretch(batches, after, behind, caught_up and "Closed" in held, size, numbers)


def _take(log: ShardLog, index: int, oldest: int, most: int, room: int) -> tuple[list[Batch], int]:
    """At most so many records whose keys and data have `room` bytes, the first in any case; and their bytes."""
    batches: list[Batch] = []
    left = room
    for batch in log.read(index):
        if batch.arrival < oldest:
            return _take(log, log.first_since(oldest), 0, most, room)
        size, entries = len(batch.data.text) + len("".join(batch.keys).encode()), len(batch.data)
        if size > left or entries > most:
            sizes = [size + len(key.encode()) for size, key in zip(batch.data.lengths, batch.keys, strict=True)]
            fitting = bisect_right(list(accumulate(sizes)), left) or int(not batches)
            entries = min(fitting, most)
            batch, size = batch.part(0, entries), sum(sizes[:entries])
            most = entries  # it is the last
        if entries:
            batches.append(batch)
        most, left = most - entries, left - size
        if most <= 0:
            break
    return batches, room - left
