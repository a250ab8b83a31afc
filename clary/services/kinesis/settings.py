"""What can be changed of a stream: retention, capacity mode, record size, monitoring, encryption."""

from typing import Any

from clary.services.kinesis import stream_record
from clary.services.kinesis.errors import InvalidArgumentException
from clary.wire import Call, operation

_LEAST_HOURS, _MOST_HOURS = 24, 8760
_METRICS = (
    *("IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords"),
    *("WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds"),
)


@operation
def increase_stream_retention_period(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep records longer."""
    return _set_retention(call, request, grows=True)


@operation
def decrease_stream_retention_period(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep records less long; those that are too old by now are gone at once."""
    return _set_retention(call, request, grows=False)


def _set_retention(call: Call, request: dict[str, Any], *, grows: bool) -> dict[str, Any]:
    name, hours = stream_record.name_of(call, request), request["RetentionPeriodHours"]
    asked = f"Requested retention period ({hours} hours)"

    def change(body: dict[str, Any]) -> None:
        had = body["RetentionPeriodHours"]
        if hours < _LEAST_HOURS:
            raise InvalidArgumentException(f"Minimum allowed retention period is 24 hours. {asked} is too short.")
        if hours > _MOST_HOURS:
            raise InvalidArgumentException(f"Maximum allowed retention period is 8760 hours. {asked} is too long.")
        if hours < had if grows else hours > had:
            comparison, other = ("shorter", "Decrease") if grows else ("longer", "Increase")
            raise InvalidArgumentException(
                f"{asked} for stream {name} can not be {comparison} than existing retention period ({had} hours). "
                f"Use {other}RetentionPeriod API."
            )
        body["RetentionPeriodHours"] = hours

    stream_record.change(call, name, change)
    return {}


@operation
def update_stream_mode(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change between provisioned and on-demand capacity; the shards stay."""
    if request.get("WarmThroughputMiBps"):
        raise InvalidArgumentException("WarmThroughputMiBps is not supported by Clary: no stream needs warming.")
    details = {"StreamMode": request["StreamModeDetails"]["StreamMode"]}
    stream_record.change(
        call, stream_record.name_of(call, request), lambda body: body.update(StreamModeDetails=details)
    )
    return {}


@operation
def update_max_record_size(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let records be larger, or no longer so."""
    size = request["MaxRecordSizeInKiB"]
    stream_record.change(call, stream_record.name_of(call, request), lambda body: body.update(MaxRecordSizeInKiB=size))
    return {}


@operation
def enable_enhanced_monitoring(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Count by shard, too."""
    return _set_metrics(call, request, lambda had, asked: had | asked)


@operation
def disable_enhanced_monitoring(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Count by shard no longer."""
    return _set_metrics(call, request, lambda had, asked: had - asked)


def _set_metrics(call: Call, request: dict[str, Any], combine: Any) -> dict[str, Any]:
    name, asked = stream_record.name_of(call, request), set(request["ShardLevelMetrics"])
    if "ALL" in asked:
        asked = set(_METRICS)
    before: list[str] = []

    def change(body: dict[str, Any]) -> None:
        before[:] = body["ShardLevelMetrics"]
        wanted = combine(set(before), asked)
        body["ShardLevelMetrics"] = [metric for metric in _METRICS if metric in wanted]

    body = stream_record.change(call, name, change).body
    return {
        "StreamName": name,
        "StreamARN": body["StreamARN"],
        "CurrentShardLevelMetrics": before,
        "DesiredShardLevelMetrics": body["ShardLevelMetrics"],
    }


@operation
def start_stream_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep that a stream shall be encrypted, and with which key; the bytes stay as they are, as those of S3 do."""
    return _set_encryption(call, request, {"EncryptionType": "KMS", "KeyId": request["KeyId"]})


@operation
def stop_stream_encryption(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep that it shall no longer be."""
    return _set_encryption(call, request, {"EncryptionType": "NONE", "KeyId": None})


def _set_encryption(call: Call, request: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    if request["EncryptionType"] != "KMS":
        raise InvalidArgumentException("EncryptionType must be KMS.")
    stream_record.change(call, stream_record.name_of(call, request), lambda body: body.update(wanted))
    return {}
