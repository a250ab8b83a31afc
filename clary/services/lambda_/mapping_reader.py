"""Readers of streams for functions: one a shard and mapping, a step at a time, on the threads of a queue."""

from __future__ import annotations

import functools
import logging
import threading
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from clary.errors import ServiceError
from clary.services.kinesis import inside as kinesis
from clary.services.lambda_ import filter_pattern
from clary.services.lambda_.errors import ServiceException
from clary.services.lambda_.mapping_batch import Batch, Segment, most_records
from clary.services.lambda_.mapping_record import MAPPING_KIND, PLACE_KIND, place_key, put_place

if TYPE_CHECKING:
    from clary.services.kinesis.get_records import Found, Stretch
    from clary.services.kinesis.inside import ShardInfo
    from clary.store.records import Key, Record
    from clary.wire import Rooms

log = logging.getLogger("clary.lambda")

_LOOK_SECONDS = 1.0  # while a batch is filled
_TROUBLE_SECONDS = 5.0
_MOST_BYTES = 4 * 1024 * 1024  # read at a time for one batch


def recover(rooms: Rooms) -> None:
    """Go on reading for all mappings; places of those that are gone are removed."""
    mappings = {record.key for record in rooms.records.every(MAPPING_KIND)}
    for place in rooms.records.every(PLACE_KIND):
        if place.key._replace(kind=MAPPING_KIND, name=place.key.name.partition(":")[0]) not in mappings:
            rooms.records.delete(place.key)
    for key in mappings:
        start(rooms, key)


def start(rooms: Rooms, mapping: Key, due: float = 0.0) -> None:
    """Read for a mapping, until it is disabled or gone."""
    rooms.functions.readings.add(functools.partial(look, rooms, mapping), due)


def wake(rooms: Rooms, mapping: Key) -> None:
    """Let the readers of a mapping see that it has changed."""
    for name, reader_wake in list(rooms.functions.readers.items()):
        if name[1:3] == mapping[1:3] and name[3].startswith(f"{mapping.name}:"):
            reader_wake()


def look(rooms: Rooms, mapping: Key) -> float | None:
    """Start a reader for each shard that has none and whose parents were read to their ends."""
    record = rooms.records.get(mapping)
    if record is None or record.body["State"] != "Enabled":
        return None
    try:
        shards = kinesis.shards_of(rooms, record.body["EventSourceArn"])
    except ServiceError as problem:
        note(rooms, mapping, f"PROBLEM: {problem}")
        return rooms.clock.now() + _TROUBLE_SECONDS
    places = {shard.id: rooms.records.get(place_key(mapping, shard)) for shard in shards}
    unread = {name for name, place in places.items() if place is None or not place.body["Ended"]}
    for shard in shards:
        if shard.id in unread and not unread.intersection(shard.parents):
            place = places[shard.id]
            Reader(rooms, mapping, shard, place.body["At"] if place else 0).start()
    return None


def note(rooms: Rooms, mapping: Key, result: str) -> None:
    """Let a mapping tell what came of its last batch."""
    record = rooms.records.get(mapping)
    if record and record.body["LastProcessingResult"] != result:
        rooms.records.change(mapping, lambda found: found.body.update(LastProcessingResult=result))


