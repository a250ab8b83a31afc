"""PutObject, GetObject, HeadObject."""

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import Any

from clary.services.s3 import checksums
from clary.services.s3.conditions import check_read
from clary.services.s3.encryption import refuse_customer_keys
from clary.services.s3.errors import NotImplementedHere
from clary.services.s3.lifecycle import expiry_member
from clary.services.s3.ownership import asked_version, own_object, require_bucket
from clary.services.s3.properties import answer_of, details_of, quoted
from clary.services.s3.ranges import Span, header_span, part_span
from clary.services.s3.receive import BodyChecksum, check_length, receive
from clary.services.s3.versioning import version_answer
from clary.services.s3.writing import Writing
from clary.store.object_rows import Found, Object
from clary.store.objects import Opened
from clary.wire import Call, FileSlice, Reply, operation
from clary.wire.call import RequestBody
from clary.wire.timestamps import rfc822

_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
}


@operation
async def put_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Store an object."""
    check_length(call, request["Body"])
    return await store(call, request, request["Body"], "ObjectCreated:Put")


@operation
def get_object(call: Call, request: dict[str, Any]) -> Reply:
    """An object's bytes, all or some."""
    opened, span, answer = _open(call, request)
    answer["Body"] = _body(opened)
    return _reply(opened.object, span, answer)


@operation
def head_object(call: Call, request: dict[str, Any]) -> Reply:
    """What GetObject would answer, without the bytes."""
    found, span, answer = _look(call, request)
    return _reply(found, span, answer)


async def store(call: Call, request: dict[str, Any], body: RequestBody, event: str) -> dict[str, Any]:
    """Take a body and make it an object."""
    if "WriteOffsetBytes" in request:
        raise NotImplementedHere("appending to objects (x-amz-write-offset-bytes)")
    details = details_of(call, request)
    checksum = BodyChecksum(body, checksums.claimed_algorithm(request, call.headers))
    incoming = call.rooms.objects.incoming(checksum.hashers)
    end = await receive(body, incoming, lambda: require_bucket(call, request))

    def commit() -> dict[str, Any]:
        writing = Writing(call, request, event)
        check = functools.partial(writing.check, details)
        with incoming:
            incoming.write(end)
            content = incoming.finish()
            details["Checksum"] = checksums.object_checksum(checksum.algorithm, checksum.value())
            bucket, key = request["Bucket"], request["Key"]
            stored = call.rooms.objects.put(bucket, key, content, details, check, writing.announce)
        return {"ETag": quoted(stored.etag), **writing.answer(stored)}

    return await asyncio.to_thread(commit)  # the only hop of a small PUT


def _open(call: Call, request: dict[str, Any]) -> tuple[Opened, Span, dict[str, Any]]:
    seen: list[tuple[Span, dict[str, Any]]] = []

    def choose(found: Found) -> tuple[int, int]:
        span, answer = _choose(call, request, found)
        seen.append((span, answer))
        return span.start, span.length

    opened = call.rooms.objects.open(request["Bucket"], request["Key"], choose, asked_version(request))
    return opened, *seen[-1]


def _look(call: Call, request: dict[str, Any]) -> tuple[Object, Span, dict[str, Any]]:
    found = call.rooms.objects.find(request["Bucket"], request["Key"], asked_version(request))
    span, answer = _choose(call, request, found)
    assert found.object is not None
    return found.object, span, answer


def _choose(call: Call, request: dict[str, Any], found: Found) -> tuple[Span, dict[str, Any]]:
    """Which bytes to answer with and what to say of them, or the reason not to."""
    refuse_customer_keys(request)
    item = own_object(call, request, found)
    check_read(request, item)
    answer = {**answer_of(item), **version_answer(found)}
    if "VersionId" not in request:
        answer.update(expiry_member(found.bucket, item))
    span, checksum = _place(call, request, item)
    if "PartNumber" in request:
        answer["PartsCount"] = item.parts or None
    if request.get("ChecksumMode") == "ENABLED":
        answer.update(checksum)
    answer.update({name: request[given] for given, name in _OVERRIDES.items() if given in request})
    if "ResponseExpires" in request:
        answer["Expires"] = rfc822(int(request["ResponseExpires"]))
    return span, answer


def _place(call: Call, request: dict[str, Any], item: Object) -> tuple[Span, dict[str, str]]:
    """Which bytes are wanted, and their checksum as far as one is known."""
    if "PartNumber" not in request:
        span = header_span(request.get("Range"), item.size)
        # The object's checksum beside a range of it would only mislead: clients hold it against the bytes they get.
        return span, {} if span.partial else checksums.checksum_members(item)
    part = call.rooms.objects.uploads.part(item.id, request["PartNumber"]) if item.parts else None
    span = part_span(request, item, part)
    if part is None:
        return span, checksums.checksum_members(item)
    declared = checksums.declared_of(item.details)
    members = checksums.part_members(part, declared)
    return span, {**members, "ChecksumType": declared.kind} if members else {}


def _reply(item: Object, span: Span, answer: dict[str, Any]) -> Reply:
    answer["ContentLength"] = span.length
    answer["ContentRange"] = span.content_range(item.size)
    return Reply(answer, status=206 if span.partial else 200)


def _body(opened: Opened) -> bytes | FileSlice | AsyncIterator[bytes]:
    if not opened.pieces:
        return b""
    piece = opened.pieces[0]
    if len(opened.pieces) > 1:
        return _stream(opened)
    if piece.path is None:
        return piece.content or b""
    # The open file keeps its bytes whatever becomes of its name.
    with opened:
        return FileSlice(piece.path, piece.start, piece.length, piece.path.open("rb", buffering=0))


async def _stream(opened: Opened) -> AsyncIterator[bytes]:
    with opened:
        blocks = opened.blocks()
        while block := await asyncio.to_thread(next, blocks, b""):
            yield block
