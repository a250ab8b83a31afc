"""Tags of alarms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clary.names import parse_arn
from clary.services.cloudwatch.alarm_state import KIND
from clary.services.cloudwatch.errors import InvalidParameterValue, ResourceNotFoundException
from clary.store.records import Key, Record
from clary.wire import Call, operation

_MOST_TAGS = 50


@operation
def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of an alarm; a key that is there already gets the new value."""

    def add(record: Record) -> None:
        tags = {tag["Key"]: tag["Value"] for tag in [*record.body["Tags"], *request["Tags"]]}
        if len(tags) > _MOST_TAGS:
            raise InvalidParameterValue(f"A resource has at most {_MOST_TAGS} tags; this would make {len(tags)}.")
        record.body["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]

    _change(call, request["ResourceARN"], add)
    return {}


@operation
def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key; keys that are not there are passed over."""

    def remove(record: Record) -> None:
        record.body["Tags"] = [tag for tag in record.body["Tags"] if tag["Key"] not in request["TagKeys"]]

    _change(call, request["ResourceARN"], remove)
    return {}


@operation
def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of an alarm."""
    record = call.rooms.records.get(_key(call, request["ResourceARN"]))
    if record is None:
        raise _not_found(request["ResourceARN"])
    return {"Tags": record.body["Tags"]}


def _change(call: Call, arn: str, function: Callable[[Record], None]) -> None:
    if call.rooms.records.change(_key(call, arn), function) is None:
        raise _not_found(arn)


def _key(call: Call, text: str) -> Key:
    arn = parse_arn(text)
    if arn is None or arn.service != "cloudwatch" or not arn.resource.startswith("alarm:"):
        raise InvalidParameterValue(f"{text} is not the ARN of an alarm, which alone can have tags here.")
    if (arn.account, arn.region) != (call.account, call.region):
        raise _not_found(text)
    return Key(KIND, call.account, call.region, arn.resource.removeprefix("alarm:"))


def _not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Unknown: {arn}")
