"""A reply on its way out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from clary.wire.call import FileSlice

Streamed = AsyncIterator[bytes] | FileSlice


@dataclass(slots=True)
class Response:
    """Status, headers by lower-case name, and the body, whole or in parts."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | list[bytes] | Streamed = b""
