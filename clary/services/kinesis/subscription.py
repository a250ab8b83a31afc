"""SubscribeToShard: records are pushed as they come, for five minutes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import msgspec

from clary.services.kinesis import shard, stream_record
from clary.services.kinesis.consumer import find_consumer
from clary.services.kinesis.errors import DryRunOperationException, ResourceInUseException
from clary.services.kinesis.get_records import Stretch, read
from clary.services.kinesis.iterator import index_of
from clary.streams.sequence import format_sequence, head_of
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.records import Key, Record

_SECONDS, _TAKEOVER_SECONDS, _HEARTBEAT_SECONDS = 300.0, 5.0, 5.0
_MOST_RECORDS, _MOST_BYTES = 10_000, 1024 * 1024  # of one event


@operation
async def subscribe_to_shard(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Begin a subscription; one of the same consumer and shard that is older than five seconds ends."""
    stream, number, index = await asyncio.to_thread(_begin, call, request)
    if request.get("DryRun"):
        raise DryRunOperationException
    name, now, token = (request["ConsumerARN"], request["ShardId"]), call.rooms.clock.now(), object()
    held = call.rooms.streams.subscriptions.get(name)
    if held and now - held[1] < _TAKEOVER_SECONDS:
        raise ResourceInUseException(
            f"Another active subscription exists for this consumer: {request['ConsumerARN']}, {request['ShardId']}"
        )
    call.rooms.streams.subscriptions[name] = token, now
    return {"EventStream": _events(call, request, stream.key, (number, index), (name, token))}


def _begin(call: Call, request: dict[str, Any]) -> tuple[Record, int, int]:
    consumer = find_consumer(call, request)
    stream = stream_record.require_named(call, stream_record.name_in(call, consumer.body["StreamARN"]))
    number, _ = shard.find(call, stream, request["ShardId"])
    return stream, number, index_of(call.rooms, stream, number, request["StartingPosition"])


async def _events(
    call: Call,
    request: dict[str, Any],
    key: Key,
    place: tuple[int, int],
    subscribed: tuple[tuple[str, str], object],
) -> AsyncGenerator[dict[str, Any], None]:
    """What the shard has from the place on, then what comes; an empty event now and then where nothing does."""
    (number, index), (name, token) = place, subscribed
    rooms, until = call.rooms, call.rooms.clock.now() + _SECONDS
    try:
        record = await asyncio.to_thread(_look, call, request, key)
        with rooms.changes.watch(stream_record.shard_key(record, number)) as watch:
            while rooms.clock.now() < until:
                if rooms.streams.subscriptions.get(name, (None,))[0] is not token:
                    raise ResourceInUseException("Another subscription of this consumer took over.")
                record = await asyncio.to_thread(_look, call, request, key)
                found = await asyncio.to_thread(read, rooms, record, number, index, _MOST_RECORDS, _MOST_BYTES)
                yield {"SubscribeToShardEvent": _event(record, number, found)}
                index = found.at
                if found.ended:
                    return
                if not found.behind:
                    await watch.wait(_HEARTBEAT_SECONDS)
    finally:
        if rooms.streams.subscriptions.get(name, (None,))[0] is token:
            del rooms.streams.subscriptions[name]


def _look(call: Call, request: dict[str, Any], key: Key) -> Record:
    """The stream as it is now; the subscription ends with it, and with the consumer."""
    find_consumer(call, request)
    record = call.rooms.records.get(key)
    if record is None:
        raise stream_record.gone(key)
    return record


def _event(record: Record, number: int, found: Stretch) -> dict[str, Any]:
    held = record.body["Shards"][number]
    records = msgspec.Raw(b"".join(found.as_json().parts))
    event: dict[str, Any] = {"Records": records, "MillisBehindLatest": found.behind}
    if found.ended:
        event["ChildShards"] = shard.children(record, held)
        # AWS leaves it out at the end of a shard, though its model requires it: clients go on with the children.
        return event
    if found.batches:
        return {**event, "ContinuationSequenceNumber": str(found.numbers(found.batches[-1])[-1])}
    created = held["Created"]
    before = format_sequence(head_of(created, number), max(found.at - 1, 0), created)
    return {**event, "ContinuationSequenceNumber": before}
