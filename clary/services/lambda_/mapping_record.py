"""The records of event source mappings, and of how far each has read a shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.lambda_.naming import Name, parse_name
from clary.store.records import Key

if TYPE_CHECKING:
    from clary.services.kinesis.inside import ShardInfo
    from clary.wire import Rooms

MAPPING_KIND, PLACE_KIND = "lambda-mapping", "lambda-mapping-place"


def mapping_key(account: str, region: str, identity: str) -> Key:
    """Where the record of a mapping lies."""
    return Key(MAPPING_KIND, account, region, identity)


def place_key(mapping: Key, shard: ShardInfo) -> Key:
    """Where it is kept how far a mapping has read a shard: the index At, and whether it has Ended."""
    return mapping._replace(kind=PLACE_KIND, name=f"{mapping.name}:{shard.stream}:{shard.number:012d}")


def put_place(rooms: Rooms, mapping: Key, shard: ShardInfo, at: int, *, ended: bool) -> None:
    """Keep how far a shard was read; durable on return."""
    rooms.records.put(place_key(mapping, shard), {"At": at, "Ended": ended})


def function_of(key: Key, body: dict[str, Any]) -> Name:
    """The function that a mapping feeds."""
    return parse_name(key.account, key.region, body["FunctionArn"])
