"""Records on their way."""

from collections.abc import Mapping
from typing import NamedTuple


class Record(NamedTuple):
    """Data, when they came (epoch milliseconds), and where from if they were read from a stream."""

    data: bytes | memoryview
    arrival: int
    key: str = ""
    sequence: str = ""
    shard: str = ""
    sub: int = 0
    """The place among the records that were one when they came."""
    keys: Mapping[str, str] | None = None
    """The partition keys that the function gave it."""


class Failed(NamedTuple):
    """A record that goes to the errors, and why; `attempts` is how often it was tried."""

    record: Record
    code: str
    message: str
    attempts: int = 1
