"""PutRecord and PutRecords: durable when they are answered."""

from __future__ import annotations

from bisect import bisect_right
from hashlib import md5
from typing import TYPE_CHECKING, Any

import msgspec

from clary.errors import ValidationException
from clary.services.kinesis import measurements, shard, stream_record
from clary.services.kinesis.errors import (
    DryRunOperationException,
    InternalFailure,
    InvalidArgumentException,
    ProvisionedThroughputExceededException,
    missing,
)
from clary.streams import ShardClosed, StreamGone
from clary.streams.sequence import head_of, parse_sequence, sequences
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.streams import StreamLog

_MOST_BYTES = 10 * 1024 * 1024
_FAILED = "InternalFailure"
_RESHARDINGS = 100  # in a row, while one request finds its shards closed


class Row(msgspec.Struct, omit_defaults=True):
    """What became of a record, as AWS tells it; written as JSON at once, for requests have five hundred."""

    SequenceNumber: str | None = None
    ShardId: str | None = None
    ErrorCode: str | None = None
    ErrorMessage: str | None = None


@operation
def put_record(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Append one record to its shard."""
    started = call.rooms.clock.now()
    record = stream_record.require(call, request)
    _check_order(call, record, request.get("SequenceNumberForOrdering"))
    _check(record, [request], "")
    if request.get("DryRun"):
        raise DryRunOperationException
    [row] = _put(call, record, [request])
    measurements.put_done(call.rooms, record, "PutRecord", [request], [row], started)
    if row.ErrorCode == _FAILED:
        raise InternalFailure(row.ErrorMessage or "")
    if row.ErrorCode:
        raise ProvisionedThroughputExceededException(row.ErrorMessage or "")
    return {
        "SequenceNumber": row.SequenceNumber,
        "ShardId": row.ShardId,
        "EncryptionType": record.body["EncryptionType"],
    }


@operation
def put_records(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Append up to 500 records, each to its shard; those that a shard doesn't take are told one by one."""
    started = call.rooms.clock.now()
    record, asked = stream_record.require(call, request), request["Records"]
    _check(record, asked, "records.{}.member.")
    if request.get("DryRun"):
        raise DryRunOperationException
    rows = _put(call, record, asked)
    measurements.put_done(call.rooms, record, "PutRecords", asked, rows, started)
    failed = sum(row.ErrorCode is not None for row in rows)
    written, encryption = msgspec.Raw(msgspec.json.encode(rows)), record.body["EncryptionType"]
    return {"FailedRecordCount": failed, "Records": written, "EncryptionType": encryption}


def _check(record: Record, asked: list[dict[str, Any]], path: str) -> None:
    most, total = record.body["MaxRecordSizeInKiB"] * 1024, 0
    for number, given in enumerate(asked, 1):
        if given.get("PartitionKey") is None:
            raise missing(f"{path.format(number)}partitionKey")
        size = _size(given)
        total += size
        if size > most:
            raise ValidationException(
                f"1 validation error detected: Value at '{path.format(number)}data' failed to satisfy constraint: "
                f"Member must have length less than or equal to {most}"
            )
        explicit = given.get("ExplicitHashKey")
        if explicit is not None and int(explicit) >= shard.HASH_KEYS:
            raise InvalidArgumentException(
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
                f"Specified value was {explicit}"
            )
    if total > _MOST_BYTES:
        raise InvalidArgumentException("Records size exceeds 10 MB limit")


def _size(given: dict[str, Any]) -> int:
    key: str = given["PartitionKey"]
    return len(given["Data"]) + (len(key) if key.isascii() else len(key.encode()))


def _check_order(call: Call, record: Record, number: str | None) -> None:
    """Numbers of a shard grow strictly by themselves; a number that can't have been given is refused."""
    if number is None:
        return
    parsed = parse_sequence(number)
    if parsed is None or parsed.time > call.rooms.clock.now():
        raise InvalidArgumentException(
            f"ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {record.key.name} "
            f"under account {call.account} is invalid."
        )


def _put(call: Call, record: Record, asked: list[dict[str, Any]]) -> list[Row]:
    """Store records and tell what became of each; looks again where they belong when a shard was just closed."""
    for _ in range(_RESHARDINGS):
        try:
            return _put_once(call, record, asked)
        except ShardClosed:
            call.rooms.streams.open(record.body["Id"]).wait_for_change()
            record = stream_record.require_named(call, record.key.name)
        except StreamGone:
            break
    raise stream_record.not_found(call, record.key.name)


def _put_once(call: Call, record: Record, asked: list[dict[str, Any]]) -> list[Row]:
    log = call.rooms.streams.open(record.body["Id"])
    shards = sorted((shard.low_of(found), number) for number, found in shard.open_shards(record))
    lows, numbers = [low for low, _ in shards], [number for _, number in shards]
    limited = call.rooms.settings.kinesis_limits and stream_record.mode_of(record.body) == "PROVISIONED"
    rows: list[Row] = []
    puts: dict[int, list[tuple[bytes, bytes]]] = {}
    rows_of: dict[int, list[Row]] = {}
    for given in asked:
        key, explicit = given["PartitionKey"].encode(), given.get("ExplicitHashKey")
        if explicit is None:
            hash_key = int.from_bytes(md5(key, usedforsecurity=False).digest(), "big")
        else:
            hash_key = int(explicit)
        number = numbers[bisect_right(lows, hash_key) - 1]
        row = Row()
        rows.append(row)
        if limited and not _let_in(call, log, number, given):
            row.ErrorCode = "ProvisionedThroughputExceededException"
            row.ErrorMessage = throttled(call, record, number)
            continue
        puts.setdefault(number, []).append((key, given["Data"]))
        rows_of.setdefault(number, []).append(row)
    _store(call, record, log, puts, rows_of)
    return rows


def _let_in(call: Call, log: StreamLog, number: int, given: dict[str, Any]) -> bool:
    return log.rates(number).write(_size(given), call.rooms.clock.now())


def throttled(call: Call, record: Record, number: int) -> str:
    """What a shard says that lets no more through."""
    return f"Rate exceeded for shard {shard.shard_id(number)} in stream {record.key.name} under account {call.account}."


def _store(
    call: Call,
    record: Record,
    log: StreamLog,
    puts: dict[int, list[tuple[bytes, bytes]]],
    rows_of: dict[int, list[Row]],
) -> None:
    """Append each shard's records and write into its rows where they are."""
    if not puts:
        return
    places, failed = log.put(puts)
    for number, rows in rows_of.items():
        if number in failed:
            problem = f"Internal Service Failure: {failed[number].strerror or failed[number]}"
            for row in rows:
                row.ErrorCode, row.ErrorMessage = _FAILED, problem
            continue
        index, arrival = places[number]
        created = record.body["Shards"][number]["Created"]
        head, name, time = head_of(created, number), shard.shard_id(number), max(arrival // 1000, created)
        for sequence, row in zip(sequences(head, index, time, len(rows)), rows, strict=True):
            row.SequenceNumber, row.ShardId = str(sequence), name
        call.rooms.changes.notify(stream_record.shard_key(record, number))
