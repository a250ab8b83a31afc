"""The record of an event as S3 writes it, for every rule of the bucket that wants it.

Source: "Event message structure" in the S3 user guide, and records of real events.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus

from clary.names import partition_of
from clary.services.s3.event_bridge import write_letter
from clary.services.s3.notification import EVENT_BRIDGE, SETTING, affixes, matches
from clary.store.object_rows import NULL
from clary.store.outbox import Announce, Change, Letter
from clary.wire.identifiers import host_id
from clary.wire.timestamps import iso8601

if TYPE_CHECKING:
    from clary.wire import Call, Rooms

_LATER_VERSION = ("LifecycleExpiration", "ObjectTagging", "ObjectAcl")  # kinds that came with record version 2.3
_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"  # the ETag of no bytes: a delete marker's
_SERVICE = "s3.amazonaws.com"  # who acts where nobody asked


class Cause(NamedTuple):
    """Who made it happen, from where, and by which request."""

    principal: str
    source_ip: str
    request_id: str


def asked_by(call: Call) -> Cause:
    """The caller's doing."""
    return Cause(f"AWS:{call.identity.user_id}", call.source_ip, call.request_id)


def by_the_server(rooms: Rooms) -> Cause:
    """The doing of a job, a stream or a rule inside the server."""
    return Cause(_SERVICE, _SERVICE, rooms.clock.hex(16).upper())


def announcing(rooms: Rooms, cause: Cause, event: str) -> Announce:
    """What to tell of a change that is an event like `ObjectCreated:Put`, or `ObjectRemoved` in one of its two ways."""

    def announce(change: Change) -> Sequence[Letter]:
        settings = change.bucket.settings
        if SETTING not in settings and EVENT_BRIDGE not in settings:
            return ()
        name = event if ":" in event else f"{event}:{'Delete' if change.gone else 'DeleteMarkerCreated'}"
        wanted = [rule for rule in settings.get(SETTING, []) if _wants(rule, name, change.object.key)]
        records = [_record(rooms.clock.now(), cause, name, change, rule["Id"]) for rule in wanted]
        pairs = zip(wanted, records, strict=True)
        letters = [Letter(rule["LambdaFunctionArn"], {"Records": [record]}) for rule, record in pairs]
        return letters + (write_letter(rooms, cause, name, change) if EVENT_BRIDGE in settings else [])

    return announce


def _wants(rule: dict[str, Any], event: str, key: str) -> bool:
    prefix, suffix = affixes(rule)
    return key.startswith(prefix) and key.endswith(suffix) and any(matches(name, event) for name in rule["Events"])


def _record(now: float, cause: Cause, event: str, change: Change, rule: str) -> dict[str, Any]:
    bucket = change.bucket
    return {
        "eventVersion": "2.3" if event.startswith(_LATER_VERSION) else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": iso8601(now, milliseconds=True),
        "eventName": event,
        "userIdentity": {"principalId": cause.principal},
        "requestParameters": {"sourceIPAddress": cause.source_ip},
        "responseElements": {"x-amz-request-id": cause.request_id, "x-amz-id-2": host_id(cause.request_id)},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": _owner(bucket.account)},
                "arn": f"arn:{partition_of(bucket.region)}:s3:::{bucket.name}",
            },
            "object": _object(event, change),
        },
    }


def _object(event: str, change: Change) -> dict[str, Any]:
    item = change.object
    told: dict[str, Any] = {"key": quote_plus(item.key, safe="/*-._")}
    if event.startswith("ObjectCreated"):
        told["size"] = item.size
    if not change.gone:
        told["eTag"] = item.etag or _NOTHING
    if item.version != NULL:
        told["versionId"] = item.version
    if not event.startswith(("ObjectTagging", "ObjectAcl")):
        told["sequencer"] = f"{change.sequence:018X}"
    return told


def _owner(account: str) -> str:
    """The 14 characters that an event knows a bucket's owner by."""
    digest = hashlib.sha256(f"principal {account}".encode()).digest()
    return f"A{base64.b32encode(digest).decode()[:13]}"
