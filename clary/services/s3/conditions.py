"""Conditional reads and writes. Source: RFC 9110, section 13, and "Conditional requests" in the S3 user guide."""

from typing import Any

from clary.errors import ServiceError
from clary.services.s3.errors import NoSuchKey, PreconditionFailed
from clary.store.object_rows import Object
from clary.wire.timestamps import rfc822

_OF_DIRECTORY_BUCKETS = {
    "IfMatchLastModifiedTime": "x-amz-if-match-last-modified-time",
    "IfMatchSize": "x-amz-if-match-size",
}


class NotModified(ServiceError):
    """The client has the object as it is."""

    code = "NotModified"
    status = 304


class HeaderNotImplemented(ServiceError):
    """S3 itself does not do this."""

    code = "NotImplemented"
    status = 501


def check_read(request: dict[str, Any], found: Object) -> None:
    """Raise 412 or 304 where a condition of GetObject or HeadObject does not hold."""
    modified = int(found.modified)
    if "IfMatch" in request:
        if not _matches(request["IfMatch"], found.etag):
            raise PreconditionFailed("If-Match")
    elif "IfUnmodifiedSince" in request and modified > request["IfUnmodifiedSince"]:
        raise PreconditionFailed("If-Unmodified-Since")
    if "IfNoneMatch" in request:
        unchanged = _matches(request["IfNoneMatch"], found.etag)
    else:
        unchanged = "IfModifiedSince" in request and modified <= request["IfModifiedSince"]
    if unchanged:
        headers = {"etag": f'"{found.etag}"', "last-modified": rfc822(int(found.modified))}
        raise NotModified("Not Modified", headers=headers)


def check_copy(request: dict[str, Any], source: Object) -> None:
    """Raise 412 where a condition on the source of a copy does not hold."""
    modified = int(source.modified)
    if "CopySourceIfMatch" in request:
        if not _matches(request["CopySourceIfMatch"], source.etag):
            raise PreconditionFailed("x-amz-copy-source-If-Match")
    elif modified > request.get("CopySourceIfUnmodifiedSince", modified):
        raise PreconditionFailed("x-amz-copy-source-If-Unmodified-Since")
    if "CopySourceIfNoneMatch" in request:
        if _matches(request["CopySourceIfNoneMatch"], source.etag):
            raise PreconditionFailed("x-amz-copy-source-If-None-Match")
    elif "CopySourceIfModifiedSince" in request and modified <= request["CopySourceIfModifiedSince"]:
        raise PreconditionFailed("x-amz-copy-source-If-Modified-Since")


def check_write(request: dict[str, Any], old: Object | None) -> None:
    """Raise where a write may not replace what is there."""
    if "IfNoneMatch" in request:
        if request["IfNoneMatch"] != "*":
            _refuse_header("If-None-Match")
        if old is not None:
            raise PreconditionFailed("If-None-Match")
    if "IfMatch" in request:
        if old is None:
            raise NoSuchKey(request["Key"])
        if not _matches(request["IfMatch"], old.etag):
            raise PreconditionFailed("If-Match")


def check_delete(request: dict[str, Any], old: Object | None) -> None:
    """Raise 412 where a conditional delete finds another object; what is not there may always be deleted."""
    for member, header in _OF_DIRECTORY_BUCKETS.items():
        if member in request:
            _refuse_header(header)
    if old is None:
        if "IfMatch" in request:
            raise NoSuchKey(request["Key"])
        return
    if "IfMatch" in request and not _matches(request["IfMatch"], old.etag):
        raise PreconditionFailed("If-Match")


def check_abort(request: dict[str, Any]) -> None:
    """Refuse the condition that uploads in directory buckets alone can be aborted on."""
    if "IfMatchInitiatedTime" in request:
        _refuse_header("x-amz-if-match-initiated-time")


def same_etag(given: str, etag: str) -> bool:
    """Whether a client means this ETag, with or without its quotes."""
    return given.strip().removeprefix("W/").strip('"') == etag


def _matches(condition: str, etag: str) -> bool:
    return any(one.strip() == "*" or same_etag(one, etag) for one in condition.split(","))


def _refuse_header(header: str) -> None:
    message = "A header you provided implies functionality that is not implemented"
    raise HeaderNotImplemented(message, fields={"Header": header})
