"""A segment: a file of batches that is only ever appended to, named by the index of its first entry."""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from clary.streams.batch import HEAD, Batch, Head, decode, is_undamaged, read_head

SUFFIX = ".log"
_CHUNK = 256 * 1024
_MARK_BYTES = 64 * 1024


class Mark(NamedTuple):
    """Where a batch begins."""

    at: int
    arrival: int
    offset: int


class Tail(NamedTuple):
    """What comes after the last whole batch: the next index, the last arrival, and how many bytes are whole."""

    at: int
    arrival: int
    size: int


class DamagedSegment(OSError):
    """An entry that was acknowledged is not what was written."""


class Segment:
    """One file; `size` is how much of it readers may see: what was synced."""

    def __init__(self, folder: Path, first: int, size: int = 0) -> None:
        self.first = first
        self.path = folder / f"{first:020d}{SUFFIX}"
        self.size = size
        self.marks: list[Mark] | None = None  # made when somebody first looks for a place in it

    def mark(self, index: int, arrival: int, offset: int) -> None:
        """Note where a batch begins, if the last note lies far enough back."""
        if self.marks is None:
            return
        if not self.marks or offset - self.marks[-1].offset >= _MARK_BYTES:
            self.marks.append(Mark(index, arrival, offset))

    def scan(self) -> Tail:
        """Read all of the file and note places; the tail is where whole, undamaged batches end."""
        self.marks = []
        index, arrival, size = self.first, 0, 0
        for found in _walk(self.path, 0, None):
            head = found.head
            self.mark(head.first, head.arrival, found.place)
            index, arrival, size = head.first + head.entries, head.arrival, found.place + head.size
        return Tail(index, arrival, size)

    def started(self) -> int | None:
        """When its first entry arrived; None while it has none."""
        if self.marks:
            return self.marks[0].arrival
        with self.path.open("rb") as file:
            head = read_head(file.read(HEAD), 0)
        return head.arrival if head and self.size else None

    def place_of(self, index: int) -> int:
        """Where a batch begins at or before an entry."""
        if index <= self.first:
            return 0
        found = bisect_right(self._marks(), index, key=lambda mark: mark.at)
        return self._marks()[found - 1].offset if found else 0

    def batches(self, index: int) -> Iterator[Batch]:
        """What the file has from an entry on; raises DamagedSegment, FileNotFoundError."""
        place, end = self.place_of(index), self.size
        for found in _walk(self.path, place, end):
            head = found.head
            place = found.place + head.size
            if head.first + head.entries > index:
                batch = decode(found.buffer, found.offset, head)
                yield batch if head.first >= index else batch.part(index - head.first, head.entries)
        if place < end:
            raise DamagedSegment(f"{self.path} is damaged at byte {place}")

    def first_since(self, arrival: int) -> int | None:
        """The index of the first entry that arrived then or later."""
        before = bisect_left(self._marks(), arrival, key=lambda mark: mark.arrival)
        place = self._marks()[before - 1].offset if before else 0
        for found in _walk(self.path, place, self.size):
            if found.head.arrival >= arrival:
                return found.head.first
        return None

    def _marks(self) -> list[Mark]:
        if self.marks is None:
            self.scan()
        assert self.marks is not None
        return self.marks


class _Found(NamedTuple):
    """A batch: where it is in the file, its head, and where it is in a buffer that has all of it."""

    place: int
    head: Head
    buffer: bytes
    offset: int


def _walk(path: Path, place: int, end: int | None) -> Iterator[_Found]:
    """One batch after another, until the end or the first that is cut off or damaged."""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size if end is None else end
        buffer, begin = b"", place
        while place < end:
            head = read_head(buffer, place - begin)
            size = head.size if head else HEAD
            if place + size > end:
                return
            if head is None or place - begin + size > len(buffer):
                buffer, begin = os.pread(file.fileno(), min(max(_CHUNK, size + HEAD), end - place), place), place
                if len(buffer) < size:
                    return
                continue
            if not is_undamaged(buffer, place - begin, head):
                return
            yield _Found(place, head, buffer, place - begin)
            place += size
