"""Lifecycle rules: Put, Get and DeleteBucketLifecycleConfiguration, and when a rule expires what.

A bucket keeps its configuration in `settings["Lifecycle"]` as it was put, rules without an ID with one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from clary.errors import ServiceError
from clary.services.s3.lifecycle_rules import check_rules
from clary.services.s3.ownership import keep_setting, require_bucket
from clary.wire import Call, operation
from clary.wire.timestamps import rfc822

if TYPE_CHECKING:
    from clary.store.object_rows import Bucket, Object
    from clary.store.uploads import Upload

SETTING = "Lifecycle"
DAY_SECONDS = 24 * 3600.0
_SMALLEST = "TransitionDefaultMinimumObjectSize"  # it is about transitions, which there are none of


class NoLifecycle(ServiceError):
    """The bucket has no rules."""

    code = "NoSuchLifecycleConfiguration"
    status = 404


class Expiry(NamedTuple):
    """When, and by which rule."""

    at: float
    rule: str


@operation
def get_bucket_lifecycle_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The rules."""
    bucket = require_bucket(call, request)
    if SETTING not in bucket.settings:
        raise NoLifecycle("The lifecycle configuration does not exist", fields={"BucketName": bucket.name})
    kept: dict[str, Any] = bucket.settings[SETTING]
    return kept


@operation
def put_bucket_lifecycle_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace the rules; they hold for what is there already, too."""
    require_bucket(call, request)
    rules = check_rules(request.get("LifecycleConfiguration", {}).get("Rules", []), call.rooms.clock)
    smallest = request.get(_SMALLEST, "all_storage_classes_128K")
    keep_setting(call, request, SETTING, {"Rules": rules, _SMALLEST: smallest})
    return {_SMALLEST: smallest}


@operation
def delete_bucket_lifecycle(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the rules."""
    keep_setting(call, request, SETTING, None)
    return {}


def enabled_rules(bucket: Bucket) -> list[dict[str, Any]]:
    """The rules that are in force."""
    kept = bucket.settings.get(SETTING)
    return [rule for rule in kept["Rules"] if rule["Status"] == "Enabled"] if kept else []


def covers(rule: dict[str, Any], item: Object) -> bool:
    """Whether the rule's filter lets the object through."""
    asked = rule.get("Filter", {})
    asked = asked.get("And", asked)
    tags = item.details.get("Tags", {})
    wanted = asked.get("Tags", [asked["Tag"]] if "Tag" in asked else [])
    return (
        item.key.startswith(prefix_of(rule))
        and all(tags.get(tag["Key"]) == tag["Value"] for tag in wanted)
        and item.size > asked.get("ObjectSizeGreaterThan", -1)
        and item.size < asked.get("ObjectSizeLessThan", item.size + 1)
    )


def prefix_of(rule: dict[str, Any]) -> str:
    """The prefix of the keys that the rule is about."""
    asked = rule.get("Filter", {})
    prefix: str = rule.get("Prefix") or asked.get("And", asked).get("Prefix", "")
    return prefix


def days_after(time: float, days: int) -> float:
    """The midnight (UTC) that comes after so many days."""
    return -(-(time + days * DAY_SECONDS) // DAY_SECONDS) * DAY_SECONDS


def expiry_of(bucket: Bucket, item: Object) -> Expiry | None:
    """When the current version of an object expires, if it ever does: the earliest of what the rules say."""
    found: list[Expiry] = []
    for rule in enabled_rules(bucket):
        asked = rule.get("Expiration", {})
        if ("Days" in asked or "Date" in asked) and covers(rule, item):
            at = asked["Date"] if "Date" in asked else days_after(item.modified, asked["Days"])
            found.append(Expiry(at, rule["ID"]))
    return min(found, default=None)


def expiry_member(bucket: Bucket | None, item: Object) -> dict[str, str]:
    """What answers say of it."""
    expiry = expiry_of(bucket, item) if bucket and SETTING in bucket.settings else None
    if expiry is None:
        return {}
    return {"Expiration": f'expiry-date="{rfc822(int(expiry.at))}", rule-id="{quote(expiry.rule, safe="")}"'}


def abort_of(bucket: Bucket, upload: Upload) -> Expiry | None:
    """When an upload in parts that nobody completes is aborted."""
    found = [
        Expiry(days_after(upload.created, rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]), rule["ID"])
        for rule in enabled_rules(bucket)
        if "AbortIncompleteMultipartUpload" in rule and upload.key.startswith(prefix_of(rule))
    ]
    return min(found, default=None)


def abort_members(bucket: Bucket, upload: Upload) -> dict[str, Any]:
    """What answers say of it."""
    expiry = abort_of(bucket, upload)
    return {} if expiry is None else {"AbortDate": expiry.at, "AbortRuleId": expiry.rule}
