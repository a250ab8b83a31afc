"""The checksums that S3's clients send, computed piece by piece."""

import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import Any

NAMES = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
HEADER_PREFIX = "x-amz-checksum-"

_WIDTHS = {"crc32": 4, "crc32c": 4, "crc64nvme": 8}


class Checksum:
    """A running checksum by its name in `x-amz-checksum-<name>`; raises KeyError for an unknown one."""

    def __init__(self, name: str) -> None:
        self.name = name
        if name in _WIDTHS:
            self._width = _WIDTHS[name]
            self._crc = _crc_function(name)
            self._value = 0
        elif name in NAMES:
            self._width = 0
            self._hash = hashlib.new(name, usedforsecurity=False)
        else:
            raise KeyError(name)

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        if self._width:
            self._value = self._crc(data, self._value)
        else:
            self._hash.update(data)

    def digest(self) -> bytes:
        """The checksum of all bytes so far, big-endian."""
        return self._value.to_bytes(self._width, "big") if self._width else self._hash.digest()

    def base64(self) -> str:
        """The checksum as headers carry it."""
        return base64.b64encode(self.digest()).decode()


def _crc_function(name: str) -> Callable[[Any, int], int]:
    if name == "crc32":
        return zlib.crc32
    # Loaded only when a client asks for these two: the library starts slowly.
    from awscrt import checksums

    function: Callable[[Any, int], int] = getattr(checksums, name)
    return function
