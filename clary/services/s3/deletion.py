"""DeleteObject, DeleteObjects."""

from collections.abc import Collection
from typing import Any

from clary.errors import ServiceError
from clary.services.s3.conditions import check_delete, same_etag
from clary.services.s3.errors import MalformedXML
from clary.services.s3.event import announcing, asked_by
from clary.services.s3.object_lock import ObjectIsLocked, is_locked
from clary.services.s3.ownership import asked_version, check_version_id, own_bucket, require_bucket
from clary.services.s3.properties import check_key
from clary.store.deletion import Removed, Target
from clary.store.object_rows import Bucket, Object
from clary.wire import Call, operation

_MAX_DELETED = 1000


@operation
def delete_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete an object, put a delete marker in its place, or delete one version; what isn't there counts as deleted."""
    target = Target(request["Key"], asked_version(request))

    def choose(bucket: Bucket | None, found: dict[Target, Object]) -> Collection[Target]:
        own_bucket(call, request, bucket)
        check_delete(request, found.get(target))
        _check_lock(call, request, target, found.get(target))
        return [target]

    removed = announcing(call.rooms, asked_by(call), "ObjectRemoved")
    done = call.rooms.objects.delete(request["Bucket"], [target], choose, removed).get(target)
    answer = {"VersionId": target.version} if target.version else {}
    return answer if done is None else answer | _marker_of(done, "VersionId")


@operation
def delete_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete up to 1000 objects or versions in one go."""
    wanted = request["Delete"].get("Objects", [])
    if not 1 <= len(wanted) <= _MAX_DELETED:
        raise MalformedXML
    require_bucket(call, request)
    errors: list[dict[str, Any]] = []
    accepted: dict[Target, None] = {}

    def choose(bucket: Bucket | None, found: dict[Target, Object]) -> Collection[Target]:
        own_bucket(call, request, bucket)
        for item in wanted:
            target = _target(item)
            if problem := _problem(call, request, item, found.get(target)):
                errors.append({"Key": target.key, "VersionId": target.version or None, **problem})
            else:
                accepted[target] = None
        return accepted

    removed = announcing(call.rooms, asked_by(call), "ObjectRemoved")
    done = call.rooms.objects.delete(request["Bucket"], {_target(item): None for item in wanted}, choose, removed)
    deleted = [
        {
            "Key": key,
            "VersionId": version or None,
            **_marker_of(done.get(Target(key, version)), "DeleteMarkerVersionId"),
        }
        for key, version in accepted
    ]
    return {"Deleted": [] if request["Delete"].get("Quiet") else deleted, "Errors": errors}


def _target(item: dict[str, Any]) -> Target:
    return Target(item["Key"], item.get("VersionId", ""))


def _marker_of(done: Removed | None, member: str) -> dict[str, Any]:
    """What the answer says of a delete marker that was put or deleted."""
    marker = done and (done.marker or done.object)
    return {"DeleteMarker": True, member: marker.version} if marker and marker.is_marker else {}


def _check_lock(call: Call, request: dict[str, Any], target: Target, found: Object | None) -> None:
    """Raise where a version is to go that is retained or held; a delete marker may always be put."""
    bypass = bool(request.get("BypassGovernanceRetention"))
    if target.version and found is not None and is_locked(found, call.rooms.clock.now(), bypass=bypass):
        raise ObjectIsLocked


def _problem(call: Call, request: dict[str, Any], item: dict[str, Any], found: Object | None) -> dict[str, str] | None:
    """Why this one is not deleted."""
    try:
        check_key(item["Key"])
        if "VersionId" in item:
            check_version_id(item["VersionId"])
        _check_lock(call, request, _target(item), found)
    except ServiceError as error:
        if error.code == "InvalidArgument":
            return {"Code": "NoSuchVersion", "Message": "The specified version does not exist."}
        return {"Code": error.code, "Message": error.message}
    if "LastModifiedTime" in item or "Size" in item:
        return {"Code": "NotImplemented", "Message": "LastModifiedTime and Size are for directory buckets only."}
    if "ETag" in item and (found is None or not (item["ETag"] == "*" or same_etag(item["ETag"], found.etag))):
        message = "At least one of the pre-conditions you specified did not hold"
        return {"Code": "PreconditionFailed", "Message": message}
    return None
