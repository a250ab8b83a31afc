"""Many small pieces of bytes as one large one: a million of them take no longer to pass on than one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import overload


class Joined(Sequence[bytes]):
    """Pieces that lie one after another in a text: each is cut out when it is asked for."""

    __slots__ = ("_places", "lengths", "text")

    def __init__(self, text: bytes, lengths: Sequence[int]) -> None:
        self.text, self.lengths = text, lengths
        self._places: list[int] = []

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[bytes]:
        text = self.text
        return iter([text[start:stop] for start, stop in pairwise(accumulate(self.lengths, initial=0))])

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        places = self._places = self._places or list(accumulate(self.lengths, initial=0))
        if isinstance(index, int):
            number = range(len(self))[index]
            return self.text[places[number] : places[number + 1]]
        numbers = range(len(self))[index]
        if numbers.step != 1 or not numbers:
            return [self[number] for number in numbers]
        return Joined(self.text[places[numbers.start] : places[numbers.stop]], self.lengths[index])


def join(pieces: Sequence[bytes | memoryview]) -> Joined:
    """Pieces as one, if they are not yet."""
    return pieces if isinstance(pieces, Joined) else Joined(b"".join(pieces), [len(piece) for piece in pieces])


def total_size(pieces: Sequence[bytes | memoryview]) -> int:
    """Of all pieces together."""
    return len(pieces.text) if isinstance(pieces, Joined) else sum(map(len, pieces))
