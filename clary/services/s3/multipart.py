"""CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, NoReturn

from clary.errors import ServiceError
from clary.services.s3 import checksums
from clary.services.s3.checksums import Declared
from clary.services.s3.conditions import check_abort, same_etag
from clary.services.s3.encryption import encryption_answer, refuse_customer_keys
from clary.services.s3.errors import InvalidRequest, MalformedXML, NoSuchUpload
from clary.services.s3.lifecycle import abort_members
from clary.services.s3.object_lock import lock_written
from clary.services.s3.ownership import bucket_check, require_bucket
from clary.services.s3.properties import details_of, quoted
from clary.services.s3.ranges import check_part_number
from clary.services.s3.receive import BodyChecksum, check_length, receive
from clary.services.s3.writing import Writing
from clary.store.incoming import Incoming
from clary.store.object_rows import Found, Object, Part
from clary.store.uploads import Completion, NoUpload, Upload
from clary.wire import Call, operation

MIN_PART_BYTES = 5 << 20


class InvalidPart(ServiceError):
    """A part was not uploaded, or is another one than the client believes."""

    code = "InvalidPart"
    status = 400


class InvalidPartOrder(ServiceError):
    """The parts are not listed in ascending order."""

    code = "InvalidPartOrder"
    status = 400


class EntityTooSmall(ServiceError):
    """A part other than the last has less than 5 MiB."""

    code = "EntityTooSmall"
    status = 400


@operation
def create_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Begin an upload in parts."""
    details = details_of(call, request)
    declared = checksums.declared_checksum(request)
    details[checksums.DECLARED] = declared
    bucket = require_bucket(call, request)
    lock_written(
        bucket, dict(details), call.rooms.clock.now()
    )  # may it be locked? the bucket's default comes at the end
    upload = call.rooms.objects.uploads.create(request["Bucket"], request["Key"], details, bucket_check(call, request))
    answer = {"Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.id, **encryption_answer(details)}
    answer |= abort_members(bucket, upload)
    if declared.named:
        answer |= {"ChecksumAlgorithm": declared.algorithm.upper(), "ChecksumType": declared.kind}
    return answer


@operation
async def upload_part(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Store a part."""
    check_part_number(request["PartNumber"])
    refuse_customer_keys(request)
    check_length(call, request["Body"])
    claimed = checksums.claimed_algorithm(request, call.headers)
    upload = await asyncio.to_thread(require_upload, call, request)
    checksum = BodyChecksum(request["Body"], claimed, part_algorithm(upload, claimed))
    incoming = call.rooms.objects.incoming(checksum.hashers)
    end = await receive(request["Body"], incoming, lambda: None)
    part = await asyncio.to_thread(_store, call, request, incoming, end, checksum)
    members = {checksums.MEMBERS[name]: value for name, value in checksum.claim().items()}
    return {"ETag": quoted(part.etag), **members, **encryption_answer(upload.details)}


@operation
def complete_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make the uploaded parts an object."""
    wanted = request.get("MultipartUpload", {}).get("Parts", [])
    if not wanted:
        raise MalformedXML
    writing = Writing(call, request, "ObjectCreated:CompleteMultipartUpload")

    def choose(upload: Upload, found: Found, uploaded: list[Part]) -> Completion:
        check_place(upload, request)
        details = dict(upload.details)
        writing.check(details, found)
        return _completion(upload, details, request, wanted, uploaded)

    try:
        stored = call.rooms.objects.uploads.complete(request["UploadId"], choose, writing.announce)
    except NoUpload:
        stored = _completed_before(call, request, wanted)
    return {
        "Location": f"{call.base_url}/{stored.bucket}/{stored.key}",
        "Bucket": stored.bucket,
        "Key": stored.key,
        "ETag": quoted(stored.etag),
        **writing.answer(stored),
    }


@operation
def abort_multipart_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Drop an upload and its parts."""
    require_bucket(call, request)
    check_abort(request)
    try:
        call.rooms.objects.uploads.abort(request["UploadId"], lambda upload: check_place(upload, request))
    except NoUpload:
        raise NoSuchUpload(request["UploadId"]) from None
    return {}


def require_upload(call: Call, request: dict[str, Any]) -> Upload:
    """The request's upload, which must be one of its bucket and key."""
    require_bucket(call, request)
    upload = call.rooms.objects.uploads.get(request["UploadId"])
    if upload is None:
        raise NoSuchUpload(request["UploadId"])
    check_place(upload, request)
    return upload


def check_place(upload: Upload, request: dict[str, Any]) -> None:
    """Raise unless the upload belongs to the request's bucket and key."""
    if (upload.bucket, upload.key) != (request["Bucket"], request["Key"]):
        raise NoSuchUpload(upload.id)


def part_algorithm(upload: Upload, claimed: str | None) -> str:
    """The checksum to compute of a part; it must be the upload's, where that names one."""
    declared = checksums.declared_of(upload.details)
    if declared.named and claimed != declared.algorithm:
        shown = claimed or "null"
        message = (
            f"Checksum Type mismatch occurred, expected checksum Type: {declared.algorithm}, actual checksum Type: "
            f"{shown}"
        )
        raise InvalidRequest(message)
    return declared.algorithm


def _store(call: Call, request: dict[str, Any], incoming: Incoming, end: list[bytes], checksum: BodyChecksum) -> Part:
    with incoming:
        incoming.write(end)
        content = incoming.finish()
        values = {checksum.algorithm: checksum.value(), **checksum.claim()}
        try:
            return call.rooms.objects.uploads.put_part(request["UploadId"], request["PartNumber"], content, values)
        except NoUpload:
            raise NoSuchUpload(request["UploadId"]) from None


def _completion(
    upload: Upload,
    details: dict[str, Any],
    request: dict[str, Any],
    wanted: Sequence[dict[str, Any]],
    uploaded: list[Part],
) -> Completion:
    declared = checksums.declared_of(upload.details)
    parts = _chosen_parts(upload, declared, wanted, uploaded)
    if request.get("MpuObjectSize", total := sum(part.size for part in parts)) != total:
        message = (
            f"The provided 'x-amz-mp-object-size' header value {request['MpuObjectSize']} does not match what was "
            f"computed: {total}"
        )
        raise InvalidRequest(message)
    checksum = checksums.combine(declared, parts)
    checksums.check_whole(request, declared, checksum)
    kept = checksums.object_checksum(declared.algorithm, checksum, declared.kind)
    return Completion(parts, _etag_of(parts), {**details, "Checksum": kept})


def _chosen_parts(
    upload: Upload, declared: Declared, wanted: Sequence[dict[str, Any]], uploaded: list[Part]
) -> list[Part]:
    by_number = {part.number: part for part in uploaded}
    chosen: list[Part] = []
    for item in wanted:
        if "PartNumber" not in item or "ETag" not in item:
            raise MalformedXML
        if chosen and item["PartNumber"] <= chosen[-1].number:
            message = "The list of parts was not in ascending order. Parts must be ordered by part number."
            raise InvalidPartOrder(message, fields={"UploadId": upload.id})
        part = by_number.get(item["PartNumber"])
        if part is None or not same_etag(item["ETag"], part.etag):
            _refuse_part(upload, item)
        _check_part_checksum(upload, declared, item, part)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART_BYTES:
            raise EntityTooSmall(
                "Your proposed upload is smaller than the minimum allowed size",
                fields={
                    "ProposedSize": str(part.size),
                    "MinSizeAllowed": str(MIN_PART_BYTES),
                    "PartNumber": str(part.number),
                    "ETag": part.etag,
                },
            )
    return chosen


def _check_part_checksum(upload: Upload, declared: Declared, item: dict[str, Any], part: Part) -> None:
    for name, member in checksums.MEMBERS.items():
        if member in item and item[member] != part.checksums.get(name):
            _refuse_part(upload, item)
    needed = declared.named and declared.kind == "COMPOSITE"
    if needed and checksums.MEMBERS[declared.algorithm] not in item:
        message = (
            f"The upload was created using a {declared.algorithm} checksum. The complete request must include the "
            f"checksum for each part. It was missing for part {part.number} in the request."
        )
        raise InvalidRequest(message)


def _refuse_part(upload: Upload, item: dict[str, Any]) -> NoReturn:
    message = (
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag."
    )
    fields = {"UploadId": upload.id, "PartNumber": str(item["PartNumber"]), "ETag": item["ETag"].strip('"')}
    raise InvalidPart(message, fields=fields)


def _etag_of(parts: Sequence[Part]) -> str:
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _completed_before(call: Call, request: dict[str, Any], wanted: Sequence[dict[str, Any]]) -> Object:
    """The object of an upload that was completed already: a client that missed the answer asks again."""
    require_bucket(call, request)
    found = call.rooms.objects.find(request["Bucket"], request["Key"]).object
    if found is None or found.id != request["UploadId"] or found.parts != len(wanted):
        raise NoSuchUpload(request["UploadId"])
    return found
