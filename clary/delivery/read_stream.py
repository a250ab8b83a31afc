"""A stream that records are read from: all its shards, those that others were made of first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from clary.delivery.aggregated import unpack
from clary.delivery.host import Host, Shard
from clary.delivery.records import Record
from clary.delivery.source import Backlog, Piece, Position
from clary.errors import ServiceError

_CHUNK = 4 * 1024 * 1024


class ReadStream:
    """A source that reads from where each shard was read to; a new one begins with what comes from now on."""

    def __init__(self, arn: str, name: str, host: Host, wake: Callable[[], None]) -> None:
        self._arn, self._name, self._host, self._wake = arn, name, host, wake
        self._counting = threading.Lock()
        self._from: Position | None = None  # where counting began; None to count anew
        self._ahead: dict[str, int] = {}
        self._counted = Backlog()
        self.problem: ServiceError | None = None

    def start(self, position: Position) -> Position:
        """Where to begin: at the end of every shard, unless it was begun before."""
        if position:
            return position
        return {_key(shard): self._host.place_of(self._arn, shard.number, "LATEST") for shard in self._shards()}

    def backlog(self, position: Position, enough: int) -> Backlog:
        """What waits from a position on, counted until it is enough bytes."""
        with self._counting:
            shards = self._shards()
            if position != self._from or self.problem:
                self._from, self._ahead, self._counted = position, dict(position), Backlog()
            for shard in shards:
                self._host.when_changed(self._arn, shard, self._name, self._wake)
            if self._counted.bytes < enough:
                for piece in self._read(self._ahead, enough - self._counted.bytes):
                    self._ahead |= piece.position
                    self._count(piece.records)
            return self._counted

    def read(self, position: Position, room: int) -> Iterator[Piece]:
        """Records of about so many bytes, shard after shard; packed ones taken apart."""
        nothing = True
        for piece in self._read(position, room):
            nothing = False
            yield Piece([single for record in piece.records for single in unpack(record)], piece.position)
        if nothing:  # what was counted went with its stream
            self._from = None

    def forget(self, position: Position) -> None:
        """The stream keeps its records as long as it was told to."""

    def _read(self, position: Position, room: int) -> Iterator[Piece]:
        unfinished: set[str] = set()
        for shard in self._shards():
            if unfinished & set(shard.parents):
                unfinished.add(shard.id)
                continue
            index, ended = position.get(_key(shard), 0), False
            while room > 0:
                records, after, ended = self._host.read(self._arn, shard, index, min(room, _CHUNK))
                room -= sum(len(record.data) for record in records)
                if records or after != index:
                    yield Piece(records, {_key(shard): after})
                if ended or not records:
                    break
                index = after
            if not ended:
                unfinished.add(shard.id)

    def _count(self, records: Sequence[Record]) -> None:
        if records:
            had, oldest = self._counted, min(record.arrival for record in records)
            size = sum(len(record.data) for record in records)
            self._counted = Backlog(had.records + len(records), had.bytes + size, min(had.oldest or oldest, oldest))

    def _shards(self) -> list[Shard]:
        """The shards there are; none where the stream is gone, and then nothing waits."""
        try:
            found = self._host.shards(self._arn)
        except ServiceError as problem:
            self.problem = problem
            self._host.when_created(self._arn, self._name, self._wake)
            return []
        self.problem = None
        return found


def _key(shard: Shard) -> str:
    return f"{shard.stream}/{shard.number}"
