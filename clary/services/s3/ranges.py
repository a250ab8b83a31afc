"""Which bytes of an object a request wants."""

import re
from typing import Any, NamedTuple

from clary.errors import ServiceError
from clary.services.s3.errors import InvalidArgument, InvalidRequest
from clary.store.object_rows import Object, Part

MAX_PARTS = 10_000

_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*")
_COPY_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class Span(NamedTuple):
    """Bytes of an object; `partial` where the answer is a 206."""

    start: int
    length: int
    partial: bool

    def content_range(self, size: int) -> str | None:
        """The Content-Range header."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}" if self.partial else None


class InvalidRange(ServiceError):
    """The object has no byte of the range."""

    code = "InvalidRange"
    status = 416


class InvalidPartNumber(ServiceError):
    """The object has no such part."""

    code = "InvalidPartNumber"
    status = 416


def header_span(header: str | None, size: int) -> Span:
    """The bytes that a Range header asks for; several ranges or nonsense ask for all, as on S3."""
    found = _RANGE.fullmatch(header) if header else None
    if found is None or not any(found.groups()):
        return Span(0, size, partial=False)
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return Span(0, size, partial=False)
    if start >= size or (not first and int(last) == 0):
        fields = {"RangeRequested": header, "ActualObjectSize": str(size)}
        raise InvalidRange(
            "The requested range is not satisfiable", fields=fields, headers={"content-range": f"bytes */{size}"}
        )
    return Span(start, end - start, partial=True)


def part_span(request: dict[str, Any], found: Object, part: Part | None) -> Span:
    """The bytes of the part that `partNumber` names; an object that was not uploaded in parts is its own part 1."""
    number = request["PartNumber"]
    check_part_number(number)
    if "Range" in request:
        raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
    if found.parts == 0 and number == 1:
        return Span(0, found.size, partial=found.size > 0)
    if part is None:
        fields = {"ActualPartCount": str(max(found.parts, 1)), "PartNumberRequested": str(number)}
        raise InvalidPartNumber("The requested partnumber is not satisfiable", fields=fields)
    return Span(part.start, part.size, partial=True)


def copy_span(header: str | None, size: int) -> Span:
    """The bytes that x-amz-copy-source-range asks for; it must lie within the source."""
    if header is None:
        return Span(0, size, partial=False)
    found = _COPY_RANGE.fullmatch(header)
    name = "x-amz-copy-source-range"
    if found is None or int(found[2]) < int(found[1]):
        message = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy"
        )
        raise InvalidArgument(message, name, header)
    if int(found[2]) >= size:
        raise InvalidArgument(f"Range specified is not valid for source object of size: {size}", name, header)
    return Span(int(found[1]), int(found[2]) + 1 - int(found[1]), partial=True)


def check_part_number(number: int) -> None:
    """Raise unless a part may have that number."""
    if not 1 <= number <= MAX_PARTS:
        message = f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive"
        raise InvalidArgument(message, "partNumber", number)
