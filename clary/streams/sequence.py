"""Sequence numbers as AWS makes them: the shard's creation, the entry's index and second, and the shard, in one number.

In hexadecimal digits: 2, creation in seconds (9), last digit of the shard (1), index (16), 00, second of arrival (9),
shard (8), 2. They were read from recorded answers of the service.
"""

from typing import NamedTuple

LAST_INDEX = 2**63 - 1
_LEAST, _MOST = 2 << 184, 3 << 184
_LATEST = 16_025_175_000


class Sequence(NamedTuple):
    """The parts of a sequence number; times are epoch seconds."""

    created: int
    at: int
    time: int
    shard: int


def head_of(created: int, shard: int) -> int:
    """What all numbers of a shard begin with, in its place."""
    return ((2 << 40 | created << 4 | shard & 15) << 144) | shard << 4 | 2


def format_sequence(head: int, index: int, time: int) -> str:
    """The number of an entry; a start has index 0, an end LAST_INDEX."""
    return str(sequences(head, index, time, 1)[0])


def sequences(head: int, index: int, time: int, count: int) -> range:
    """The numbers of entries that came together, of which the first has that index."""
    first = head | index << 80 | time << 36
    return range(first, first + (count << 80), 1 << 80)


def parse_sequence(text: str) -> Sequence | None:
    """The parts of a number; None where it is none of ours."""
    number = int(text)
    if not _LEAST <= number < _MOST or number & 15 != 2:
        return None
    index, created = number >> 80 & (2**64 - 1), number >> 148 & (2**36 - 1)
    if index > LAST_INDEX or created >= _LATEST:
        return None
    return Sequence(created, index, number >> 36 & (2**36 - 1), number >> 4 & (2**32 - 1))
