"""Events in the shape that EventBridge has them, one a line in a log group.

There is no EventBridge here and so no rule that could choose among them: a bucket whose configuration names it has all
its events written as a rule with a log group for its target writes them. Source: "EventBridge event message structure".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from clary.names import make_arn, parse_arn, partition_of
from clary.services.s3.notification import DESTINATIONS, Destination
from clary.store.object_rows import NULL
from clary.store.outbox import Letter
from clary.wire.timestamps import iso8601

if TYPE_CHECKING:
    from clary.services.s3.event import Cause
    from clary.store.outbox import Change
    from clary.wire import Rooms

LOG_GROUP = "/aws/events/s3"  # a stream for each bucket

_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "LifecycleExpiration": "Object Deleted",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved": "DeleteObject",
    "LifecycleExpiration": "Lifecycle Expiration",
}
_DELETIONS = {True: "Permanently Deleted", False: "Delete Marker Created"}


def write_letter(rooms: Rooms, cause: Cause, event: str, change: Change) -> list[Letter]:
    """The event for the bucket's own event bus; none for an event that EventBridge is not told of."""
    kind, _, _ = event.partition(":")
    title = _TYPES.get(event) or _TYPES.get(kind)
    if title is None:
        return []
    bucket, item = change.bucket, change.object
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": {"key": item.key},
        "request-id": cause.request_id,
        "requester": bucket.account if cause.principal.startswith("AWS:") else cause.principal,
        "source-ip-address": cause.source_ip,
    }
    if title == "Object Created":
        detail["object"]["size"] = item.size
    if title != "Object Deleted":
        detail["object"]["etag"] = item.etag
    if item.version != NULL:
        detail["object"]["version-id"] = item.version
    if reason := _REASONS.get(event) or _REASONS.get(kind):
        detail["reason"] = reason
        detail["object"]["sequencer"] = f"{change.sequence:018X}"
    if title == "Object Deleted":
        detail["deletion-type"] = _DELETIONS[change.gone]
    body = {
        "version": "0",
        "id": rooms.clock.uuid(),
        "detail-type": title,
        "source": "aws.s3",
        "account": bucket.account,
        "time": iso8601(int(rooms.clock.now())),
        "region": bucket.region,
        "resources": [f"arn:{partition_of(bucket.region)}:s3:::{bucket.name}"],
        "detail": detail,
    }
    return [Letter(make_arn("events", bucket.region, bucket.account, "event-bus/default"), body)]


def _check(rooms: Rooms, arn: str) -> None:
    """Every account has its event bus."""


def _deliver(rooms: Rooms, arn: str, event: bytes) -> None:
    bus, document = parse_arn(arn), msgspec.json.decode(event)
    assert bus
    line = (rooms.clock.now(), event.decode())
    rooms.logs.append(bus.account, bus.region, LOG_GROUP, document["detail"]["bucket"]["name"], [line])


DESTINATIONS["events"] = Destination(_check, _deliver)
