"""Reading and writing the formats of training data, requests and artefacts."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clary.formats.batch import Batch, Source, Sparse, concatenate
    from clary.formats.media_type import MediaType, parse_media_type
    from clary.formats.reading import decode_request, read_batches, regroup
    from clary.formats.responses import encode_response

# Where they are, looked for when first asked for: the server needs but a few of the folder's files, none with numpy.
_HOMES = {
    **dict.fromkeys(("Batch", "Source", "Sparse", "concatenate"), "batch"),
    **dict.fromkeys(("MediaType", "parse_media_type"), "media_type"),
    **dict.fromkeys(("decode_request", "read_batches", "regroup"), "reading"),
    "encode_response": "responses",
}

__all__ = [
    "Batch",
    "MediaType",
    "Source",
    "Sparse",
    "concatenate",
    "decode_request",
    "encode_response",
    "parse_media_type",
    "read_batches",
    "regroup",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
