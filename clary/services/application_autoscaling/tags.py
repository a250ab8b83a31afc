"""Tags of scalable targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clary.services.application_autoscaling.errors import ResourceNotFound, TooManyTags
from clary.services.application_autoscaling.kinds import TARGET
from clary.services.application_autoscaling.scalable_target import MOST_TAGS
from clary.store.records import Query, Record
from clary.wire import Call, operation


@operation
def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags; a key that is there already gets the new value."""

    def add(record: Record) -> None:
        tags = {**record.body["Tags"], **request["Tags"]}
        if len(tags) > MOST_TAGS:
            raise TooManyTags(f"A scalable target has at most {MOST_TAGS} tags; this would make {len(tags)}.")
        record.body["Tags"] = tags

    return _change(call, request["ResourceARN"], add)


@operation
def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key; keys that are not there are passed over."""

    def remove(record: Record) -> None:
        tags = record.body["Tags"]
        record.body["Tags"] = {key: value for key, value in tags.items() if key not in request["TagKeys"]}

    return _change(call, request["ResourceARN"], remove)


@operation
def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of a scalable target."""
    return {"Tags": _find(call, request["ResourceARN"]).body["Tags"]}


def _change(call: Call, arn: str, function: Callable[[Record], None]) -> dict[str, Any]:
    call.rooms.records.change(_find(call, arn).key, function)
    return {}


def _find(call: Call, arn: str) -> Record:
    page = call.rooms.records.find(TARGET, call.account, call.region, Query(where={"ScalableTargetARN": arn}))
    if not page.records:
        raise ResourceNotFound(f"The scalable target {arn} does not exist.")
    return page.records[0]
