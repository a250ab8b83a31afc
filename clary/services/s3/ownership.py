"""Whose bucket it is, and which version is asked for: what every operation checks before it reads or writes."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from clary.services.s3.errors import (
    AccessDenied,
    InvalidArgument,
    MethodNotAllowed,
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
)
from clary.store.object_rows import Bucket, Found, Object
from clary.wire import Call

_VERSION = re.compile(r"null|[0-9a-f]{32}")


def require_bucket(call: Call, request: dict[str, Any]) -> Bucket:
    """The request's bucket, which must exist and be the caller's."""
    return own_bucket(call, request, call.rooms.objects.buckets.get(request["Bucket"]))


def own_bucket(
    call: Call, request: dict[str, Any], bucket: Bucket | None, *, name: str = "", owner: str = "ExpectedBucketOwner"
) -> Bucket:
    """The bucket, if it exists, is the caller's and has the owner that the request expects."""
    if bucket is None:
        raise NoSuchBucket(name or request["Bucket"])
    if bucket.account != call.identity.account or request.get(owner, bucket.account) != bucket.account:
        raise AccessDenied
    return bucket


def keep_setting(call: Call, request: dict[str, Any], name: str, value: Any) -> None:
    """Keep what a request says of its bucket; what is empty is no longer kept."""

    def change(bucket: Bucket) -> None:
        settings = own_bucket(call, request, bucket).settings
        settings.pop(name, None)
        if value:
            settings[name] = value

    own_bucket(call, request, call.rooms.objects.buckets.change(request["Bucket"], change))


def bucket_check(call: Call, request: dict[str, Any]) -> Callable[[Bucket | None], None]:
    """The same as something to run inside a transaction."""

    def check(bucket: Bucket | None) -> None:
        own_bucket(call, request, bucket)

    return check


def own_object(call: Call, request: dict[str, Any], found: Found) -> Object:
    """The request's object or version, which must exist in a bucket of the caller's."""
    own_bucket(call, request, found.bucket)
    if found.object is not None:
        return found.object
    if "VersionId" not in request:
        raise NoSuchKey(request["Key"], found.marker.version if found.marker else "")
    if found.marker is not None:
        raise MethodNotAllowed(call.operation, found.marker.version)
    raise NoSuchVersion(request["Key"], request["VersionId"])


def require_object(call: Call, request: dict[str, Any]) -> Object:
    """Look the request's object up."""
    return own_object(call, request, call.rooms.objects.find(request["Bucket"], request["Key"], asked_version(request)))


def check_version_id(version: str, name: str = "versionId") -> str:
    """The version id, if one could look like that."""
    if not _VERSION.fullmatch(version):
        raise InvalidArgument("Invalid version id specified", name, version)
    return version


def asked_version(request: dict[str, Any]) -> str:
    """The version that the request names, "" for the current one."""
    return check_version_id(request["VersionId"]) if "VersionId" in request else ""


def canonical_id(account: str) -> str:
    """The 64 digits that S3 knows an account by."""
    return hashlib.sha256(f"canonical user {account}".encode()).hexdigest()


def owner_of(account: str) -> dict[str, str]:
    """An Owner or Initiator element."""
    return {"ID": canonical_id(account)}
