"""What readers inside the server need of a stream; they count against no limit of a shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clary.names import parse_arn
from clary.services.kinesis import get_records, iterator, shard, stream_record
from clary.services.kinesis.errors import InvalidArgumentException
from clary.store.records import Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from clary.services.kinesis.get_records import Stretch
    from clary.store.records import Record
    from clary.wire import Rooms


class ShardInfo(NamedTuple):
    """A shard that is not expired: what a closed one was split or merged into has it among its parents."""

    number: int
    id: str
    parents: list[str]
    closed: bool
    stream: str
    """The stream's own id: another stream of the same name has another one, and its places begin anew."""
    key: Key
    """What is notified when entries come or the shard ends: `rooms.changes.call_once(key, name, call)`."""


def check(rooms: Rooms, stream_arn: str) -> None:
    """Refuse an ARN that is not that of an existing stream."""
    _require(rooms, stream_arn)


def shards_of(rooms: Rooms, stream_arn: str) -> list[ShardInfo]:
    """The shards of a stream by number, parents before their children; ResourceNotFoundException."""
    record = _require(rooms, stream_arn)
    now = rooms.clock.now()
    return [
        ShardInfo(
            number,
            held["ShardId"],
            shard.parents_of(held),
            "Closed" in held,
            record.body["Id"],
            stream_record.shard_key(record, number),
        )
        for number, held in enumerate(record.body["Shards"])
        if not shard.is_expired(record, held, now)
    ]


def read(rooms: Rooms, stream_arn: str, shard_number: int, index: int, most: int, room: int) -> Stretch:
    """At most so many records from a place on, of `room` bytes (the first in any case), none of them too old.

    The Stretch has the place to read on (`at`), and whether the shard has ended there. ResourceNotFoundException.
    """
    return get_records.read(rooms, _require(rooms, stream_arn), shard_number, index, most, room)


def place_of(
    rooms: Rooms, stream_arn: str, shard_number: int, starting_position: str, timestamp: float | None = None
) -> int:
    """The place in a shard that TRIM_HORIZON, LATEST or AT_TIMESTAMP (epoch seconds) names."""
    position = {"Type": starting_position, "Timestamp": timestamp}
    return iterator.index_of(rooms, _require(rooms, stream_arn), shard_number, position)


def when_changed(
    rooms: Rooms, stream_arn: str, stream: str, shard_number: int, name: str, call: Callable[[], None]
) -> None:
    """Call once when entries come into a shard of the stream of that id, or it ends; `name` says whose call it is."""
    arn = parse_arn(stream_arn)
    assert arn
    key = stream_record.shard_key_of(arn.account, arn.region, stream, shard_number)
    rooms.changes.call_once(key, name, call)


def when_created(rooms: Rooms, stream_arn: str, name: str, call: Callable[[], None]) -> None:
    """Call once when there is a stream of that ARN; at once where there is one by now."""
    if (key := _key_of(stream_arn)) is None:
        return
    rooms.changes.call_once(key, name, call)
    if rooms.records.get(key) is not None:  # made between the caller's look and this call
        rooms.changes.notify(key)


def _require(rooms: Rooms, stream_arn: str) -> Record:
    key = _key_of(stream_arn)
    if key is None:
        raise InvalidArgumentException(f"{stream_arn!r} is not the ARN of a stream.")
    record = rooms.records.get(key)
    if record is None:
        raise stream_record.gone(key)
    return record


def _key_of(stream_arn: str) -> Key | None:
    """Where the record of an ARN's stream lies; None for what is not the ARN of a stream."""
    arn = parse_arn(stream_arn)
    kind, _, name = arn.resource.partition("/") if arn else ("", "", "")
    if arn is None or arn.service != "kinesis" or kind != "stream" or not name or "/" in name:
        return None
    return Key(stream_record.STREAM_KIND, arn.account, arn.region, name)
