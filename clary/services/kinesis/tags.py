"""Tags of streams and consumers, in the old form by stream and in the new one by ARN."""

import re
from typing import Any

from clary.services.kinesis import stream_record
from clary.services.kinesis.errors import InvalidArgumentException
from clary.services.kinesis.resource import change_resource, require_resource
from clary.wire import Call, operation

_MOST = 50
_INVALID = re.compile(r"[^\u00C0-\u1FFF\u2C00-\uD7FF\w./\-=+ @%:,]")


@operation
def add_tags_to_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of a stream."""
    name, tags = stream_record.name_of(call, request), request["Tags"]
    stream_record.change(call, name, lambda body: body.update(Tags=check_tags(call, name, body["Tags"], tags)))
    return {}


@operation
def remove_tags_from_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of a stream."""
    stream_record.change(call, stream_record.name_of(call, request), lambda body: _remove(body, request["TagKeys"]))
    return {}


@operation
def list_tags_for_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a stream's tags."""
    tags = stream_record.require(call, request).body["Tags"]
    start, limit = request.get("ExclusiveStartTagKey") or "", request.get("Limit", _MOST)
    rows = [row for row in _rows(tags) if row["Key"] > start]
    return {"Tags": rows[:limit], "HasMoreTags": len(rows) > limit}


@operation
def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of what an ARN names."""
    name, tags = request["ResourceARN"], request["Tags"]
    change_resource(call, request, lambda body: body.update(Tags=check_tags(call, name, body["Tags"], tags)))
    return {}


@operation
def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of what an ARN names."""
    change_resource(call, request, lambda body: _remove(body, request["TagKeys"]))
    return {}


@operation
def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of what an ARN names."""
    return {"Tags": _rows(require_resource(call, request).body["Tags"])}


def check_tags(call: Call, name: str, tags: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """The tags with more of them set; what AWS doesn't take is refused."""
    texts = [*more, *more.values()]
    if any(_INVALID.search(text) for text in texts):
        raise InvalidArgumentException(
            "Some tags contain invalid characters. Valid characters: "
            "Unicode letters, digits, white space, _ . / = + - % @."
        )
    failed = f"Failed to add tags to stream {name} under account {call.account} because"
    if any("%" in text for text in texts):
        raise InvalidArgumentException(
            f"{failed} some tags contained illegal characters. The allowed characters are "
            "Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        )
    merged = {**tags, **more}
    if len(merged) > _MOST:
        raise InvalidArgumentException(
            f"{failed} a given stream cannot have more than {_MOST} tags associated with it."
        )
    return merged


def _remove(body: dict[str, Any], keys: list[str]) -> None:
    body["Tags"] = {key: value for key, value in body["Tags"].items() if key not in keys}


def _rows(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
