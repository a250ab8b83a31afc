"""Tags of resources, by ARN."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import resources
from clary.services.sagemaker.errors import ValidationException
from clary.store.pages import seal, unseal
from clary.store.records import Key, Record
from clary.wire import Call, operation

MAX_TAGS = 50
DEFAULT_PAGE = 50


@operation
def add_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags; a key that is there already gets the new value. Answers all tags of the resource."""

    def add(record: Record) -> None:
        tags = merged([*record.body.get("Tags", []), *request["Tags"]])
        if len(tags) > MAX_TAGS:
            raise ValidationException(f"A resource has at most {MAX_TAGS} tags; this would make {len(tags)}.")
        record.body["Tags"] = tags

    return {"Tags": _change(call, request["ResourceArn"], add).body["Tags"]}


@operation
def list_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of a resource."""
    arn, limit = request["ResourceArn"], request.get("MaxResults", DEFAULT_PAGE)
    key = _key(call, arn)
    record = call.rooms.records.get(key)
    if record is None:
        raise resources.not_found(key)
    tags = record.body.get("Tags", [])
    [start] = unseal(request["NextToken"], arn) if request.get("NextToken") else [0]
    assert isinstance(start, int)
    end = start + limit
    return {"Tags": tags[start:end], "NextToken": seal([end], arn) if end < len(tags) else None}


@operation
def delete_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key; keys that are not there are passed over."""

    def delete(record: Record) -> None:
        tags = record.body.get("Tags", [])
        record.body["Tags"] = [tag for tag in tags if tag["Key"] not in request["TagKeys"]]

    _change(call, request["ResourceArn"], delete)
    return {}


def merged(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each key once, with its last value, in the order the keys came first."""
    return [{"Key": key, "Value": value} for key, value in {tag["Key"]: tag["Value"] for tag in tags}.items()]


def _change(call: Call, arn: str, function: Any) -> Record:
    key = _key(call, arn)
    record = call.rooms.records.change(key, function)
    if record is None:
        raise resources.not_found(key)
    return record


def _key(call: Call, arn: str) -> Key:
    key = resources.key_of_arn(arn)
    if key is None or (key.account, key.region) != (call.account, call.region):
        raise ValidationException(
            f"{arn} is not the ARN of a resource of this account and region that Clary has: one of "
            f"{', '.join(resources.KINDS)}."
        )
    return key
