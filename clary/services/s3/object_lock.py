"""Object lock: versions that nobody deletes before their time, or while they are held.

`settings["ObjectLock"]` of a bucket is its ObjectLockConfiguration; `details` of an object have "Retention" (Mode and
RetainUntilDate) and "LegalHold" (ON or OFF).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.services.s3.errors import AccessDenied, InvalidArgument, InvalidRequest, MalformedXML, NotImplementedHere
from clary.services.s3.event import announcing, asked_by
from clary.services.s3.ownership import asked_version, own_bucket, own_object, require_bucket
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.object_rows import Bucket, Found, Object

SETTING = "ObjectLock"
ENABLED = {"ObjectLockEnabled": "Enabled"}
_DAY = 24 * 3600.0
_LONGEST = {"Days": 36_500, "Years": 100}
_MODE, _UNTIL = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"


class InvalidBucketState(ServiceError):
    """The bucket's versions and its lock don't fit together."""

    code = "InvalidBucketState"
    status = 409


class NoLockConfiguration(ServiceError):
    """The bucket has no lock, or the object none of that kind."""

    code = "NoSuchObjectLockConfiguration"
    status = 404


class InvalidRetentionPeriod(ServiceError):
    """No time to retain anything for."""

    code = "InvalidRetentionPeriod"
    status = 400


class ObjectIsLocked(AccessDenied):
    """The version is retained or held."""

    def __init__(self) -> None:
        super().__init__("Access Denied because object protected by object lock.")


@operation
def get_object_lock_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Whether the bucket has object lock, and how long it retains new objects by default."""
    bucket = require_bucket(call, request)
    if SETTING not in bucket.settings:
        message = "Object Lock configuration does not exist for this bucket"
        code = "ObjectLockConfigurationNotFoundError"
        raise NoLockConfiguration(message, code=code, fields={"BucketName": bucket.name})
    return {"ObjectLockConfiguration": bucket.settings[SETTING]}


@operation
def put_object_lock_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give the bucket object lock, which it keeps for ever, and a default retention or none."""
    asked = request.get("ObjectLockConfiguration", {})
    if asked.get("ObjectLockEnabled") != "Enabled":
        raise MalformedXML
    if "Rule" in asked:
        _check_default(asked["Rule"].get("DefaultRetention", {}))

    def change(bucket: Bucket) -> None:
        if own_bucket(call, request, bucket).versioning != "Enabled":
            message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
            raise InvalidBucketState(message)
        bucket.settings[SETTING] = asked

    own_bucket(call, request, call.rooms.objects.buckets.change(request["Bucket"], change))
    return {}


@operation
def get_object_retention(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Until when a version is retained, and how strictly."""
    return {"Retention": _kept(call, request, "Retention")}


