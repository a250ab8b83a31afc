"""Access control lists. Every bucket has them disabled, as on AWS a new one has: everything is its owner's."""

from typing import Any

from clary.errors import ServiceError
from clary.services.s3.ownership import canonical_id, owner_of, require_bucket, require_object
from clary.wire import Call, operation

# What a bucket with lists disabled accepts: words for what it does anyway.
_OWNERS_OWN = ("private", "bucket-owner-full-control", "bucket-owner-read")
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")


class AccessControlListNotSupported(ServiceError):
    """Lists are disabled."""

    code = "AccessControlListNotSupported"
    status = 400


class InvalidBucketAcl(ServiceError):
    """A new bucket can't have a list."""

    code = "InvalidBucketAclWithObjectOwnership"
    status = 400


def refuse_bucket_grants(request: dict[str, Any]) -> None:
    """Refuse to create a bucket that grants something."""
    if request.get("ACL", "private") != "private" or any(name in request for name in _GRANTS):
        message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise InvalidBucketAcl(message)


def refuse_grants(request: dict[str, Any]) -> None:
    """Refuse headers that grant something to others than the bucket's owner."""
    if request.get("ACL", "private") not in _OWNERS_OWN or any(name in request for name in _GRANTS):
        raise AccessControlListNotSupported("The bucket does not allow ACLs")


@operation
def get_bucket_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Full control for the owner."""
    return _owners_own(require_bucket(call, request).account)


@operation
def get_object_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Full control for the bucket's owner."""
    require_object(call, request)
    return _owners_own(call.identity.account)


@operation
def put_bucket_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Accept the list that is there anyway."""
    account = require_bucket(call, request).account
    _refuse_list(request, account)
    return {}


@operation
def put_object_acl(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Accept the list that is there anyway."""
    require_object(call, request)
    _refuse_list(request, call.identity.account)
    return {}


def _refuse_list(request: dict[str, Any], account: str) -> None:
    refuse_grants(request)
    for grant in request.get("AccessControlPolicy", {}).get("Grants", []):
        if grant.get("Grantee", {}).get("ID") != canonical_id(account) or grant.get("Permission") != "FULL_CONTROL":
            raise AccessControlListNotSupported("The bucket does not allow ACLs")


def _owners_own(account: str) -> dict[str, Any]:
    grantee = {"Type": "CanonicalUser", **owner_of(account)}
    return {"Owner": owner_of(account), "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}
