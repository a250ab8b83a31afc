"""ListShards: the shards of a stream, filtered and by pages."""

from math import inf
from typing import Any

from clary.services.kinesis import shard, stream_record
from clary.services.kinesis.errors import ExpiredNextTokenException, InvalidArgumentException
from clary.services.kinesis.shard import Shard
from clary.store.pages import BadToken, seal, unseal
from clary.store.records import Record
from clary.wire import Call, operation

_TOKEN_SECONDS = 300
_SEAL = "kinesis-shards"


@operation
def list_shards(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the shards that a filter lets through, expired ones left out."""
    record, start, shard_filter = _asked(call, request)
    after = start or _start_of(shard_filter)
    found = [row for row in _filtered(record, shard_filter, call.rooms.clock.now()) if row["ShardId"] > after]
    limit = request.get("MaxResults", 1000)
    answer: dict[str, Any] = {"Shards": found[:limit]}
    if len(found) > limit:
        last, now = found[limit - 1]["ShardId"], call.rooms.clock.now()
        position = [now, record.key.name, record.body["Id"], last, shard_filter]
        answer["NextToken"] = seal(position, _SEAL, call.account, call.region)
    return answer


def _asked(call: Call, request: dict[str, Any]) -> tuple[Record, str, dict[str, Any]]:
    """The stream, the shard to begin after and the filter: of the request, or of its token."""
    token = request.get("NextToken") or ""
    named = request.get("StreamName") or request.get("StreamARN")
    if not token and not named:
        raise InvalidArgumentException("Either NextToken or StreamName should be provided.")
    if not token:
        record = stream_record.require(call, request)
        return record, request.get("ExclusiveStartShardId") or "", request.get("ShardFilter") or {}
    if named:
        raise InvalidArgumentException("NextToken and StreamName cannot be provided together.")
    for member in ("ExclusiveStartShardId", "StreamCreationTimestamp", "ShardFilter"):
        if request.get(member):
            raise InvalidArgumentException(f"NextToken and {member} cannot be provided together.")
    try:
        made, name, identity, start, shard_filter = unseal(token, _SEAL, call.account, call.region)
    except BadToken:
        raise InvalidArgumentException("NextToken is invalid.") from None
    if call.rooms.clock.now() - float(str(made)) > _TOKEN_SECONDS:
        raise ExpiredNextTokenException("The NextToken has expired: it is good for 300 seconds.")
    record = stream_record.require_named(call, str(name))
    if record.body["Id"] != identity:
        raise InvalidArgumentException("NextToken is of a stream that was deleted.")
    assert isinstance(shard_filter, dict)
    return record, str(start), shard_filter


def _start_of(shard_filter: dict[str, Any]) -> str:
    if shard_filter.get("Type") != "AFTER_SHARD_ID":
        return ""
    if not shard_filter.get("ShardId"):
        raise InvalidArgumentException("ShardId must be specified in a ShardFilter of type AFTER_SHARD_ID.")
    return str(shard_filter["ShardId"])


def _filtered(record: Record, shard_filter: dict[str, Any], now: float) -> list[Shard]:
    kind, time = shard_filter.get("Type", "FROM_TRIM_HORIZON"), shard_filter.get("Timestamp")
    shards, oldest = shard.existing(record, now), shard.horizon(record, now)
    if kind in ("AT_TIMESTAMP", "FROM_TIMESTAMP") and time is None:
        raise InvalidArgumentException(f"Timestamp must be specified in a ShardFilter of type {kind}.")
    if kind == "AT_LATEST":
        return [row for row in shards if "Closed" not in row]
    if kind == "AT_TRIM_HORIZON":
        # Of a stream younger than its retention period the oldest moment is that of its creation.
        time = max([oldest, min((row["Opened"] for row in shards), default=oldest)])
        return [row for row in shards if row["Opened"] <= time]
    if kind == "AT_TIMESTAMP":
        return [row for row in shards if row["Opened"] <= time <= row.get("Closed", inf)]
    if kind == "FROM_TIMESTAMP":
        return [row for row in shards if row.get("Closed", inf) >= max(time or 0.0, oldest)]
    return shards