class Reader:
    """Reads one shard for one mapping."""

    def __init__(self, rooms: Rooms, mapping: Key, shard: ShardInfo, at: int) -> None:
        self._rooms = rooms
        self._mapping = mapping
        self._shard = shard
        self._name = place_key(mapping, shard)
        self._at = at  # all before it is handled
        self._end = at  # where the batches at hand end
        self._batches: list[Batch] = []
        self._indices: dict[str, int] = {}  # of the records in the batches, by sequence number
        self._filling_since: float | None = None
        self._last = False  # nothing comes after the batches at hand
        self._idle = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin, unless there is such a reader already."""
        if self._rooms.functions.readers.setdefault(self._name, self._wake) == self._wake:
            self._rooms.functions.readings.add(self.step)

    def step(self) -> float | None:
        """Read, or give the function what was read; when to go on, None for never or when woken."""
        record = self._rooms.records.get(self._mapping)
        if record is None or record.body["State"] != "Enabled":
            return self._leave(0.0)
        try:
            if self._batches:
                return self._give(record)
            shards = kinesis.shards_of(self._rooms, record.body["EventSourceArn"])
            if not any((found.stream, found.id) == (self._shard.stream, self._shard.id) for found in shards):
                return self._leave(_TROUBLE_SECONDS)  # expired, or it is another stream
            return self._read(record.body)
        except ServiceException:  # the server ends: the next one reads on
            return None
        except ServiceError as problem:
            note(self._rooms, self._mapping, f"PROBLEM: {problem}")
            return self._rooms.clock.now() + _TROUBLE_SECONDS

    def _wake(self) -> None:
        with self._lock:
            if self._idle:
                self._idle = False
                self._rooms.functions.readings.add(self.step)

    def _leave(self, pause: float) -> float | None:
        """End this reader, and see after a pause whether there is something to read."""
        self._rooms.functions.readers.pop(self._name, None)
        start(self._rooms, self._mapping, self._rooms.clock.now() + pause)
        return None

    def _read(self, body: dict[str, Any]) -> float | None:
        """Take the next records, if there are enough of them or they have waited long enough."""
        lanes, now = body["ParallelizationFactor"], self._rooms.clock.now()
        most = body["BatchSize"] * lanes
        stretch = self._stretch(body, most, lanes)
        if not stretch.batches and not stretch.ended:
            # woken by what comes from here on; what has come just now is found by looking again
            self._idle = True
            self._rooms.changes.call_once(self._shard.key, self, self._wake)
            stretch = self._stretch(body, most, lanes)
            if not stretch.batches and not stretch.ended:
                return None
            with self._lock:
                if not self._idle:
                    return None  # it was woken, and another step is on its way
                self._idle = False
        window: int = body["MaximumBatchingWindowInSeconds"]
        full = stretch.ended or stretch.entries >= most or stretch.size >= _MOST_BYTES * lanes // 2
        if window and not full:
            self._filling_since = self._filling_since or now
            if now < self._filling_since + window:
                return min(now + _LOOK_SECONDS, self._filling_since + window)
        self._filling_since = None
        self._make_batches(body, stretch)
        return self._advance()

    def _stretch(self, body: dict[str, Any], most: int, lanes: int) -> Stretch:
        shard, arn = self._shard, body["EventSourceArn"]
        return kinesis.read(self._rooms, arn, shard.number, self._at, most, _MOST_BYTES * lanes)

    def _make_batches(self, body: dict[str, Any], stretch: Stretch) -> None:
        """Divide what was read among as many batches as run at a time; a key's records stay in one."""
        lanes, records = body["ParallelizationFactor"], stretch.records
        taken = most_records(records, body["BatchSize"]) if lanes == 1 else len(records)
        first = stretch.at - len(records)
        self._end, self._last = first + taken, stretch.ended and taken == len(records)
        self._indices = {record.SequenceNumber: first + number for number, record in enumerate(records[:taken])}
        patterns = filter_pattern.parse(body.get("FilterCriteria") or {})
        divided: dict[int, list[Found]] = {}
        for record in records[:taken]:
            if not patterns or filter_pattern.fits(patterns, _filtered(record)):
                divided.setdefault(crc32(record.PartitionKey.encode()) % lanes, []).append(record)
        self._batches = [Batch(self._rooms, self._shard.id, _segments(body, part)) for part in divided.values()]

    def _give(self, mapping: Record) -> float | None:
        """Let each batch go a step that is due, all of them at a time."""
        now = self._rooms.clock.now()
        due = [batch for batch in self._batches if batch.due <= now]
        if len(due) == 1:
            due[0].step(mapping)
        else:
            futures = [self._rooms.functions.threads.submit(batch.step, mapping) for batch in due]
            wait(futures)
            for future in futures:
                future.result()
        if due:
            failed = any(batch.failed for batch in due)
            note(self._rooms, self._mapping, "PROBLEM: Function call failed" if failed else "OK")
        return self._advance()

    def _advance(self) -> float | None:
        """Keep how far all records are handled; when to go on."""
        self._batches = [batch for batch in self._batches if batch.segments]
        at = min((self._indices[batch.next_record] for batch in self._batches), default=self._end)
        ended = self._last and not self._batches
        if (at != self._at or ended) and self._rooms.records.get(self._mapping):
            put_place(self._rooms, self._mapping, self._shard, at, ended=ended)
        self._at = at
        if ended:
            return self._leave(0.0)  # its children's turn
        return min((batch.due for batch in self._batches), default=0.0)


def _segments(body: dict[str, Any], records: list[Found]) -> list[Segment]:
    """Records as the function gets them together: as many as a batch may have."""
    found = []
    while records:
        taken = most_records(records, body["BatchSize"])
        found.append(Segment(records[:taken]))
        records = records[taken:]
    return found


def _filtered(record: Found) -> dict[str, Any]:
    """A record as filter patterns see it: its data as JSON, or as the text that they are."""
    found: dict[str, Any] = {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record.PartitionKey,
        "sequenceNumber": record.SequenceNumber,
        "approximateArrivalTimestamp": record.ApproximateArrivalTimestamp,
    }
    try:
        found["data"] = msgspec.json.decode(record.Data)
    except (ValueError, RecursionError):
        try:
            found["data"] = bytes(record.Data).decode()
        except UnicodeDecodeError:
            return found
    return found
