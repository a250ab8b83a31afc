"""Records on their way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, overload

from clary.joined import Joined, join


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


class Stored(Sequence[Record]):
    """Records as they were put, of which only the data and the arrivals are known; made when they are asked for."""

    __slots__ = ("arrivals", "data")

    def __init__(self, data: Joined, arrivals: list[int]) -> None:
        self.data, self.arrivals = data, arrivals

    def __iter__(self) -> Iterator[Record]:
        return map(Record, self.data, self.arrivals)

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Stored: ...
    def __getitem__(self, index: int | slice) -> Record | Stored:
        if isinstance(index, slice):
            return Stored(join(self.data[index]), self.arrivals[index])
        return Record(self.data[index], self.arrivals[index])


def data_of(records: Sequence[Record]) -> Sequence[bytes | memoryview]:
    """The data of records, for a million of them quicker than to ask each."""
    return records.data if isinstance(records, Stored) else [record.data for record in records]


class Failed(NamedTuple):
    """A record that goes to the errors, and why; `attempts` is how often it was tried."""

    record: Record
    code: str
    message: str
    attempts: int = 1