@operation
def get_object_legal_hold(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Whether a version is held."""
    return {"LegalHold": {"Status": _kept(call, request, "LegalHold")}}


@operation
def put_object_retention(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Retain a version, or retain it longer; less of governance takes who may bypass it, less of compliance nobody."""
    asked = request.get("Retention", {})
    if "EventHold" in asked or "EventHoldDuration" in asked:
        raise NotImplementedHere("event holds (EventHold)")
    if asked and not {"Mode", "RetainUntilDate"}.issubset(asked):
        raise MalformedXML
    now = call.rooms.clock.now()

    def change(found: Found) -> None:
        item = _lockable(call, request, found)
        if asked and asked["RetainUntilDate"] <= now:
            message = "The retain until date must be in the future!"
            raise InvalidArgument(message, "RetainUntilDate", asked["RetainUntilDate"])
        if _loosens(item.details.get("Retention"), asked, now, bypass=bool(request.get("BypassGovernanceRetention"))):
            raise ObjectIsLocked
        item.details["Retention"] = asked

    announce = announcing(call.rooms, asked_by(call), "ObjectRetention:Put")
    call.rooms.objects.change(request["Bucket"], request["Key"], change, announce, version=asked_version(request))
    return {}


@operation
def put_object_legal_hold(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Hold a version until it is let go, or let it go."""
    status = request.get("LegalHold", {}).get("Status")
    if not status:
        raise MalformedXML

    def change(found: Found) -> None:
        _lockable(call, request, found).details["LegalHold"] = status

    call.rooms.objects.change(request["Bucket"], request["Key"], change, version=asked_version(request))
    return {}


def lock_headers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The part of an object's details that the lock headers of a write ask for."""
    if any(name.startswith("ObjectLockEventHold") and value != "OFF" for name, value in request.items()):
        raise NotImplementedHere("event holds (x-amz-object-lock-event-hold)")
    details: dict[str, Any] = {}
    mode, until = request.get("ObjectLockMode"), request.get("ObjectLockRetainUntilDate")
    if (mode is None) != (until is None):
        message = f"{_UNTIL} and {_MODE} must both be supplied"
        raise InvalidArgument(message, _UNTIL if until is None else _MODE, "")
    if until is not None:
        if until <= call.rooms.clock.now():
            raise InvalidArgument("The retain until date must be in the future!", _UNTIL, until)
        details["Retention"] = {"Mode": mode, "RetainUntilDate": until}
    if "ObjectLockLegalHoldStatus" in request:
        details["LegalHold"] = request["ObjectLockLegalHoldStatus"]
    return details


def lock_written(bucket: Bucket, details: dict[str, Any], now: float) -> None:
    """Lock what is being written as its bucket does by default; refuse a lock in a bucket without."""
    lock = bucket.settings.get(SETTING)
    if lock is None:
        if "Retention" in details or details.get("LegalHold") == "ON":
            raise InvalidRequest("Bucket is missing Object Lock Configuration")
    elif "Rule" in lock:
        default = lock["Rule"]["DefaultRetention"]
        days = default["Days"] if "Days" in default else 365 * default["Years"]
        details.setdefault("Retention", {"Mode": default["Mode"], "RetainUntilDate": float(int(now + days * _DAY))})


def is_locked(item: Object, now: float, *, bypass: bool = False) -> bool:
    """Whether a version can't be deleted now."""
    if item.details.get("LegalHold") == "ON":
        return True
    retention = item.details.get("Retention")
    if not retention or retention["RetainUntilDate"] <= now:
        return False
    return not (bypass and retention["Mode"] == "GOVERNANCE")


def lock_members(item: Object) -> dict[str, Any]:
    """What GetObject and HeadObject say of the lock."""
    answer: dict[str, Any] = {}
    if retention := item.details.get("Retention"):
        answer = {"ObjectLockMode": retention["Mode"], "ObjectLockRetainUntilDate": retention["RetainUntilDate"]}
    if "LegalHold" in item.details:
        answer["ObjectLockLegalHoldStatus"] = item.details["LegalHold"]
    return answer


def _check_default(retention: dict[str, Any]) -> None:
    if "DefaultEventHold" in retention:
        raise NotImplementedHere("event holds (DefaultEventHold)")
    if "Mode" not in retention or ("Days" in retention) == ("Years" in retention):
        raise MalformedXML
    for name, longest in _LONGEST.items():
        if retention.get(name, 1) <= 0:
            raise InvalidRetentionPeriod("Default retention period must be a positive integer value.")
        if retention.get(name, 1) > longest:
            raise InvalidRetentionPeriod(f"Default retention period is too large: at most {longest} {name.lower()}.")


def _loosens(kept: dict[str, Any] | None, asked: dict[str, Any], now: float, *, bypass: bool) -> bool:
    """Whether the new retention would take something from one that still holds, without the right to."""
    if not kept or kept["RetainUntilDate"] <= now:
        return False
    if asked and asked["Mode"] == kept["Mode"] and asked["RetainUntilDate"] >= kept["RetainUntilDate"]:
        return False
    return kept["Mode"] == "COMPLIANCE" or not bypass


def _lockable(call: Call, request: dict[str, Any], found: Found) -> Object:
    item = own_object(call, request, found)
    assert found.bucket
    if SETTING not in found.bucket.settings:
        raise InvalidRequest("Bucket is missing Object Lock Configuration")
    return item


def _kept(call: Call, request: dict[str, Any], name: str) -> Any:
    found = call.rooms.objects.find(request["Bucket"], request["Key"], asked_version(request))
    kept = _lockable(call, request, found).details.get(name)
    if not kept:
        raise NoLockConfiguration("The specified object does not have a ObjectLock configuration")
    return kept
