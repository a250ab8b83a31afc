"""What Kinesis does by itself: at a server's start, and now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.kinesis import shard
from clary.services.kinesis.stream_record import STREAM_KIND
from clary.streams import StreamGone

if TYPE_CHECKING:
    from clary.wire import Rooms

_TRIM_SECONDS = 600.0


def recover(rooms: Rooms) -> None:
    """Finish deletions that were cut short, and see to it that what is too old goes."""
    rooms.streams.keep_only({record.body["Id"] for record in rooms.records.every(STREAM_KIND)})
    rooms.background.run_later("kinesis-trim", lambda: _trim_again(rooms), _TRIM_SECONDS)


def trim(rooms: Rooms) -> None:
    """Delete the segments of which every record is older than its stream's retention period."""
    now = rooms.clock.now()
    for record in rooms.records.every(STREAM_KIND):
        log, before = rooms.streams.open(record.body["Id"]), int(shard.horizon(record, now) * 1000)
        try:
            for number in range(len(record.body["Shards"])):
                log.trim(number, before)
        except StreamGone:
            continue


def running(rooms: Rooms) -> dict[str, int]:
    """How many streams there are, over all accounts and regions."""
    return {"streams": sum(1 for _ in rooms.records.every(STREAM_KIND))}


def _trim_again(rooms: Rooms) -> None:
    trim(rooms)
    rooms.background.run_later("kinesis-trim", lambda: _trim_again(rooms), _TRIM_SECONDS)
