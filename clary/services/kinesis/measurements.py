"""What a stream counts for CloudWatch: summed up by the minute, stored every few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.cloudwatch import tallied
from clary.services.kinesis.shard import shard_id

if TYPE_CHECKING:
    from clary.services.kinesis.get_records import Stretch
    from clary.services.kinesis.put import Row
    from clary.store.records import Record
    from clary.wire import Rooms

_NAMESPACE = "AWS/Kinesis"
_UNITS = {"Bytes": "Bytes", "Latency": "Milliseconds", "Milliseconds": "Milliseconds"}


def put_done(
    rooms: Rooms, record: Record, name: str, asked: list[dict[str, Any]], rows: list[Row], started: float
) -> None:
    """Count a PutRecord or PutRecords."""
    sizes = [0 if row.ErrorCode else len(given["Data"]) for given, row in zip(asked, rows, strict=True)]
    failed, total = sum(row.ErrorCode is not None for row in rows), sum(sizes)
    stored = len(rows) - failed
    values = {f"{name}.Bytes": total, f"{name}.Latency": (rooms.clock.now() - started) * 1000}
    values |= {f"{name}.Success": int(stored > 0), "WriteProvisionedThroughputExceeded": failed}
    values |= {"IncomingRecords": stored, "IncomingBytes": total}
    if name == "PutRecords":
        values |= {"PutRecords.TotalRecords": len(rows), "PutRecords.SuccessfulRecords": stored}
        values |= {"PutRecords.ThrottledRecords": failed, "PutRecords.Records": stored}
    _add(rooms, record, "", values)
    if record.body["ShardLevelMetrics"]:
        by_shard: dict[str, list[int]] = {}
        for size, row in zip(sizes, rows, strict=True):
            if row.ShardId:
                by_shard.setdefault(row.ShardId, []).append(size)
        for shard, of_shard in by_shard.items():
            _add(rooms, record, shard, {"IncomingRecords": len(of_shard), "IncomingBytes": sum(of_shard)})


def read_done(rooms: Rooms, record: Record, number: int, found: Stretch, started: float) -> None:
    """Count a GetRecords."""
    count = found.entries
    values: dict[str, float] = {"GetRecords.Records": count, "GetRecords.Bytes": found.size, "GetRecords.Success": 1}
    values["GetRecords.Latency"] = (rooms.clock.now() - started) * 1000
    values["ReadProvisionedThroughputExceeded"] = 0
    shard_values: dict[str, float] = {"OutgoingRecords": count, "OutgoingBytes": found.size}
    age = max(0.0, started - found.batches[-1].arrival / 1000) * 1000 if found.behind else 0
    values["GetRecords.IteratorAgeMilliseconds"] = shard_values["IteratorAgeMilliseconds"] = age
    _add(rooms, record, "", values)
    if record.body["ShardLevelMetrics"]:
        _add(rooms, record, shard_id(number), shard_values)


def read_refused(rooms: Rooms, record: Record, number: int) -> None:
    """Count a GetRecords that a shard refused."""
    _add(rooms, record, "", {"ReadProvisionedThroughputExceeded": 1, "GetRecords.Success": 0})
    if record.body["ShardLevelMetrics"]:
        _add(rooms, record, shard_id(number), {"ReadProvisionedThroughputExceeded": 1})


def store(rooms: Rooms) -> None:
    """Store what was counted so far."""
    tallied.store(rooms, rooms.streams.tally, _NAMESPACE)


def _add(rooms: Rooms, record: Record, shard: str, values: dict[str, float]) -> None:
    asked = record.body["ShardLevelMetrics"]
    dimensions = (("StreamName", record.key.name), *((("ShardId", shard),) if shard else ()))
    place = record.key.account, record.key.region, dimensions
    counted = {metric: (value, _unit(metric)) for metric, value in values.items() if not shard or metric in asked}
    tallied.count(rooms, rooms.streams.tally, _NAMESPACE, place, counted)


def _unit(metric: str) -> str:
    return _UNITS.get(metric.rpartition(".")[2], "Bytes" if metric.endswith("Bytes") else "Count")
