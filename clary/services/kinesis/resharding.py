"""SplitShard, MergeShards, UpdateShardCount: shards are closed, and others take their hash keys."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from clary.errors import ValidationException
from clary.services.kinesis import shard, stream_record
from clary.services.kinesis.errors import InvalidArgumentException, ResourceInUseException
from clary.services.kinesis.stream import check_shard_limit
from clary.streams import StreamGone
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.services.kinesis.shard import Shard
    from clary.store.records import Record


@operation
def split_shard(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Divide the hash keys of a shard between two new ones."""
    record = stream_record.require(call, request)
    number, held = shard.find(call, record, request["ShardToSplit"])
    _check_open(call, record, held)
    key = int(request["NewStartingHashKey"])
    if not shard.low_of(held) + 1 < key < shard.high_of(held):
        raise InvalidArgumentException(
            f"NewStartingHashKey {key} used in SplitShard() on shard {held['ShardId']} in stream {record.key.name} "
            f"under account {call.account} is not both greater than one plus the shard's StartingHashKey "
            f"{shard.low_of(held)} and less than the shard's EndingHashKey {shard.high_of(held)}."
        )
    if stream_record.mode_of(record.body) == "PROVISIONED":
        check_shard_limit(call, 1)
    _reshard(call, record, [number], lambda shards, now: split(shards, number, key, now))
    return {}


@operation
def merge_shards(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give the hash keys of two neighbours to one new shard."""
    record = stream_record.require(call, request)
    first, one = shard.find(call, record, request["ShardToMerge"])
    second, other = shard.find(call, record, request["AdjacentShardToMerge"])
    for held in (one, other):
        _check_open(call, record, held)
    if shard.high_of(one) + 1 != shard.low_of(other) and shard.high_of(other) + 1 != shard.low_of(one):
        raise InvalidArgumentException(
            f"Shards {one['ShardId']} and {other['ShardId']} in stream {record.key.name} under account {call.account} "
            "are not an adjacent pair of shards eligible for merging"
        )
    _reshard(call, record, [first, second], lambda shards, now: merge(shards, first, second, now))
    return {}


@operation
def update_shard_count(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Split and merge until so many shards divide the hash keys evenly."""
    record, target = stream_record.require(call, request), request["TargetShardCount"]
    if stream_record.mode_of(record.body) != "PROVISIONED":
        raise ValidationException(
            f"Request is invalid. Stream {record.key.name} under account {call.account} is in On-Demand mode."
        )
    opened = shard.open_shards(record)
    told = f"Current open shard count: {len(opened)} Target shard count: {target}"
    if target > 2 * len(opened):
        raise InvalidArgumentException(
            f"UpdateShardCount cannot scale up over double your current open shard count. {told}"
        )
    if 2 * target < len(opened):
        raise InvalidArgumentException(
            f"UpdateShardCount cannot scale down below half your current open shard count. {told}"
        )
    check_shard_limit(call, max(target - len(opened), 0))
    _reshard(call, record, [number for number, _ in opened], lambda shards, now: divide_evenly(shards, target, now))
    return {
        "StreamName": record.key.name,
        "StreamARN": record.body["StreamARN"],
        "CurrentShardCount": len(opened),
        "TargetShardCount": target,
    }


def split(shards: list[Shard], number: int, key: int, now: float) -> None:
    """Close a shard and add its two children."""
    parent = shards[number]
    shard.close(parent, number, now)
    for low, high in ((shard.low_of(parent), key - 1), (key, shard.high_of(parent))):
        shards.append(shard.new_shard(len(shards), low, high, now, parent))


def merge(shards: list[Shard], first: int, second: int, now: float) -> None:
    """Close two neighbours and add their child."""
    parents = shards[first], shards[second]
    for number in (first, second):
        shard.close(shards[number], number, now)
    low, high = min(map(shard.low_of, parents)), max(map(shard.high_of, parents))
    shards.append(shard.new_shard(len(shards), low, high, now, *parents))


def divide_evenly(shards: list[Shard], target: int, now: float) -> None:
    """Split wherever one of the even shards is to begin, then merge what lies between; some live for no time."""
    bounds = shard.even_bounds(target)
    for bound in bounds[1:-1]:
        number = _opened(shards)[bisect_left(_opened(shards), bound + 1, key=lambda at: shard.low_of(shards[at])) - 1]
        if shard.low_of(shards[number]) < bound:
            split(shards, number, bound, now)
    for low, end in pairwise(bounds):
        inside = [number for number in _opened(shards) if low <= shard.low_of(shards[number]) < end]
        while len(inside) > 1:
            merge(shards, inside[0], inside[1], now)
            inside[:2] = [len(shards) - 1]


def _opened(shards: list[Shard]) -> list[int]:
    """The numbers of the open shards in the order of their hash keys."""
    return sorted((n for n, held in enumerate(shards) if "Closed" not in held), key=lambda n: shard.low_of(shards[n]))


def _check_open(call: Call, record: Record, held: Shard) -> None:
    if "Closed" in held:
        raise ResourceInUseException(
            f"Shard {held['ShardId']} in stream {record.key.name} under account {call.account} is closed already."
        )


def _reshard(call: Call, record: Record, numbers: list[int], alter: Callable[[list[Shard], float], None]) -> None:
    """Seal shards, then let the record tell what became of them; requests that found them sealed wait for that."""
    log = call.rooms.streams.open(record.body["Id"])
    key = record.key

    def change(record: Record) -> None:
        for number in numbers:
            _check_open(call, record, record.body["Shards"][number])
        alter(record.body["Shards"], call.rooms.clock.now())
        kept.extend(number for number in numbers if "Closed" not in record.body["Shards"][number])

    kept: list[int] = []
    with log.changing:
        try:
            log.seal(numbers)
            if call.rooms.records.change(key, change) is None:
                raise stream_record.not_found(call, key.name)
        except StreamGone:
            raise stream_record.not_found(call, key.name) from None
        except BaseException:
            with suppress(StreamGone):
                log.unseal(_still_open(call, record, numbers))
            raise
        log.unseal(kept)
    for number in numbers:
        call.rooms.changes.notify(stream_record.shard_key(record, number))


def _still_open(call: Call, record: Record, numbers: list[int]) -> list[int]:
    found = call.rooms.records.get(record.key)
    return [number for number in numbers if found and "Closed" not in found.body["Shards"][number]]
