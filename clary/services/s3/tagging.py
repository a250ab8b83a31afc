"""Tags of objects and of buckets."""

import re
from typing import Any
from urllib.parse import parse_qsl

from clary.errors import ServiceError
from clary.services.s3.errors import InvalidArgument, MethodNotAllowed
from clary.services.s3.event import announcing, asked_by
from clary.services.s3.ownership import asked_version, own_bucket, own_object, require_bucket
from clary.services.s3.versioning import version_answer
from clary.store.object_rows import Bucket, Found, Object
from clary.wire import Call, Reply, operation

_OBJECT_TAGS = 10
_BUCKET_TAGS = 50
_KEY_LENGTH = 128
_VALUE_LENGTH = 256
_ALLOWED = re.compile(r"[\w\s.:/=+\-@]*")


class InvalidTag(ServiceError):
    """A tag breaks the rules for tags."""

    code = "InvalidTag"
    status = 400


class TooManyTags(ServiceError):
    """More tags than a resource may have."""

    code = "BadRequest"
    status = 400


class NoSuchTagSet(ServiceError):
    """The bucket has no tags."""

    code = "NoSuchTagSet"
    status = 404


@operation
def get_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """An object's tags."""
    found = call.rooms.objects.find(request["Bucket"], request["Key"], asked_version(request))
    return {"TagSet": _as_list(_tagged(call, request, found).details.get("Tags", {})), **version_answer(found)}


@operation
def put_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace an object's tags."""
    tags = _object_tags(_pairs(request["Tagging"].get("TagSet", [])))
    return _set_object_tags(call, request, tags, "ObjectTagging:Put")


@operation
def delete_object_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove an object's tags."""
    return _set_object_tags(call, request, {}, "ObjectTagging:Delete")


@operation
def get_bucket_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A bucket's tags."""
    bucket = require_bucket(call, request)
    if not bucket.settings.get("Tags"):
        raise NoSuchTagSet("The TagSet does not exist", fields={"BucketName": bucket.name})
    return {"TagSet": _as_list(bucket.settings["Tags"])}


@operation
def put_bucket_tagging(call: Call, request: dict[str, Any]) -> Reply:
    """Replace a bucket's tags."""
    _set_bucket_tags(call, request, bucket_tags(request["Tagging"].get("TagSet", [])))
    return Reply(status=204)


@operation
def delete_bucket_tagging(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a bucket's tags."""
    _set_bucket_tags(call, request, {})
    return {}


def header_tags(header: str) -> dict[str, str]:
    """The tags of an x-amz-tagging header, which is a query string."""
    try:
        pairs = parse_qsl(header, keep_blank_values=True, errors="strict")
    except ValueError:
        message = (
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates."
        )
        raise InvalidArgument(message, "x-amz-tagging", header) from None
    if any(key.startswith("aws:") for key, _ in pairs):
        raise InvalidTag("Your TagKey cannot be prefixed with aws:")
    return _object_tags(pairs)


def bucket_tags(tag_set: list[dict[str, str]]) -> dict[str, str]:
    """The tags of a bucket from a TagSet."""
    tags = _checked(_pairs(tag_set))
    if len(tags) > _BUCKET_TAGS:
        raise TooManyTags(f"Bucket tag count cannot be greater than {_BUCKET_TAGS}")
    return tags


def _object_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    if len(pairs) > _OBJECT_TAGS:
        raise TooManyTags(f"Object tags cannot be greater than {_OBJECT_TAGS}")
    return _checked(pairs)


def _checked(pairs: list[tuple[str, str]]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key in tags:
            raise InvalidTag("Cannot provide multiple Tags with the same key", fields={"TagKey": key})
        if key.startswith("aws:"):
            raise InvalidTag("System tags cannot be added/updated by requester", fields={"TagKey": key})
        if not key or len(key) > _KEY_LENGTH or not _ALLOWED.fullmatch(key):
            raise InvalidTag("The TagKey you have provided is invalid", fields={"TagKey": key})
        if len(value) > _VALUE_LENGTH or not _ALLOWED.fullmatch(value):
            raise InvalidTag("The TagValue you have provided is invalid", fields={"TagKey": key, "TagValue": value})
        tags[key] = value
    return tags


def _pairs(tag_set: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(tag["Key"], tag["Value"]) for tag in tag_set]


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tagged(call: Call, request: dict[str, Any], found: Found) -> Object:
    """The object that has the tags; a delete marker can't, even where it is not named."""
    if found.marker is not None:
        own_bucket(call, request, found.bucket)
        raise MethodNotAllowed(call.operation, found.marker.version)
    return own_object(call, request, found)


def _set_object_tags(call: Call, request: dict[str, Any], tags: dict[str, str], event: str) -> dict[str, Any]:
    answer: dict[str, Any] = {}

    def change(found: Found) -> None:
        _tagged(call, request, found).details["Tags"] = tags
        answer.update(version_answer(found))

    announce = announcing(call.rooms, asked_by(call), event)
    call.rooms.objects.change(request["Bucket"], request["Key"], change, announce, version=asked_version(request))
    return answer


def _set_bucket_tags(call: Call, request: dict[str, Any], tags: dict[str, str]) -> None:
    def change(bucket: Bucket) -> None:
        own_bucket(call, request, bucket).settings["Tags"] = tags

    own_bucket(call, request, call.rooms.objects.buckets.change(request["Bucket"], change))
