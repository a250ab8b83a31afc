"""ListObjects, ListObjectsV2 and ListObjectVersions."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from clary.services.s3.errors import InvalidArgument
from clary.services.s3.ownership import check_version_id, owner_of, require_bucket
from clary.services.s3.properties import quoted
from clary.store.object_list import Listing
from clary.store.object_rows import Object
from clary.store.pages import BadToken, seal, unseal
from clary.store.version_list import Listed, VersionListing
from clary.wire import Call, operation

MAX_KEYS = 1000
_MAX_INTEGER = 2**31 - 1

Encode = Callable[[str], str]


@operation
def list_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A page of keys, version 1: goes on after a marker."""
    limit, encode = _limit(request), encoder_of(request)
    listing = _list(call, request, limit, request.get("Marker", ""))
    owner = owner_of(call.identity.account)
    return {
        **_common(request, limit, encode, listing.prefixes, more=bool(listing.last)),
        "Prefix": request.get("Prefix", ""),  # version 1 never encodes it
        "Marker": encode(request.get("Marker", "")),
        # Without a delimiter the last key of the page is the marker of the next.
        "NextMarker": encode(listing.last) if listing.last and request.get("Delimiter") else None,
        "Contents": [_describe(item, encode, owner) for item in listing.objects],
    }


@operation
def list_objects_v2(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A page of keys, version 2: goes on from a token."""
    limit, encode = _limit(request), encoder_of(request)
    after = request.get("StartAfter", "")
    if "ContinuationToken" in request:
        after = _unseal(request["ContinuationToken"], request["Bucket"])
    listing = _list(call, request, limit, after)
    owner = owner_of(call.identity.account) if request.get("FetchOwner") else None
    return {
        **_common(request, limit, encode, listing.prefixes, more=bool(listing.last)),
        "StartAfter": encode(request["StartAfter"]) if "StartAfter" in request else None,
        "ContinuationToken": request.get("ContinuationToken"),
        "NextContinuationToken": seal([listing.last], request["Bucket"]) if listing.last else None,
        "KeyCount": len(listing.objects) + len(listing.prefixes),
        "Contents": [_describe(item, encode, owner) for item in listing.objects],
    }


@operation
def list_object_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A page of versions and delete markers, by key and from the newest to the oldest."""
    limit, encode = _limit(request), encoder_of(request)
    marker, version = request.get("KeyMarker", ""), request.get("VersionIdMarker", "")
    if version and not marker:
        message = "A version-id marker cannot be specified without a key marker."
        raise InvalidArgument(message, "version-id-marker", version)
    if version:
        check_version_id(version, "version-id-marker")
    listing = _list_versions(call, request, limit, marker, version)
    owner = owner_of(call.identity.account)
    key, last = listing.last
    shown = [(item, _describe_version(item, encode, owner)) for item in listing.items]
    return {
        **_common(request, limit, encode, listing.prefixes, more=bool(key)),
        "KeyMarker": encode(marker),
        "VersionIdMarker": version,
        "NextKeyMarker": encode(key) if key else None,
        "NextVersionIdMarker": last or None,
        "Versions": [described for item, described in shown if not item.object.is_marker],
        "DeleteMarkers": [described for item, described in shown if item.object.is_marker],
    }


def check_encoding(request: dict[str, Any]) -> None:
    """Raise for an encoding-type other than url."""
    if request.get("EncodingType", "url") != "url":
        raise InvalidArgument("Invalid Encoding Method specified in Request", "encoding-type", request["EncodingType"])


def encoder_of(request: dict[str, Any]) -> Encode:
    """How keys are written in the answer: as they are, or percent-encoded for characters that XML can't carry."""
    return _encode_url if request.get("EncodingType") == "url" else str


def rolled_up(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that stands for the key in a listing, "" if the key stands for itself."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return "" if end < 0 else key[: end + len(delimiter)]


def _encode_url(text: str) -> str:
    # %20 and not + for a space: every client undoes the first, some take the second for what it is.
    return quote(text, safe="/*")


def _limit(request: dict[str, Any]) -> int:
    check_encoding(request)
    limit: int = request.get("MaxKeys", MAX_KEYS)
    if not 0 <= limit <= _MAX_INTEGER:
        raise InvalidArgument(f"Argument max-keys must be an integer between 0 and {_MAX_INTEGER}", "max-keys", limit)
    return min(limit, MAX_KEYS)


def _list(call: Call, request: dict[str, Any], limit: int, after: str) -> Listing:
    bucket = require_bucket(call, request).name
    if limit == 0:
        return Listing([], [], "")
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    return call.rooms.objects.list(bucket, prefix=prefix, delimiter=delimiter, after=after, limit=limit)


def _list_versions(call: Call, request: dict[str, Any], limit: int, marker: str, version: str) -> VersionListing:
    bucket = require_bucket(call, request).name
    if limit == 0:
        return VersionListing([], [], ("", ""))
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    return call.rooms.objects.list_versions(
        bucket, prefix=prefix, delimiter=delimiter, after=marker, after_version=version, limit=limit
    )


def _common(request: dict[str, Any], limit: int, encode: Encode, prefixes: list[str], *, more: bool) -> dict[str, Any]:
    return {
        "Name": request["Bucket"],
        "Prefix": encode(request.get("Prefix", "")),
        "Delimiter": encode(request["Delimiter"]) if request.get("Delimiter") else None,
        "MaxKeys": limit,
        "IsTruncated": more,
        "EncodingType": request.get("EncodingType"),
        "CommonPrefixes": [{"Prefix": encode(prefix)} for prefix in prefixes],
    }


def _describe(item: Object, encode: Encode, owner: dict[str, str] | None) -> dict[str, Any]:
    checksum = item.details.get("Checksum")
    return {
        "Key": encode(item.key),
        "LastModified": int(item.modified),
        "ETag": quoted(item.etag),
        "ChecksumAlgorithm": [checksum["Algorithm"].upper()] if checksum else None,
        "ChecksumType": checksum["Type"] if checksum else None,
        "Size": item.size,
        "StorageClass": item.details.get("StorageClass", "STANDARD"),
        "Owner": owner,
    }


def _describe_version(item: Listed, encode: Encode, owner: dict[str, str]) -> dict[str, Any]:
    version = {"VersionId": item.object.version, "IsLatest": item.latest}
    if item.object.is_marker:
        return {"Key": encode(item.key), "LastModified": int(item.object.modified), "Owner": owner, **version}
    return _describe(item.object, encode, owner) | version


def _unseal(token: str, bucket: str) -> str:
    try:
        return str(unseal(token, bucket)[0])
    except BadToken:
        raise InvalidArgument("The continuation token provided is incorrect", "continuation-token", token) from None
