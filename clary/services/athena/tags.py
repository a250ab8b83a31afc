"""Tags of workgroups and data catalogs, by ARN."""

from __future__ import annotations

from typing import Any

from clary.jobs.host import Scope
from clary.names import parse_arn
from clary.services.athena import catalogs, workgroups
from clary.services.athena.errors import InvalidRequestException, ResourceNotFoundException, malformed
from clary.store.pages import BadToken, seal, unseal
from clary.store.records import Key, Record
from clary.wire import Call, operation

_MOST = 50
_PAGE = 75

Tags = list[dict[str, str]]


@operation
def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags; a key that is there already gets the new value."""

    def add(record: Record) -> None:
        record.body["Tags"] = merge_tags(record.body.get("Tags", []), request["Tags"])

    _change(call, request["ResourceARN"], add)
    return {}


@operation
def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key."""

    def remove(record: Record) -> None:
        record.body["Tags"] = [tag for tag in record.body.get("Tags", []) if tag["Key"] not in request["TagKeys"]]

    _change(call, request["ResourceARN"], remove)
    return {}


@operation
def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a resource's tags."""
    arn = request["ResourceARN"]
    record = call.rooms.records.get(_key(call, arn))
    if record is None:
        raise _not_found(arn)
    tags, token = record.body.get("Tags", []), request.get("NextToken") or ""
    try:
        [start] = unseal(token, arn) if token else [0]
    except BadToken:
        raise malformed(token) from None
    assert isinstance(start, int)
    end = start + request.get("MaxResults", _PAGE)
    return {"Tags": tags[start:end], "NextToken": seal([end], arn) if end < len(tags) else None}


def merge_tags(tags: Tags, more: Tags) -> Tags:
    """The tags with more of them set."""
    merged = {tag["Key"]: tag.get("Value", "") for tag in [*tags, *more] if "Key" in tag}
    if len(merged) > _MOST:
        raise InvalidRequestException(f"A resource has at most {_MOST} tags; this would make {len(merged)}.")
    return [{"Key": key, "Value": value} for key, value in merged.items()]


def _change(call: Call, arn: str, function: Any) -> None:
    if call.rooms.records.change(_key(call, arn), function) is None:
        raise _not_found(arn)


def _key(call: Call, text: str) -> Key:
    arn = parse_arn(text)
    kind, _, name = arn.resource.partition("/") if arn else ("", "", "")
    kinds = {"workgroup": workgroups.KIND, "datacatalog": catalogs.KIND}
    if arn is None or arn.service != "athena" or kind not in kinds or not name:
        raise InvalidRequestException(f"{text} is not the ARN of a workgroup or a data catalog.")
    if (arn.account, arn.region) != (call.account, call.region):
        raise _not_found(text)
    if name == workgroups.PRIMARY and kind == "workgroup":
        workgroups.ensure_primary(call.rooms, Scope(call.account, call.region))
    return Key(kinds[kind], call.account, call.region, name.lower() if kind == "datacatalog" else name)


def _not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Resource {arn} was not found", arn)
