"""The files of results in S3: rows, lines, and what lies beside them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.services.athena.columns import column_info, encode_metadata
from clary.services.athena.session import StatementFailed
from clary.services.s3 import inside as objects

if TYPE_CHECKING:
    from clary.wire import Rooms

log = logging.getLogger(__name__)

_ENGINE = "application/octet-stream"


def place_of(location: str) -> tuple[str, str]:
    """The bucket and key of s3://bucket/key."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key


def put_rows(rooms: Rooms, body: dict[str, Any], path: Path, columns: Sequence[Sequence[str]]) -> None:
    """The CSV of a query's rows and the file of its columns; StatementFailed where the bucket doesn't take them."""
    location = body["ResultConfiguration"]["OutputLocation"]
    try:
        objects.put_object_file(rooms, *place_of(location), path, content_type=_ENGINE)
        put_metadata(rooms, body, columns)
    except ServiceError as error:
        raise StatementFailed(
            f"Access denied when writing output to url: {location}. Please ensure you are allowed to access the S3 "
            f"bucket. {error.message}"
        ) from None


def put_metadata(
    rooms: Rooms,
    body: dict[str, Any],
    columns: Iterable[Sequence[str]],
    *,
    lines: bool = False,
    update: tuple[str, int] | None = None,
    content_type: str = _ENGINE,
) -> None:
    """The file with the columns of a result, beside it."""
    content = encode_metadata(body["QueryExecutionId"], column_info(columns, lines=lines), update)
    _put(rooms, f"{body['ResultConfiguration']['OutputLocation']}.metadata", content, content_type)


def put_manifest(rooms: Rooms, location: str, written: Iterable[str]) -> None:
    """The list of what a statement has written."""
    _put(rooms, location, "".join(f"{name}\n" for name in written).encode(), _ENGINE)


def put_lines(rooms: Rooms, body: dict[str, Any], text: str, content_type: str) -> None:
    """The result of a statement that answers with lines."""
    _put(rooms, body["ResultConfiguration"]["OutputLocation"], text.encode(), content_type)


def _put(rooms: Rooms, location: str, content: bytes, content_type: str) -> None:
    """What the statement did is done already: a bucket that is gone by now doesn't undo it."""
    try:
        objects.put_object_bytes(rooms, *place_of(location), content, content_type=content_type)
    except ServiceError as error:
        log.warning("%s could not be written: %s", location, error.message)
