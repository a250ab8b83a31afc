"""Shards: names, hash ranges, sequence numbers, and which of them a request asks for."""

from typing import Any

from clary.services.kinesis.errors import ResourceNotFoundException
from clary.store.records import Record
from clary.streams.sequence import LAST_INDEX, format_sequence, head_of
from clary.wire import Call

HASH_KEYS = 2**128
Shard = dict[str, Any]
"""As AWS has it in ListShards, with the epoch seconds Created (whole, as in sequence numbers), Opened and Closed."""
_PARENTS = ("ParentShardId", "AdjacentParentShardId")


def shard_id(number: int) -> str:
    """`shardId-000000000000`."""
    return f"shardId-{number:012d}"


def number_of(text: str) -> int | None:
    """The number in a shard's id, or in what AWS takes for one."""
    digits = text.split("-")[1] if "-" in text else text
    return int(digits) if digits.isascii() and digits.isdecimal() and int(digits) < 2**31 else None


def find(call: Call, record: Record, text: str) -> tuple[int, Shard]:
    """A shard that a request names, expired ones left out."""
    number = number_of(text)
    shards = record.body["Shards"]
    shown = text if number is None else shard_id(number)
    if number is None or number >= len(shards) or is_expired(record, shards[number], call.rooms.clock.now()):
        raise ResourceNotFoundException(
            f"Could not find shard {shown} in stream {record.key.name} under account {call.account}."
        )
    return number, shards[number]


def new_shard(number: int, low: int, high: int, now: float, *parents: Shard) -> Shard:
    """An open shard for a range of hash keys."""
    created = max([int(now), *(parent["Created"] + 1 for parent in parents)])
    shard: Shard = {
        "ShardId": shard_id(number),
        "HashKeyRange": {"StartingHashKey": str(low), "EndingHashKey": str(high)},
        "SequenceNumberRange": {"StartingSequenceNumber": format_sequence(head_of(created, number), 0, created)},
        "Created": created,
        "Opened": now,
    }
    for member, parent in zip(_PARENTS, parents, strict=False):
        shard[member] = parent["ShardId"]
    return shard


def even_shards(count: int, now: float) -> list[Shard]:
    """Shards that divide all hash keys evenly."""
    bounds = even_bounds(count)
    return [new_shard(number, bounds[number], bounds[number + 1] - 1, now) for number in range(count)]


def even_bounds(count: int) -> list[int]:
    """Where even shards begin, and where the last one ends."""
    width = HASH_KEYS // count
    return [*(width * number for number in range(count)), HASH_KEYS]


def close(shard: Shard, number: int, now: float) -> None:
    """End a shard."""
    head = head_of(shard["Created"], number)
    time = max(int(now), shard["Created"])
    shard["SequenceNumberRange"]["EndingSequenceNumber"] = format_sequence(head, LAST_INDEX, time)
    shard["Closed"] = now


def low_of(shard: Shard) -> int:
    """The first hash key."""
    return int(shard["HashKeyRange"]["StartingHashKey"])


def high_of(shard: Shard) -> int:
    """The last hash key."""
    return int(shard["HashKeyRange"]["EndingHashKey"])


def open_shards(record: Record) -> list[tuple[int, Shard]]:
    """Those that take records, by number."""
    return [(number, shard) for number, shard in enumerate(record.body["Shards"]) if "Closed" not in shard]


def is_expired(record: Record, shard: Shard, now: float) -> bool:
    """Whether all that a closed shard ever held is too old."""
    return "Closed" in shard and shard["Closed"] < horizon(record, now)


def horizon(record: Record, now: float) -> float:
    """What came before it is too old (epoch seconds)."""
    return float(now - record.body["RetentionPeriodHours"] * 3600)


def existing(record: Record, now: float) -> list[Shard]:
    """The shards that are not expired."""
    return [shard for shard in record.body["Shards"] if not is_expired(record, shard, now)]


def parents_of(shard: Shard) -> list[str]:
    """The shards that it was made of."""
    return [shard[member] for member in _PARENTS if member in shard]


def children(record: Record, shard: Shard) -> list[dict[str, Any]]:
    """What a closed shard was split or merged into, as GetRecords tells it."""
    found = []
    for other in record.body["Shards"]:
        parents = parents_of(other)
        if shard["ShardId"] in parents:
            row = {"ShardId": other["ShardId"], "ParentShards": parents, "HashKeyRange": other["HashKeyRange"]}
            found.append(row)
    return found
