"""ListParts and ListMultipartUploads."""

from typing import Any

from clary.services.s3.checksums import declared_of, part_members
from clary.services.s3.errors import InvalidArgument
from clary.services.s3.lifecycle import abort_members
from clary.services.s3.listing import MAX_KEYS, check_encoding, encoder_of, rolled_up
from clary.services.s3.multipart import require_upload
from clary.services.s3.ownership import owner_of, require_bucket
from clary.services.s3.properties import quoted
from clary.store.uploads import Upload
from clary.wire import Call, operation

_MAX_INTEGER = 2**31 - 1


@operation
def list_parts(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The parts that an upload has so far."""
    bucket, upload = require_bucket(call, request), require_upload(call, request)
    limit = min(_count(request, "MaxParts", "max-parts"), MAX_KEYS)
    after = _count(request, "PartNumberMarker", "part-number-marker", default=0)
    found = call.rooms.objects.uploads.parts(upload.id, after=after, limit=limit + 1)
    page = found[:limit]
    declared = declared_of(upload.details)
    parts = [
        {
            "PartNumber": part.number,
            "LastModified": int(part.modified),
            "ETag": quoted(part.etag),
            "Size": part.size,
            **part_members(part, declared),
        }
        for part in page
    ]
    answer = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": limit,
        "IsTruncated": len(found) > limit,
        "Parts": parts,
        "Initiator": owner_of(call.identity.account),
        "Owner": owner_of(call.identity.account),
        "StorageClass": upload.details.get("StorageClass", "STANDARD"),
        **abort_members(bucket, upload),
    }
    if declared.named:
        answer |= {"ChecksumAlgorithm": declared.algorithm.upper(), "ChecksumType": declared.kind}
    return answer


@operation
def list_multipart_uploads(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The uploads of a bucket that are neither completed nor aborted."""
    require_bucket(call, request)
    check_encoding(request)
    limit = min(_count(request, "MaxUploads", "max-uploads"), MAX_KEYS)
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    encode = encoder_of(request)
    found = [
        upload
        for upload in call.rooms.objects.uploads.list(request["Bucket"], prefix=prefix)
        if _is_after(upload, request.get("KeyMarker", ""), request.get("UploadIdMarker", ""))
    ]
    page: list[Upload] = []
    prefixes: list[str] = []
    last = None
    for upload in found:
        common = rolled_up(upload.key, prefix, delimiter)
        if common and common in prefixes:
            continue
        if len(page) + len(prefixes) >= limit:
            break
        prefixes += [common] if common else []
        page += [] if common else [upload]
        last = (common or upload.key, "" if common else upload.id)
    else:
        last = None
    return {
        "Bucket": request["Bucket"],
        "KeyMarker": encode(request.get("KeyMarker", "")),
        "UploadIdMarker": request.get("UploadIdMarker", ""),
        "NextKeyMarker": encode(last[0]) if last else None,
        "NextUploadIdMarker": last[1] if last else None,
        "Prefix": encode(prefix) if "Prefix" in request else None,
        "Delimiter": encode(delimiter) if delimiter else None,
        "EncodingType": request.get("EncodingType"),
        "MaxUploads": limit,
        "IsTruncated": last is not None,
        "Uploads": [_describe(upload, call.identity.account, encode(upload.key)) for upload in page],
        "CommonPrefixes": [{"Prefix": encode(common)} for common in prefixes],
    }


def _describe(upload: Upload, account: str, key: str) -> dict[str, Any]:
    described = {
        "Key": key,
        "UploadId": upload.id,
        "Initiated": upload.created,
        "StorageClass": upload.details.get("StorageClass", "STANDARD"),
        "Owner": owner_of(account),
        "Initiator": owner_of(account),
    }
    declared = declared_of(upload.details)
    if declared.named:
        described |= {"ChecksumAlgorithm": declared.algorithm.upper(), "ChecksumType": declared.kind}
    return described


def _is_after(upload: Upload, key: str, upload_id: str) -> bool:
    """Whether the upload comes after the markers; an upload id counts only beside a key."""
    if not key or upload.key > key:
        return True
    return bool(upload_id) and upload.key == key and upload.id > upload_id


def _count(request: dict[str, Any], member: str, name: str, *, default: int = MAX_KEYS) -> int:
    value: int = request.get(member, default)
    if not 0 <= value <= _MAX_INTEGER:
        raise InvalidArgument(f"Argument {name} must be an integer between 0 and {_MAX_INTEGER}", name, value)
    return value
