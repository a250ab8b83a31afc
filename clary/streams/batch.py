"""A batch of entries as bytes: a CRC of all that follows, first index, arrival, sizes; lengths; keys; data."""

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple
from zlib import crc32

from clary.joined import Joined, join

_CRC = struct.Struct("<I")
_SIZES = struct.Struct("<QQIIQ")
_HEAD = struct.Struct("<IQQIIQ")
_LENGTHS = 6  # of an entry: two bytes for its key's, four for its data's

HEAD = _HEAD.size

Put = tuple[bytes, bytes]
"""A key and data."""


class Batch(NamedTuple):
    """Entries that came together: the first one's place in the shard, when they came (epoch milliseconds), and what."""

    first: int
    arrival: int
    keys: Sequence[str]
    data: Joined

    @property
    def after(self) -> int:
        """The place of the entry after them."""
        return self.first + len(self.data)

    def part(self, start: int, stop: int) -> "Batch":
        """Some of them, by their number in it."""
        return Batch(self.first + start, self.arrival, self.keys[start:stop], join(self.data[start:stop]))


class Head(NamedTuple):
    """What stands before the entries."""

    crc: int
    first: int
    arrival: int
    entries: int
    key_bytes: int
    data_bytes: int

    @property
    def size(self) -> int:
        """Of the whole batch, this included."""
        return HEAD + self.entries * _LENGTHS + self.key_bytes + self.data_bytes


def encode(first: int, arrival: int, puts: Sequence[Put]) -> tuple[bytes, bytes]:
    """A batch, in two pieces that belong one after the other."""
    keys, data = [key for key, _ in puts], [data for _, data in puts]
    key_lengths, data_lengths = [len(key) for key in keys], [len(item) for item in data]
    count = len(puts)
    body = b"".join(
        (
            _SIZES.pack(first, arrival, count, sum(key_lengths), sum(data_lengths)),
            struct.pack(f"<{count}H{count}I", *key_lengths, *data_lengths),
            *keys,
            *data,
        )
    )
    return _CRC.pack(crc32(body)), body


def read_head(buffer: bytes, offset: int) -> Head | None:
    """The head of the batch that begins here, if the buffer has all of it."""
    return Head._make(_HEAD.unpack_from(buffer, offset)) if offset + HEAD <= len(buffer) else None


def is_undamaged(buffer: bytes, offset: int, head: Head) -> bool:
    """Whether a batch, of which the buffer has all, is what was written."""
    return crc32(memoryview(buffer)[offset + _CRC.size : offset + head.size]) == head.crc


def decode(buffer: bytes, offset: int, head: Head) -> Batch:
    """The batch that begins here, of which the buffer has all."""
    count, begin = head.entries, offset + HEAD
    lengths = struct.unpack_from(f"<{count}H{count}I", buffer, begin)
    keys_begin = begin + count * _LENGTHS
    data_begin = keys_begin + head.key_bytes
    data = Joined(buffer[data_begin : data_begin + head.data_bytes], lengths[count:])
    return Batch(head.first, head.arrival, _keys(buffer[keys_begin:data_begin], lengths[:count]), data)


def _keys(text: bytes, lengths: Sequence[int]) -> list[str]:
    if not text:
        return [""] * len(lengths)
    places = pairwise(accumulate(lengths, initial=0))
    if text.isascii():
        letters = text.decode()
        return [letters[start:stop] for start, stop in places]
    return [text[start:stop].decode() for start, stop in places]
