"""GetObjectAttributes."""

from typing import Any

from clary.services.s3 import checksums
from clary.services.s3.encryption import refuse_customer_keys
from clary.services.s3.errors import InvalidArgument
from clary.services.s3.ownership import asked_version, own_object
from clary.services.s3.versioning import version_answer
from clary.store.object_rows import Object
from clary.wire import Call, operation

_MAX_PARTS = 1000
_KNOWN = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")


@operation
def get_object_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """What was asked for of an object's size, ETag, checksum, storage class and parts."""
    refuse_customer_keys(request)
    wanted = {name.strip() for value in request["ObjectAttributes"] for name in value.split(",")}
    if not wanted or not wanted.issubset(_KNOWN):
        raise InvalidArgument("Invalid attribute name specified.", "x-amz-object-attributes", ",".join(sorted(wanted)))
    place = call.rooms.objects.find(request["Bucket"], request["Key"], asked_version(request))
    found = own_object(call, request, place)
    answer = {
        "ETag": found.etag,  # here, and only here, S3 leaves the quotes out
        "Checksum": checksums.checksum_members(found) or None,
        "ObjectSize": found.size,
        "StorageClass": found.details.get("StorageClass", "STANDARD"),
        "ObjectParts": _parts(call, request, found) if found.parts and "ObjectParts" in wanted else None,
    }
    return {"LastModified": found.modified, **version_answer(place), **{name: answer[name] for name in wanted}}


def _parts(call: Call, request: dict[str, Any], found: Object) -> dict[str, Any]:
    declared = checksums.declared_of(found.details)
    answer: dict[str, Any] = {"TotalPartsCount": found.parts}
    if declared.kind != "COMPOSITE":  # S3 lists the parts only where their checksums make the object's
        return answer
    limit = min(request.get("MaxParts", _MAX_PARTS), _MAX_PARTS)
    after = request.get("PartNumberMarker", 0)
    parts = call.rooms.objects.uploads.parts(found.id, after=after, limit=limit + 1)
    page = parts[:limit]
    return {
        **answer,
        "PartNumberMarker": after,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": limit,
        "IsTruncated": len(parts) > limit,
        "Parts": [
            {"PartNumber": part.number, "Size": part.size, **checksums.part_members(part, declared)} for part in page
        ],
    }
