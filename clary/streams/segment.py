"""A segment: a file of entries that is only ever appended to, named by the index of its first entry."""

import os
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import NamedTuple

from clary.streams.entries import HEAD, Entry, Stretch, decode, decode_data, peek

SUFFIX = ".log"
_CHUNK = 1024 * 1024
_MARK_BYTES = 64 * 1024
_LARGEST = HEAD + 256 * 4 + 16 * 1024 * 1024


class Mark(NamedTuple):
    """Where an entry begins."""

    at: int
    arrival: int
    offset: int


class Tail(NamedTuple):
    """What comes after the last whole entry: the next index, the last arrival, and how many bytes are whole."""

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
        """Note where an entry begins, if the last note lies far enough back."""
        if self.marks is None:
            return
        if not self.marks or offset - self.marks[-1].offset >= _MARK_BYTES:
            self.marks.append(Mark(index, arrival, offset))

    def scan(self) -> Tail:
        """Read all of the file and note places; the tail is where whole, undamaged entries end."""
        self.marks = []
        index, arrival, offset, length = self.first, 0, 0, _CHUNK
        with self.path.open("rb") as file:
            while buffer := os.pread(file.fileno(), length, offset):
                entries, used, _ = decode(buffer, 0, _CHUNK, _CHUNK * _CHUNK)
                if not used and (len(buffer) < length or length > _CHUNK):
                    break
                length = _CHUNK if used else _LARGEST
                place = 0
                for entry in entries:
                    self.mark(entry.at, entry.arrival, offset + place)
                    place += peek(buffer, place)[2]
                if entries:
                    index, arrival, offset = entries[-1].at + 1, entries[-1].arrival, offset + used
        return Tail(index, arrival, offset)

    def started(self) -> int | None:
        """When its first entry arrived; None while it has none."""
        if self.marks:
            return self.marks[0].arrival
        with self.path.open("rb") as file:
            head = file.read(HEAD)
        return peek(head)[1] if len(head) == HEAD and self.size else None

    def place_of(self, index: int) -> int:
        """An offset at or before an entry."""
        if index <= self.first:
            return 0
        found = bisect_right(self._marks(), index, key=lambda mark: mark.at)
        return self._marks()[found - 1].offset if found else 0

    def _place_at(self, arrival: int) -> int:
        """An offset at or before the first entry that arrived then or later."""
        found = bisect_left(self._marks(), arrival, key=lambda mark: mark.arrival)
        return self._marks()[found - 1].offset if found else 0

    def read(self, place: int, first: int, most: int, room: int, *, one: bool = True) -> tuple[list[Entry], int]:
        """Entries from index `first` on, looked for from a place on, and the room left: see `decode`."""
        found: list[Entry] = []
        length = _CHUNK
        with self.path.open("rb") as file:
            while place < self.size and len(found) < most and room >= 0:
                buffer = os.pread(file.fileno(), min(length, self.size - place), place)
                entries, used, room = decode(buffer, first, most - len(found), room, one=one and not found)
                found += entries
                if not used and room >= 0:
                    if length > _CHUNK or len(buffer) < min(length, self.size - place):
                        raise DamagedSegment(f"{self.path} is damaged at byte {place}")
                    length = _LARGEST
                else:
                    length = _CHUNK
                place += used
        return found, room

    def read_data(self, first: int, room: int) -> Stretch:
        """The data of entries from index `first` on: of one at least, of no more than it takes for so many bytes."""
        place, length = self.place_of(first), 2 * _MARK_BYTES + room
        with self.path.open("rb") as file:
            found = decode_data(os.pread(file.fileno(), min(length, self.size - place), place), first, room)
            if not found.data and length < self.size - place:
                found = decode_data(os.pread(file.fileno(), _LARGEST + length, place), first, room)
        return found

    def first_since(self, arrival: int) -> int | None:
        """The index of the first entry that arrived then or later."""
        place, index = self._place_at(arrival), self.first
        while True:
            entries, _ = self.read(place, index, 1000, _CHUNK)
            if not entries:
                return None
            for entry in entries:
                if entry.arrival >= arrival:
                    return entry.at
            index = entries[-1].at + 1
            place = self.place_of(index)

    def _marks(self) -> list[Mark]:
        if self.marks is None:
            self.scan()
        assert self.marks is not None
        return self.marks
