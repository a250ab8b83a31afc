"""Records that the Kinesis Producer Library has packed into one: taken apart.

The format: four bytes of magic, a protobuf message, the MD5 of the message. Source: "KPL Aggregated Record Format" of
https://github.com/awslabs/amazon-kinesis-producer.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5

from clary.delivery.records import Record

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST = 16
_VARINT, _BYTES = 0, 2


def unpack(record: Record) -> list[Record]:
    """The records in one, or the record itself where it holds no others."""
    data = bytes(record.data)
    if not data.startswith(_MAGIC):
        return [record]
    message = data[len(_MAGIC) : -_DIGEST]
    if md5(message, usedforsecurity=False).digest() != data[-_DIGEST:]:
        return [record]
    try:
        return _read_message(record, message)
    except (IndexError, ValueError):
        return [record]


def _read_message(record: Record, message: bytes) -> list[Record]:
    keys: list[str] = []
    found: list[Record] = []
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            keys.append(value.decode())
        elif field == 3 and isinstance(value, bytes):
            parts = dict(_fields(value))
            index, data = parts.get(1, 0), parts.get(3, b"")
            if not isinstance(index, int) or not isinstance(data, bytes):
                raise ValueError
            found.append(record._replace(data=data, key=keys[index], sub=len(found)))
    return found


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        if tag & 7 == _VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
        elif tag & 7 == _BYTES:
            length, place = _varint(message, place)
            if place + length > len(message):
                raise ValueError
            yield tag >> 3, message[place : place + length]
            place += length
        else:
            raise ValueError


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
