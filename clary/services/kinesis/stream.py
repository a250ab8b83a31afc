"""Streams: create, delete, describe, list."""

from typing import Any

from clary.services.kinesis import consumer_record, shard, stream_record
from clary.services.kinesis.errors import (
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
)
from clary.services.kinesis.tags import check_tags
from clary.store.pages import BadToken
from clary.store.records import Query, Record, RecordExists
from clary.wire import Call, operation

SHARD_LIMIT = 10_000
ON_DEMAND_SHARDS, ON_DEMAND_LIMIT = 4, 50
_MIB = 1024


@operation
def create_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new stream, which takes records at once."""
    name, mode = request["StreamName"], request.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    if request.get("WarmThroughputMiBps"):
        raise InvalidArgumentException("WarmThroughputMiBps is not supported by Clary: no stream needs warming.")
    if request.get("RecordDistributionStrategy", "USER_PARTITION_KEY") != "USER_PARTITION_KEY":
        raise InvalidArgumentException("RecordDistributionStrategy AUTO is not supported by Clary.")
    count = request.get("ShardCount")
    if mode == "ON_DEMAND":
        if count is not None:
            raise InvalidArgumentException("ShardCount must not be given for a stream of mode ON_DEMAND.")
        count = ON_DEMAND_SHARDS
    elif count is None:
        raise InvalidArgumentException("ShardCount must be given for a stream of mode PROVISIONED.")
    else:
        check_shard_limit(call, count)
    now = call.rooms.clock.now()
    body = {
        "Id": call.rooms.clock.hex(24),
        "StreamName": name,
        "StreamARN": call.arn(f"stream/{name}"),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": mode},
        "Shards": shard.even_shards(count, now),
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": float(int(now)),
        "ShardLevelMetrics": [],
        "EncryptionType": "NONE",
        "MaxRecordSizeInKiB": request.get("MaxRecordSizeInKiB", _MIB),
        "Tags": check_tags(call, name, {}, request.get("Tags") or {}),
    }
    key = stream_record.key_of(call, name)
    try:
        call.rooms.records.create(key, body, status="ACTIVE")
    except RecordExists:
        raise ResourceInUseException(f"Stream {name} under account {call.account} already exists.") from None
    call.rooms.changes.notify(key)
    return {}


def check_shard_limit(call: Call, more: int) -> None:
    """Refuse what would give the account more open shards than it may have."""
    used = _open_shards(call, "PROVISIONED")
    if used + more > SHARD_LIMIT:
        raise LimitExceededException(
            f"This request would exceed the shard limit for the account {call.account} in {call.region}. "
            f"Current shard count for the account: {used}. Limit: {SHARD_LIMIT}. Number of additional shards that "
            f"would have resulted from this request: {more}. Refer to the AWS Service Limits page "
            "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to "
            "request higher limits."
        )


@operation
def delete_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a stream and all it holds."""
    record = stream_record.require(call, request)
    if consumer_record.of_stream(call, record) and not request.get("EnforceConsumerDeletion"):
        raise ResourceInUseException(
            f"Stream {record.key.name} under account {call.account} has consumers registered with it. "
            "Deregister them, or set EnforceConsumerDeletion."
        )
    call.rooms.records.delete(record.key)
    consumer_record.delete_all(call, record)
    call.rooms.streams.delete(record.body["Id"])
    for number in range(len(record.body["Shards"])):
        call.rooms.changes.notify(stream_record.shard_key(record, number))
    return {}


@operation
def describe_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A stream with a page of its shards."""
    record = stream_record.require(call, request)
    start, limit = request.get("ExclusiveStartShardId") or "", request.get("Limit", 100)
    shards = [found for found in shard.existing(record, call.rooms.clock.now()) if found["ShardId"] > start]
    described = {**_described(record), "Shards": shards[:limit], "HasMoreShards": len(shards) > limit}
    return {"StreamDescription": described}


@operation
def describe_stream_summary(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A stream without its shards."""
    record = stream_record.require(call, request)
    summary = {
        **_described(record),
        "OpenShardCount": len(shard.open_shards(record)),
        "ConsumerCount": len(consumer_record.of_stream(call, record)),
    }
    return {"StreamDescriptionSummary": summary}


@operation
def list_streams(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the streams by name."""
    start, limit, token = request.get("ExclusiveStartStreamName") or "", request.get("Limit", 100), ""
    names = Query(order_by="name", descending=False, limit=limit, token=request.get("NextToken") or "")
    try:
        page = call.rooms.records.find(stream_record.STREAM_KIND, call.account, call.region, names)
    except BadToken:
        raise InvalidArgumentException("NextToken is invalid.") from None
    records, token = page.records, page.next_token
    if start:
        every = call.rooms.records.every(stream_record.STREAM_KIND)
        mine = [found for found in every if found.key[1:3] == (call.account, call.region) and found.key.name > start]
        mine.sort(key=lambda found: found.key.name)
        records, token = mine[:limit], ""
        more = len(mine) > limit
    else:
        more = bool(token)
    return {
        "StreamNames": [record.key.name for record in records],
        "HasMoreStreams": more,
        "NextToken": token or None,
        "StreamSummaries": [record.body for record in records],
    }


@operation
def describe_limits(call: Call, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """How many shards and streams there are, and may be."""
    return {
        "ShardLimit": SHARD_LIMIT,
        "OpenShardCount": _open_shards(call, "PROVISIONED"),
        "OnDemandStreamCount": len(_streams(call, "ON_DEMAND")),
        "OnDemandStreamCountLimit": ON_DEMAND_LIMIT,
    }


@operation
def describe_account_settings(call: Call, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """No commitment was ever made here."""
    return {"MinimumThroughputBillingCommitment": {"Status": "DISABLED"}}


def _described(record: Record) -> dict[str, Any]:
    return {**record.body, "EnhancedMonitoring": [{"ShardLevelMetrics": record.body["ShardLevelMetrics"]}]}


def _streams(call: Call, mode: str) -> list[Record]:
    return [
        record
        for record in call.rooms.records.every(stream_record.STREAM_KIND)
        if record.key[1:3] == (call.account, call.region) and stream_record.mode_of(record.body) == mode
    ]


def _open_shards(call: Call, mode: str) -> int:
    return sum(len(shard.open_shards(record)) for record in _streams(call, mode))
