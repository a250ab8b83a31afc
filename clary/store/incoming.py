"""Bytes on their way into the store: hashed as they come, and spilled to a file once they outgrow the database."""

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from clary.store.blobs import Blobs, Draft

INLINE_BYTES = 64 * 1024
_BLOCK = 1 << 20


class Hasher(Protocol):
    """What checksums and hashlib's objects have in common."""

    def update(self, data: bytes, /) -> None:
        """Take in the next bytes."""


class Content(NamedTuple):
    """Bytes that wait for their row: durable already if they lie in a file, durable with the row if inline."""

    size: int
    md5: str
    inline: bytes | None
    blob: str | None


class Incoming:
    """Takes bytes in order; `finish` makes them a Content, and leaving the `with` block drops what no row named."""

    def __init__(self, blobs: Blobs, hashers: Iterable[Hasher] = ()) -> None:
        self.size = 0
        self._blobs = blobs
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._hashers = (self._md5, *hashers)
        self._pieces: list[bytes] = []
        self._draft: Draft | None = None
        self._closed = False
        self._lock = threading.Lock()

    def write(self, pieces: Iterable[bytes]) -> None:
        """Hash and keep the next pieces."""
        with self._lock:
            if self._closed:
                return
            # One long piece: a hash lets go of the interpreter while it runs, and should not do so often.
            piece = b"".join(pieces)
            for hasher in self._hashers:
                hasher.update(piece)
            self.size += len(piece)
            self._pieces.append(piece)
            if self.size > INLINE_BYTES:
                self._spill()

    def take(self, path: Path) -> None:
        """All bytes are those of a file that nobody writes to any more: it gets a second name, and is read only."""
        with self._lock:
            if self._closed:
                return
            if path.stat().st_size > INLINE_BYTES:
                self._draft = self._blobs.adopt(path)
            with path.open("rb") as file:
                while piece := file.read(_BLOCK):
                    for hasher in self._hashers:
                        hasher.update(piece)
                    self.size += len(piece)
                    if self._draft is None:
                        self._pieces.append(piece)

    def finish(self) -> Content:
        """All bytes are here: sync them if they lie in a file."""
        with self._lock:
            if self._draft is None:
                return Content(self.size, self._md5.hexdigest(), b"".join(self._pieces), None)
            self._draft.seal()
            return Content(self.size, self._md5.hexdigest(), None, self._draft.name)

    def close(self) -> None:
        """Drop the file unless a committed row names it; waits for a write that is under way in another thread."""
        with self._lock:
            self._closed = True
            self._pieces.clear()
            if self._draft is not None:
                self._draft.close()
                self._blobs.discard(self._draft.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spill(self) -> None:
        if self._draft is None:
            self._draft = self._blobs.create()
        for piece in self._pieces:
            self._draft.write(piece)
        self._pieces.clear()
