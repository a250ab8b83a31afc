"""CreateBucket, HeadBucket, GetBucketLocation, ListBuckets, DeleteBucket."""

import ipaddress
import re
from functools import cache
from typing import Any

from clary.errors import ServiceError
from clary.services.s3 import object_lock
from clary.services.s3.errors import InvalidArgument, NotImplementedHere
from clary.services.s3.grants import refuse_bucket_grants
from clary.services.s3.ownership import bucket_check, owner_of, require_bucket
from clary.services.s3.tagging import bucket_tags
from clary.store.buckets import BucketExists, BucketNotEmpty
from clary.store.object_rows import Bucket
from clary.store.pages import BadToken, seal, unseal
from clary.wire import Call, Reply, operation
from clary.wire.model import load_model

HOME_REGION = "us-east-1"
_MAX_BUCKETS = 10_000

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


class InvalidBucketName(ServiceError):
    """The name breaks the naming rules."""

    code = "InvalidBucketName"
    status = 400


class BucketAlreadyExists(ServiceError):
    """Another account has the name."""

    code = "BucketAlreadyExists"
    status = 409


class BucketAlreadyOwnedByYou(ServiceError):
    """The caller has a bucket of that name already."""

    code = "BucketAlreadyOwnedByYou"
    status = 409


class BucketHasObjects(ServiceError):
    """Only an empty bucket is deleted."""

    code = "BucketNotEmpty"
    status = 409


class InvalidLocationConstraint(ServiceError):
    """There is no such region."""

    code = "InvalidLocationConstraint"
    status = 400


class IllegalLocationConstraint(ServiceError):
    """The region is not the one that the request was sent to."""

    code = "IllegalLocationConstraintException"
    status = 400


@operation
def create_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take a name in all accounts."""
    name = request["Bucket"]
    configuration = request.get("CreateBucketConfiguration", {})
    _refuse_extras(request, configuration)
    if not is_legal_name(name):
        raise InvalidBucketName("The specified bucket is not valid.", fields={"BucketName": name})
    region = _region(call.region, configuration.get("LocationConstraint"))
    settings: dict[str, Any] = {"Tags": bucket_tags(configuration["Tags"])} if configuration.get("Tags") else {}
    locked = bool(request.get("ObjectLockEnabledForBucket"))
    settings |= {object_lock.SETTING: object_lock.ENABLED} if locked else {}
    try:
        call.rooms.objects.buckets.create(name, call.identity.account, region, settings, versioned=locked)
    except BucketExists as error:
        _answer_taken(call, region, error.bucket)
    return {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}


@operation
def head_bucket(call: Call, request: dict[str, Any]) -> Reply:
    """Whether the bucket is there and the caller's, and its region."""
    bucket = require_bucket(call, request)
    answer = {"BucketRegion": bucket.region, "AccessPointAlias": False, "BucketArn": f"arn:aws:s3:::{bucket.name}"}
    return Reply(answer, headers={"content-type": "application/xml"})


@operation
def get_bucket_location(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The region; nothing for the oldest one."""
    region = require_bucket(call, request).region
    return {"LocationConstraint": "" if region == HOME_REGION else region}


@operation
def list_buckets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The caller's buckets by name."""
    account = call.identity.account
    limit = request.get("MaxBuckets", _MAX_BUCKETS)
    if not 1 <= limit <= _MAX_BUCKETS:
        raise InvalidArgument(f"Argument max-buckets must be between 1 and {_MAX_BUCKETS}", "max-buckets", limit)
    query = (account, request.get("Prefix", ""), request.get("BucketRegion", ""))
    after = _unseal(request["ContinuationToken"], query) if "ContinuationToken" in request else ""
    found = list(call.rooms.objects.buckets.list(account, prefix=query[1], region=query[2], after=after))
    page, more = found[:limit], len(found) > limit
    return {
        "Buckets": [_describe(bucket) for bucket in page],
        "Owner": owner_of(account),
        "Prefix": request.get("Prefix"),
        "ContinuationToken": seal([page[-1].name], *query) if more else None,
    }


@operation
def delete_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete an empty bucket."""
    try:
        call.rooms.objects.buckets.delete(request["Bucket"], bucket_check(call, request))
    except BucketNotEmpty:
        message = "The bucket you tried to delete is not empty"
        if require_bucket(call, request).versioning:
            message += ". You must delete all versions in the bucket."
        raise BucketHasObjects(message, fields={"BucketName": request["Bucket"]}) from None
    return {}


def is_legal_name(name: str) -> bool:
    """Whether a general purpose bucket may have that name."""
    if not _NAME.fullmatch(name) or any(pair in name for pair in ("..", ".-", "-.")):
        return False
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        return False
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return True
    return False


def _refuse_extras(request: dict[str, Any], configuration: dict[str, Any]) -> None:
    refuse_bucket_grants(request)
    if request.get("ObjectOwnership", "BucketOwnerEnforced") != "BucketOwnerEnforced":
        raise NotImplementedHere(f"access control lists (x-amz-object-ownership: {request['ObjectOwnership']})")
    if request.get("BucketNamespace", "global") != "global":
        raise NotImplementedHere(f"bucket namespaces (x-amz-bucket-namespace: {request['BucketNamespace']})")
    if configuration.get("Location") or configuration.get("Bucket"):
        raise NotImplementedHere("directory buckets (Location and Bucket of CreateBucketConfiguration)")


def _region(endpoint: str, constraint: str | None) -> str:
    """The bucket's region, from the region that the request was sent to and the one that it asks for."""
    if constraint is None:
        if endpoint == HOME_REGION:
            return endpoint
        message = (
            "The unspecified location constraint is incompatible for the region specific endpoint this request was "
            "sent to."
        )
        raise IllegalLocationConstraint(message)
    region = "eu-west-1" if constraint == "EU" else constraint
    if endpoint == HOME_REGION and constraint not in _regions():
        fields = {"LocationConstraint": constraint}
        raise InvalidLocationConstraint("The specified location-constraint is not valid", fields=fields)
    if endpoint not in (HOME_REGION, region):
        message = (
            f"The {constraint} location constraint is incompatible for the region specific endpoint this request was "
            "sent to."
        )
        raise IllegalLocationConstraint(message)
    return region


@cache
def _regions() -> frozenset[str]:
    return frozenset(load_model("s3").shapes["BucketLocationConstraint"].enum)


def _answer_taken(call: Call, region: str, taken: Bucket) -> None:
    """Who creates a bucket again in us-east-1 succeeds, a courtesy that only the oldest region has."""
    if taken.account != call.identity.account:
        message = (
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            "Please select a different name and try again."
        )
        raise BucketAlreadyExists(message, fields={"BucketName": taken.name})
    if not call.region == taken.region == region == HOME_REGION:
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise BucketAlreadyOwnedByYou(message, fields={"BucketName": taken.name})


def _unseal(token: str, query: tuple[str, ...]) -> str:
    try:
        return str(unseal(token, *query)[0])
    except BadToken:
        raise InvalidArgument("The continuation token provided is incorrect", "continuation-token", token) from None


def _describe(bucket: Bucket) -> dict[str, Any]:
    return {
        "Name": bucket.name,
        "CreationDate": bucket.created,
        "BucketRegion": bucket.region,
        "BucketArn": f"arn:aws:s3:::{bucket.name}",
    }
