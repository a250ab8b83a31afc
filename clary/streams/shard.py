"""The log of one shard: a folder of segments; what was staged is written and synced by the stream's flush."""

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from clary.durable import make_folder, sync_path
from clary.streams.batch import Batch, Put, encode
from clary.streams.segment import SUFFIX, DamagedSegment, Segment, Tail

SEGMENT_BYTES = 32 * 1024 * 1024
SEGMENT_MILLISECONDS = 3_600_000


class Staged:
    """Entries that wait for the next flush, in their order."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.marks: list[tuple[int, int, int]] = []  # index and arrival of a batch's first entry, bytes before it
        self.size = 0
        self.next_index = 0
        self.arrival = 0
        self.problem: OSError | None = None
        """Why none of them is stored."""


class ShardLog:
    """Append, read, trim. The caller, a stream, sees to it that one thread at a time stages, and one writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1
        self._broken = False  # nothing more may be appended to the last segment
        self._segments = _segments_of(folder)
        tail = self._mend()
        self.end, self.arrival = tail.at, tail.arrival
        """The index of the next entry, all before it are durable; and when the last of them came."""
        self.sealed = False
        self._next, self._staged_arrival = tail.at, tail.arrival
        self._staged = Staged()

    def stage(self, puts: list[Put], now: int) -> tuple[int, int, Staged]:
        """Give entries their places; returns the first one's index, the arrival of all, and whom they wait with."""
        staged, index = self._staged, self._next
        now = self._staged_arrival = max(now, self._staged_arrival)  # a clock that goes back doesn't
        staged.marks.append((index, now, staged.size))
        for piece in encode(index, now, puts):
            staged.pieces.append(piece)
            staged.size += len(piece)
        self._next = staged.next_index = index + len(puts)
        staged.arrival = now
        return index, now, staged

    def take_staged(self) -> Staged | None:
        """What waits, if anything does, to be written; what is staged from now on is for the flush after it."""
        if not self._staged.pieces:
            return None
        staged, self._staged = self._staged, Staged()
        return staged

    def write(self, staged: Staged) -> None:
        """Put it into the file, not yet synced."""
        if self._is_full(staged.marks[0][1]):
            self._roll()
        if self._file < 0:
            self._file = os.open(self._segments[-1].path, os.O_WRONLY | os.O_APPEND)
        content = memoryview(b"".join(staged.pieces))
        while content:
            content = content[os.write(self._file, content) :]

    def sync(self) -> None:
        """Make what was written durable."""
        os.fdatasync(self._file)

    def acknowledge(self, staged: Staged) -> None:
        """Let readers see what was synced."""
        segment = self._segments[-1]
        for index, arrival, before in staged.marks:
            segment.mark(index, arrival, segment.size + before)
        segment.size += staged.size
        self.arrival, self.end = staged.arrival, staged.next_index

    def fail(self, problem: OSError) -> None:
        """Forget what was not synced, here and if possible in the file; the next write begins a new segment."""
        self._staged.problem = problem
        self._staged, self._next, self._broken = Staged(), self.end, True
        self.close()
        if self._segments:
            with suppress(OSError):  # else readers stop where the next segment begins
                os.truncate(self._segments[-1].path, self._segments[-1].size)

    def read(self, index: int) -> Iterator[Batch]:
        """What the log has from an entry on, until where it ends now; what is deleted meanwhile is passed over."""
        end = self.end
        while True:
            segments = self._segments
            index = max(index, segments[0].first if segments else end)
            if index >= end:
                return
            number = bisect_right(segments, index, key=lambda segment: segment.first) - 1
            until = segments[number + 1].first if number + 1 < len(segments) else end
            try:
                for batch in segments[number].batches(index):
                    yield batch
                    index = batch.after
            except FileNotFoundError:
                if self._segments is segments:
                    raise DamagedSegment(f"{segments[number].path} is gone") from None
                continue
            if index < until:
                raise DamagedSegment(f"{segments[number].path} ends before entry {index}")

    def first_since(self, arrival: int) -> int:
        """The index of the first entry that arrived then or later, or the end."""
        for segment in reversed(self._segments):
            started = segment.started()
            if started is not None and started < arrival:
                found = segment.first_since(arrival)
                if found is not None:
                    return found
                after = [other.first for other in self._segments if other.first > segment.first]
                return min(after, default=self.end)
        return self._segments[0].first if self._segments else self.end

    def trim(self, before: int) -> None:
        """Delete the segments after which another one began before that time: all they hold is older."""
        if self._segments and self.arrival < before and self._segments[-1].size:
            self._roll()
        while len(self._segments) > 1:
            until = self._segments[1].started()
            if (self.arrival if until is None else until) >= before:
                return
            oldest, self._segments = self._segments[0], self._segments[1:]
            oldest.path.unlink()

    def drop(self, index: int) -> None:
        """Delete the segments whose entries all come before an index: whoever reads this log has done with them."""
        if self._segments and self.end <= index and self._segments[-1].size:
            self._roll()
        while len(self._segments) > 1 and self._segments[1].first <= index:
            oldest, self._segments = self._segments[0], self._segments[1:]
            oldest.path.unlink()

    def close(self) -> None:
        """Let the file go."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _mend(self) -> Tail:
        """Cut what a crash left half written; what comes after the last whole entry."""
        if not self._segments:
            return Tail(1, 0, 0)
        last = self._segments[-1]
        tail = last.scan()
        if tail.size < last.size:
            with last.path.open("r+b") as file:
                file.truncate(tail.size)
                os.fsync(file.fileno())
            last.size = tail.size
        if not tail.size and len(self._segments) > 1:
            return tail._replace(arrival=self._segments[-2].scan().arrival)
        return tail

    def _is_full(self, now: int) -> bool:
        if self._broken or not self._segments:
            return True
        last = self._segments[-1]
        return bool(last.size) and (last.size >= SEGMENT_BYTES or now >= (last.started() or now) + SEGMENT_MILLISECONDS)

    def _roll(self) -> None:
        """Begin a new segment."""
        self.close()
        make_folder(self._folder)
        segment = Segment(self._folder, self.end)
        segment.marks = []
        kept = [other for other in self._segments if other.first < segment.first]
        segment.path.unlink(missing_ok=True)  # one of this name is empty, or nothing in it was acknowledged
        self._file = os.open(segment.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        sync_path(self._folder)
        self._segments, self._broken = [*kept, segment], False


def _segments_of(folder: Path) -> list[Segment]:
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    return [Segment(folder, int(path.stem), path.stat().st_size) for path in paths]
