"""An endpoint's answers: columns of members, a row each, in the type that the client accepts.

    application/json                    {"predictions": [{"closest_cluster": 1.0, "distance_to_cluster": 3.0}, ...]}
    application/jsonlines               {"closest_cluster": 1.0, "distance_to_cluster": 3.0} newline ...
    text/csv                            1.0,3.0 newline ...
    application/x-recordio-protobuf     a Record a row, its label map holds the members as float32

Source: the developer guide's response pages ("K-Means response formats" and its like).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from clary.errors import ClientError
from clary.formats.media_type import parse_media_type
from clary.formats.records import encode_rows

JSON, JSON_LINES, CSV = "application/json", "application/jsonlines", "text/csv"
RECORDIO = "application/x-recordio-protobuf"
TYPES = (JSON, JSON_LINES, CSV, RECORDIO)
ANY = ("", "*/*", "application/*")


def choose_type(accept: str) -> str | None:
    """The first type of an Accept header that can be written; JSON where it leaves the choice; None: there is none."""
    for part in accept.split(","):
        name = parse_media_type(part).name
        if name in ANY:
            return JSON
        if name == "text/*":
            return CSV
        if name in TYPES:
            return name
    return None


def encode_response(
    rows: Mapping[str, np.ndarray | list[Any]], accept: str, top: str = "predictions"
) -> tuple[bytes, str]:
    """The body and its content type.

    rows: member -> (n,) or (n, m) numbers, or a list of n values; all of the same n
    accept: an Accept header; its parameters (`verbose=true`) are the caller's to act on
    top: the member that holds the rows in JSON

    Raises ClientError where the Accept header names no type that can be written.
    """
    content_type = choose_type(accept)
    if content_type is None:
        raise ClientError(f"Accept type '{accept}' can't be written; it may be {', '.join(TYPES)}")
    if content_type == RECORDIO:
        return encode_rows({}, {name: np.asarray(column, np.float32) for name, column in rows.items()}), content_type
    columns = [column.tolist() if isinstance(column, np.ndarray) else column for column in rows.values()]
    if content_type == CSV:
        return _encode_csv(columns), content_type
    names = tuple(rows)
    objects = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    if content_type == JSON:
        return msgspec.json.encode({top: objects}), content_type
    return msgspec.json.Encoder().encode_lines(objects), content_type


def _encode_csv(columns: list[list[Any]]) -> bytes:
    """A line a row; a member with several values takes as many fields."""
    lines = [",".join(map(_as_fields, values)) for values in zip(*columns, strict=True)]
    return "".join(f"{line}\n" for line in lines).encode()


def _as_fields(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
