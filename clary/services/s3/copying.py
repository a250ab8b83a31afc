"""CopyObject and UploadPartCopy."""

import functools
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from clary.services.s3 import checksums
from clary.services.s3.conditions import check_copy
from clary.services.s3.encryption import encryption_answer, refuse_customer_keys
from clary.services.s3.errors import InvalidArgument, InvalidRequest, NoSuchUpload, NotImplementedHere
from clary.services.s3.grants import refuse_grants
from clary.services.s3.multipart import part_algorithm, require_upload
from clary.services.s3.object_lock import lock_headers
from clary.services.s3.ownership import asked_version, own_object
from clary.services.s3.properties import check_key, headers_of, placement_of, quoted
from clary.services.s3.ranges import check_part_number, copy_span
from clary.services.s3.receive import MAX_BYTES
from clary.services.s3.tagging import header_tags
from clary.services.s3.versioning import version_answer
from clary.services.s3.writing import Writing
from clary.store.incoming import Content
from clary.store.object_rows import Found, Object
from clary.store.objects import Opened
from clary.store.uploads import NoUpload
from clary.wire import Call, operation
from clary.wire.checksums import Checksum

_OWN_TO_A_WRITE = (
    "StorageClass",
    "WebsiteRedirectLocation",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "Retention",
    "LegalHold",
    checksums.DECLARED,
)


@operation
def copy_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Store an object's bytes once more, under another key or with other headers."""
    check_key(request["Key"])
    refuse_grants(request)
    refuse_customer_keys(request)
    _check_directives(request)
    with _open_source(call, request) as source:
        if source.object.size > MAX_BYTES:
            message = (
                f"The specified copy source is larger than the maximum allowable size for a copy source: {MAX_BYTES}"
            )
            raise InvalidRequest(message)
        details = _details(call, request, source.object) | lock_headers(call, request)
        content, details["Checksum"] = _copy(call, request, source)
    writing = Writing(call, request, "ObjectCreated:Copy")
    check = functools.partial(writing.check, details)
    try:
        stored = call.rooms.objects.put(request["Bucket"], request["Key"], content, details, check, writing.announce)
    finally:
        call.rooms.objects.drop(content)
    result = {"ETag": quoted(stored.etag), "LastModified": int(stored.modified), **checksums.checksum_members(stored)}
    version = version_answer(Found(writing.bucket, stored))  # a copy, unlike a put, names the null version too
    return {"CopyObjectResult": result, **_source_version(source), **writing.answer(stored), **version}


@operation
def upload_part_copy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Store bytes of an object as a part."""
    check_part_number(request["PartNumber"])
    refuse_customer_keys(request)
    upload = require_upload(call, request)
    declared = checksums.declared_of(upload.details)
    running = Checksum(part_algorithm(upload, declared.algorithm))
    with _open_source(call, request) as source, call.rooms.objects.incoming([running]) as incoming:
        for block in source.blocks():
            incoming.write([block])
        content = incoming.finish()
        if content.size > MAX_BYTES:
            raise InvalidRequest(f"The specified copy range is larger than {MAX_BYTES} bytes")
        values = {running.name: running.base64()}
        try:
            part = call.rooms.objects.uploads.put_part(upload.id, request["PartNumber"], content, values)
        except NoUpload:
            raise NoSuchUpload(upload.id) from None
    result = {"ETag": quoted(part.etag), "LastModified": int(part.modified), **checksums.part_members(part, declared)}
    return {"CopyPartResult": result, **_source_version(source), **encryption_answer(upload.details)}


def _open_source(call: Call, request: dict[str, Any]) -> Opened:
    bucket, key, version = _parse_source(request["CopySource"])
    source = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
    if "ExpectedSourceBucketOwner" in request:
        source["ExpectedBucketOwner"] = request["ExpectedSourceBucketOwner"]

    def choose(found: Found) -> tuple[int, int]:
        item = own_object(call, source, found)
        check_copy(request, item)
        span = copy_span(request.get("CopySourceRange"), item.size)
        return span.start, span.length

    return call.rooms.objects.open(bucket, key, choose, asked_version(source))


def _source_version(source: Opened) -> dict[str, str]:
    return {f"CopySource{name}": version for name, version in version_answer(source.found).items()}


def _parse_source(header: str) -> tuple[str, str, str]:
    """Bucket, key and version of `bucket/key?versionId=...`, percent-encoded."""
    if header.startswith("arn:"):
        raise NotImplementedHere(f"access points as the source of a copy ({header})")
    path, _, version = header.partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise InvalidArgument(message, "x-amz-copy-source", header)
    return bucket, key, version


def _check_directives(request: dict[str, Any]) -> None:
    for member, name in (("MetadataDirective", "metadata"), ("TaggingDirective", "tagging")):
        if request.get(member, "COPY") not in ("COPY", "REPLACE"):
            raise InvalidArgument(f"Unknown {name} directive.", f"x-amz-{name}-directive", request[member])


def _details(call: Call, request: dict[str, Any], source: Object) -> dict[str, Any]:
    """The copy's headers and tags: the source's, or those of the request where it says REPLACE."""
    placement = placement_of(request)
    replaced = request.get("MetadataDirective") == "REPLACE"
    if not replaced and not _differs(request, source):
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise InvalidRequest(message)
    kept = {name: value for name, value in source.details.items() if name not in (*_OWN_TO_A_WRITE, "Tags")}
    details = {**(headers_of(call, request) if replaced else kept), **placement}
    if request.get("TaggingDirective") == "REPLACE":
        tags = header_tags(request.get("Tagging", ""))
    else:
        tags = source.details.get("Tags", {})
    return {**details, "Tags": tags} if tags else details


def _differs(request: dict[str, Any], source: Object) -> bool:
    """Whether a copy that keeps the metadata makes a difference at all."""
    asked = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "ChecksumAlgorithm")
    elsewhere = (source.bucket, source.key) != (request["Bucket"], request["Key"])
    return elsewhere or "?versionId=" in request["CopySource"] or any(name in request for name in asked)


def _copy(call: Call, request: dict[str, Any], source: Opened) -> tuple[Content, dict[str, str]]:
    """The source's bytes under a new name, and their checksum; read only where one of them must be computed."""
    kept = source.object.details["Checksum"]
    algorithm = checksums.known(request.get("ChecksumAlgorithm", kept["Algorithm"]).lower())
    if kept["Type"] == "FULL_OBJECT" and kept["Algorithm"] == algorithm:
        content = call.rooms.objects.copy(source)
        if content is not None:
            return content, kept
    running = Checksum(algorithm)
    content = _rewrite(call, source.blocks(), running)
    return content, checksums.object_checksum(algorithm, running.base64())


def _rewrite(call: Call, blocks: Iterable[bytes], running: Checksum) -> Content:
    incoming = call.rooms.objects.incoming([running])
    try:
        for block in blocks:
            incoming.write([block])
        return incoming.finish()
    except BaseException:
        incoming.close()
        raise
