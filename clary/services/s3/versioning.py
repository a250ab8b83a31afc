"""Versions of objects: PutBucketVersioning, GetBucketVersioning, and what answers say of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.services.s3.errors import NotImplementedHere
from clary.services.s3.object_lock import SETTING, InvalidBucketState
from clary.services.s3.ownership import own_bucket, require_bucket
from clary.store.object_rows import NULL
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.object_rows import Bucket, Found, Object


class IllegalVersioningConfiguration(ServiceError):
    """The configuration says nothing."""

    code = "IllegalVersioningConfigurationException"
    status = 400


@operation
def get_bucket_versioning(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Enabled, suspended, or nothing where it never was either."""
    return {"Status": require_bucket(call, request).versioning or None}


@operation
def put_bucket_versioning(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Enable or suspend versioning; it holds for what is written from now on."""
    asked = request["VersioningConfiguration"]
    require_bucket(call, request)
    if "Status" not in asked:
        raise IllegalVersioningConfiguration("The Versioning element must be specified")
    if asked.get("MFADelete", "Disabled") != "Disabled":
        raise NotImplementedHere("deletion by multi-factor authentication (MFADelete)")

    def change(bucket: Bucket) -> None:
        own_bucket(call, request, bucket)
        if asked["Status"] != "Enabled" and SETTING in bucket.settings:
            message = (
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            )
            raise InvalidBucketState(message)
        bucket.versioning = asked["Status"]

    own_bucket(call, request, call.rooms.objects.buckets.change(request["Bucket"], change))
    return {}


def version_answer(found: Found) -> dict[str, str]:
    """The version that was read or changed; nothing in a bucket that never had versions."""
    item = found.object
    return {"VersionId": item.version} if item and found.bucket and found.bucket.versioning else {}


def written_version(stored: Object) -> dict[str, str]:
    """The version that a write made; nothing for the null version."""
    return {} if stored.version == NULL else {"VersionId": stored.version}
