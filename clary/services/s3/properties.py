"""What is kept with an object beside its bytes: the headers it was stored with and is answered with.

`Object.details` holds them under the names that the API's shapes use, plus `Tags` and `Checksum`.
"""

import base64
from typing import Any

from clary.errors import ServiceError
from clary.services.s3.encryption import encryption_of
from clary.services.s3.errors import InvalidArgument, NotImplementedHere
from clary.services.s3.grants import refuse_grants
from clary.services.s3.object_lock import lock_headers, lock_members
from clary.services.s3.tagging import header_tags
from clary.store.object_rows import Object
from clary.wire import Call
from clary.wire.model import load_model

DEFAULT_TYPE = "binary/octet-stream"
_TEXT_HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
)
_METADATA_BYTES = 2048
_KEY_BYTES = 1024
# Objects of these classes are read like any other; the archives must be restored first, which Clary doesn't do.
_STORAGE_CLASSES = ("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER_IR")
# What GetObject and HeadObject answer with, straight from the details.
_ANSWERED = (
    *_TEXT_HEADERS,
    "Expires",  # as it was given, date or not
    "WebsiteRedirectLocation",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
)


class MetadataTooLarge(ServiceError):
    """The x-amz-meta-* headers are too many bytes."""

    code = "MetadataTooLarge"
    status = 400


class KeyTooLong(ServiceError):
    """The key has too many bytes."""

    code = "KeyTooLongError"
    status = 400


class InvalidStorageClass(ServiceError):
    """There is no such storage class."""

    code = "InvalidStorageClass"
    status = 400


def details_of(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """What the request's headers say of the object to be; raises where they ask for what Clary doesn't do."""
    check_key(request["Key"])
    refuse_grants(request)
    details: dict[str, Any] = {**headers_of(call, request), **placement_of(request), **lock_headers(call, request)}
    if tags := header_tags(request.get("Tagging", "")):
        details["Tags"] = tags
    return details


def headers_of(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The part of the details that CopyObject copies unless it is told to replace it."""
    headers = {name: request[name] for name in _TEXT_HEADERS if request.get(name)}
    headers.setdefault("ContentType", DEFAULT_TYPE)
    if "expires" in call.headers:
        headers["Expires"] = call.headers["expires"]
    headers["Metadata"] = request.get("Metadata", {})
    size = sum(len(name.encode()) + len(value.encode()) for name, value in headers["Metadata"].items())
    if size > _METADATA_BYTES:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise MetadataTooLarge(message, fields={"Size": str(size), "MaxSizeAllowed": str(_METADATA_BYTES)})
    return headers


def placement_of(request: dict[str, Any]) -> dict[str, Any]:
    """The part of the details that belongs to the write and is never copied."""
    details = encryption_of(request)
    storage_class = request.get("StorageClass", "STANDARD")
    if storage_class not in _STORAGE_CLASSES:
        if storage_class not in load_model("s3").shapes["StorageClass"].enum:
            raise InvalidStorageClass("The storage class you specified is not valid")
        raise NotImplementedHere(f"the storage class {storage_class}")
    if storage_class != "STANDARD":
        details["StorageClass"] = storage_class
    if location := request.get("WebsiteRedirectLocation"):
        if not location.startswith(("/", "http://", "https://")):
            message = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
            raise InvalidArgument(message, "x-amz-website-redirect-location", location)
        details["WebsiteRedirectLocation"] = location
    return details


def answer_of(found: Object) -> dict[str, Any]:
    """The members of GetObject's and HeadObject's output that do not depend on the range."""
    details = found.details
    answer: dict[str, Any] = {name: details[name] for name in _ANSWERED if name in details}
    answer.setdefault("ServerSideEncryption", "AES256")
    answer["Metadata"] = {name: _header_text(value) for name, value in details["Metadata"].items()}
    answer["ETag"] = quoted(found.etag)
    answer["LastModified"] = found.modified
    answer["AcceptRanges"] = "bytes"
    answer["StorageClass"] = details.get("StorageClass")
    answer.update(lock_members(found))
    if details.get("Tags"):
        answer["TagCount"] = len(details["Tags"])
    return answer


def _header_text(value: str) -> str:
    """Metadata in a header of the answer: what is not ASCII as an encoded word (RFC 2047), as S3 does."""
    return value if value.isascii() else f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def quoted(etag: str) -> str:
    """The ETag as headers and XML carry it."""
    return f'"{etag}"'


def check_key(key: str) -> None:
    """Raise where the key is too long."""
    size = len(key.encode())
    if size > _KEY_BYTES:
        raise KeyTooLong("Your key is too long", fields={"Size": str(size), "MaxSizeAllowed": str(_KEY_BYTES)})
