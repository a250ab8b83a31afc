"""Content types with parameters, `text/csv; label_size=0`, and the short names that SageMaker takes for them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

_SHORT = {
    "csv": "text/csv",
    "libsvm": "text/libsvm",
    "text/x-libsvm": "text/libsvm",
    "parquet": "application/x-parquet",
    "recordio-protobuf": "application/x-recordio-protobuf",
    "application/x-ndjson": "application/jsonlines",
    "application/json-lines": "application/jsonlines",
    "application/jsonl": "application/jsonlines",
}


class MediaType(NamedTuple):
    """A type in its full, lower-case spelling, and its parameters."""

    name: str
    parameters: Mapping[str, str]


@lru_cache(256)
def parse_media_type(text: str) -> MediaType:
    """Split `text/csv;label_size=0` into the type and its parameters; quotes around a value are dropped."""
    head, *rest = text.split(";")
    name = head.strip().lower()
    pairs = (part.partition("=") for part in rest if part.strip())
    parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
    return MediaType(_SHORT.get(name, name), parameters)
