"""One entry of a log as bytes: a CRC of all that follows, index, time of arrival, lengths, key, data."""

import struct
from typing import NamedTuple
from zlib import crc32

import msgspec

_CRC = struct.Struct("<I")
_BODY = struct.Struct("<QQHI")
_HEAD = struct.Struct("<IQQHI")
HEAD = _HEAD.size


class Entry(msgspec.Struct, gc=False):
    """What was put: its place in the shard, when it came (epoch milliseconds), its key and its data."""

    at: int
    arrival: int
    key: str
    data: bytes


def encode_head(index: int, arrival: int, key: bytes, data: bytes) -> bytes:
    """All of an entry but its data, which follow."""
    body = _BODY.pack(index, arrival, len(key), len(data)) + key
    return _CRC.pack(crc32(data, crc32(body))) + body


def peek(buffer: bytes, offset: int = 0) -> tuple[int, int, int]:
    """Index, arrival and whole length of the entry that begins here, unchecked; the buffer must hold its head."""
    _, index, arrival, key_length, data_length = _HEAD.unpack_from(buffer, offset)
    return index, arrival, HEAD + key_length + data_length


class Stretch(NamedTuple):
    """The data of entries one after another, when each came, and the index of the entry after them."""

    data: list[bytes]
    arrivals: list[int]
    after: int


def decode_data(buffer: bytes, first: int, room: int) -> Stretch:
    """The data of the whole, undamaged entries from index `first` on, until they are at least so many bytes.

    It is quicker than `decode` where keys don't matter.
    """
    data: list[bytes] = []
    arrivals: list[int] = []
    offset, end, unpack, after = 0, len(buffer), _HEAD.unpack_from, first
    while room > 0 and offset + HEAD <= end:
        crc, index, arrival, key_length, data_length = unpack(buffer, offset)
        stop = offset + HEAD + key_length + data_length
        if stop > end:
            break
        if index >= first:
            if crc32(buffer[offset + 4 : stop]) != crc:
                break
            data.append(buffer[stop - data_length : stop])
            arrivals.append(arrival)
            after = index + 1
            room -= data_length
        offset = stop
    return Stretch(data, arrivals, after)


class Decoded(NamedTuple):
    """Entries, where in the buffer the reading stopped, and the room that is left: less than 0 where one had none."""

    entries: list[Entry]
    used: int
    room: int


def decode(buffer: bytes, first: int, most: int, room: int, *, one: bool = True) -> Decoded:
    """The whole, undamaged entries from index `first` on, at most `most` of them.

    Their keys and data have `room` bytes together; with `one` the first of them may have more.
    """
    found: list[Entry] = []
    offset, end, view, unpack, left = 0, len(buffer), memoryview(buffer), _HEAD.unpack_from, most
    while left and offset + HEAD <= end:
        crc, index, arrival, key_length, data_length = unpack(buffer, offset)
        middle = offset + HEAD + key_length
        stop = middle + data_length
        if stop > end:
            break
        if index >= first:
            if crc32(view[offset + 4 : stop]) != crc:
                break
            room -= key_length + data_length
            if room < 0 and not (one and left == most):
                break
            found.append(Entry(index, arrival, buffer[offset + HEAD : middle].decode(), buffer[middle:stop]))
            left -= 1
        offset = stop
    return Decoded(found, offset, room)
