"""Reading and writing the formats of training data, requests and artefacts."""

from clary.formats.batch import Batch, Source, Sparse, concatenate
from clary.formats.media_type import MediaType, parse_media_type
from clary.formats.reading import decode_request, read_batches, regroup
from clary.formats.responses import encode_response

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
