"""Tags of delivery streams."""

from typing import Any

from clary.services.firehose import stream_record
from clary.services.firehose.errors import LimitExceededException
from clary.wire import Call, operation

_MOST = 50


@operation
def tag_delivery_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags."""
    stream_record.change(call, request, lambda body: body.update(Tags=set_tags(body["Tags"], request["Tags"])))
    return {}


@operation
def untag_delivery_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags."""
    gone = set(request["TagKeys"])

    def remove(body: dict[str, Any]) -> None:
        body["Tags"] = {key: value for key, value in body["Tags"].items() if key not in gone}

    stream_record.change(call, request, remove)
    return {}


@operation
def list_tags_for_delivery_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the tags by key."""
    after, limit = request.get("ExclusiveStartTagKey") or "", request.get("Limit", _MOST)
    tags = sorted(stream_record.require(call, request).body["Tags"].items())
    rows = [{"Key": key, "Value": value} if value is not None else {"Key": key} for key, value in tags if key > after]
    return {"Tags": rows[:limit], "HasMoreTags": len(rows) > limit}


def set_tags(tags: dict[str, str | None], more: list[dict[str, str]]) -> dict[str, str | None]:
    """The tags with more of them set."""
    merged = {**tags, **{row["Key"]: row.get("Value") for row in more}}
    if len(merged) > _MOST:
        raise LimitExceededException(f"A delivery stream cannot have more than {_MOST} tags.")
    return merged
