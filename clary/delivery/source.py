"""Where records come from: a log of the stream's own, or a stream that is read."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from clary.delivery.records import Record, Stored
from clary.errors import ServiceError
from clary.joined import Joined
from clary.streams import Batch, StreamLog

Position = Mapping[str, int]
"""Where reading goes on, by shard."""

_MOST_PUTS = 10_000
_CHUNK = 4 * 1024 * 1024


class Backlog(NamedTuple):
    """What waits to be delivered; `oldest` is when its first record came (epoch milliseconds), 0 where none did."""

    records: int = 0
    bytes: int = 0
    oldest: int = 0


class Piece(NamedTuple):
    """Records, and where reading goes on after them."""

    records: Sequence[Record]
    position: Position


class Source(Protocol):
    """Records in order, from a position on."""

    problem: ServiceError | None
    """Why there is nothing to read; None where there is."""

    def start(self, position: Position) -> Position:
        """Where to begin, given where an earlier life got to: called once, before anything else."""

    def backlog(self, position: Position, enough: int) -> Backlog:
        """What waits from a position on; so many bytes are enough to know of."""

    def read(self, position: Position, room: int) -> Iterator[Piece]:
        """Records of about so many bytes, piece by piece."""

    def forget(self, position: Position) -> None:
        """What comes before a position is not read again."""


class OwnLog:
    """The log of a stream that records are put into: one shard, of which nothing stays that was delivered."""

    def __init__(self, log: StreamLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._puts: list[tuple[int, int, int]] = []  # the index after them, when they came, how many bytes
        self._bytes = 0
        self.problem: ServiceError | None = None

    def start(self, position: Position) -> Position:
        """Count what an earlier life left."""
        for batch in self._log.shard(0).read(position.get("0", 1)):
            self._note(batch.after, batch.arrival, len(batch.data.text))
        return position

    def put(self, data: list[bytes]) -> int:
        """Store records, durable on return; the index of the first."""
        places, failed = self._log.put({0: [(b"", item) for item in data]})
        if failed:
            raise failed[0]
        index, arrival = places[0]
        self._note(index + len(data), arrival, sum(map(len, data)))
        return index

    def backlog(self, position: Position, enough: int) -> Backlog:  # noqa: ARG002
        """What waits from a position on."""
        begin = position.get("0", 1)
        with self._lock:
            done = bisect_right(self._puts, begin, key=lambda put: put[0])
            self._bytes -= sum(size for _, _, size in self._puts[:done])
            del self._puts[:done]
            if not self._puts:
                return Backlog()
            return Backlog(self._puts[-1][0] - begin, self._bytes, self._puts[0][1])

    def read(self, position: Position, room: int) -> Iterator[Piece]:
        """Records of about so many bytes, piece by piece."""
        held, size = list[Batch](), 0
        for found in self._log.shard(0).read(position.get("0", 1)):
            sizes = list(accumulate(found.data.lengths))
            batch = found.part(0, bisect_left(sizes, room - size) + 1) if size + sizes[-1] > room else found
            held.append(batch)
            size += len(batch.data.text)
            if size >= min(room, _CHUNK):
                yield _piece(held)
                held, room, size = [], room - size, 0
            if room <= 0:
                return
        if held:
            yield _piece(held)

    def forget(self, position: Position) -> None:
        """Delete the segments that were delivered."""
        self._log.drop(0, position.get("0", 1))

    def _note(self, end: int, arrival: int, size: int) -> None:
        with self._lock:
            insort(self._puts, (end, arrival, size))  # two that put at once may come in either order
            self._bytes += size
            if len(self._puts) > _MOST_PUTS:  # a delivery that is held up for long must not fill the memory
                pairs = zip(self._puts[::2], self._puts[1::2], strict=False)
                rest = self._puts[len(self._puts) // 2 * 2 :]
                self._puts = [(after[0], put[1], put[2] + after[2]) for put, after in pairs] + rest


def _piece(batches: Sequence[Batch]) -> Piece:
    lengths, arrivals = array("I"), list[int]()
    for batch in batches:
        lengths.extend(batch.data.lengths)
        arrivals += [batch.arrival] * len(batch.data)
    text = b"".join([batch.data.text for batch in batches])
    return Piece(Stored(Joined(text, lengths), arrivals), {"0": batches[-1].after})
