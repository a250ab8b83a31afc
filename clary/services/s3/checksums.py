"""The additional checksums of objects and parts: which one, what the client claims, and what the whole object's is.

CRC checksums of parts combine to that of the object (FULL_OBJECT); for the others the object's is the checksum of the
parts' checksums (COMPOSITE). Source: "Checking object integrity" in the S3 user guide.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from clary.services.s3.errors import BadDigest, InvalidRequest, NotImplementedHere
from clary.store.object_rows import Object, Part
from clary.wire.checksums import HEADER_PREFIX, NAMES, Checksum

Kind = Literal["FULL_OBJECT", "COMPOSITE"]

MEMBERS = {name: f"Checksum{name.upper()}" for name in NAMES}
DEFAULT = "crc64nvme"
DECLARED = "DeclaredChecksum"  # in the details of an upload
_PREFIX = "Checksum"
_COMBINED = ("crc32", "crc32c", "crc64nvme")
_NOT_CHECKSUMS = ("ChecksumAlgorithm", "ChecksumType", "ChecksumMode")


class Declared(NamedTuple):
    """What CreateMultipartUpload said of the checksum; without a word of it the default is used and not `named`."""

    algorithm: str
    kind: Kind
    named: bool


def claimed_algorithm(request: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The algorithm of the checksum that comes with the bytes, in a header or behind them; None for no checksum."""
    names = {name.removeprefix(_PREFIX).lower() for name in request if _is_value(name)}
    for trailer in headers.get("x-amz-trailer", "").split(","):
        if (name := trailer.strip().lower()).startswith(HEADER_PREFIX):
            names.add(name.removeprefix(HEADER_PREFIX))
    if len(names) > 1:
        raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    declared = request.get("ChecksumAlgorithm", "").lower()
    if not names:
        if declared:
            message = (
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer "
                "headers were found."
            )
            raise InvalidRequest(message)
        return None
    name = names.pop()
    if declared and declared != name:
        raise InvalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
    return known(name)


def known(name: str) -> str:
    """The name, if Clary computes that checksum."""
    if name not in NAMES:
        raise NotImplementedHere(f"the checksum {name.upper()}")
    return name


def declared_checksum(request: Mapping[str, Any]) -> Declared:
    """What CreateMultipartUpload asks for."""
    named = "ChecksumAlgorithm" in request
    name = known(request.get("ChecksumAlgorithm", DEFAULT).lower())
    usual: Kind = "FULL_OBJECT" if name == DEFAULT else "COMPOSITE"
    kind: Kind = request.get("ChecksumType", usual)
    if "ChecksumType" in request and not named:
        message = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        raise InvalidRequest(message)
    if (kind == "FULL_OBJECT" and name not in _COMBINED) or (kind == "COMPOSITE" and name == DEFAULT):
        raise InvalidRequest(f"The {kind} checksum type cannot be used with the {name} checksum algorithm.")
    return Declared(name, kind, named)


def declared_of(details: Mapping[str, Any]) -> Declared:
    """What the creation of this upload, or of the upload that made this object, said of the checksum."""
    return Declared(*details[DECLARED])


def object_checksum(algorithm: str, value: str, kind: Kind = "FULL_OBJECT") -> dict[str, str]:
    """What is kept with the object."""
    return {"Algorithm": algorithm, "Value": value, "Type": kind}


def checksum_members(found: Object) -> dict[str, str]:
    """An object's checksum as output members."""
    kept = found.details.get("Checksum")
    return {MEMBERS[kept["Algorithm"]]: kept["Value"], "ChecksumType": kept["Type"]} if kept else {}


def part_members(part: Part, declared: Declared) -> dict[str, str]:
    """A part's checksum as output members; nothing where the client never named an algorithm."""
    return {MEMBERS[name]: value for name, value in part.checksums.items()} if declared.named else {}


def combine(declared: Declared, parts: Sequence[Part]) -> str:
    """The checksum of the object that the parts make."""
    values = [base64.b64decode(part.checksums[declared.algorithm]) for part in parts]
    if declared.kind == "COMPOSITE":
        whole = Checksum(declared.algorithm)
        for value in values:
            whole.update(value)
        return f"{whole.base64()}-{len(parts)}"
    return _combine_crcs(declared.algorithm, values, [part.size for part in parts])


def check_whole(request: Mapping[str, Any], declared: Declared, computed: str) -> None:
    """Raise where CompleteMultipartUpload claims another checksum of the object."""
    if request.get("ChecksumType", declared.kind) != declared.kind:
        message = (
            f"The upload was created using the {declared.kind} checksum mode. The complete request must use the same "
            "checksum mode."
        )
        raise InvalidRequest(message)
    for member, value in request.items():
        if not _is_value(member):
            continue
        name = member.removeprefix(_PREFIX).lower()
        if name != declared.algorithm:
            raise InvalidRequest(f"The upload was created using a {declared.algorithm} checksum, not {name}.")
        # Of a composite checksum clients send the part before the dash or all of it.
        if value not in (computed, computed.partition("-")[0]):
            raise BadDigest(f"The {name} you specified did not match the calculated checksum.")


def _combine_crcs(algorithm: str, values: Sequence[bytes], sizes: Sequence[int]) -> str:
    from awscrt import checksums

    join = getattr(checksums, f"combine_{algorithm}")
    whole = int.from_bytes(values[0], "big")
    for value, size in zip(values[1:], sizes[1:], strict=True):
        whole = join(whole, int.from_bytes(value, "big"), size)
    return base64.b64encode(whole.to_bytes(len(values[0]), "big")).decode()


def _is_value(member: str) -> bool:
    return member.startswith(_PREFIX) and member not in _NOT_CHECKSUMS
