"""Records that the Kinesis Producer Library has packed into one: taken apart.

The format: four bytes of magic, a protobuf message, the MD5 of the message. Source: "KPL Aggregated Record Format" of
https://github.com/awslabs/amazon-kinesis-producer.
"""

from __future__ import annotations

from hashlib import md5

from clary.delivery.records import Record
from clary.formats.protobuf import read_fields

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST = 16


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
    for field, value in read_fields(message):
        if field == 1 and isinstance(value, bytes):
            keys.append(value.decode())
        elif field == 3 and isinstance(value, bytes):
            parts = dict(read_fields(value))
            index, data = parts.get(1, 0), parts.get(3, b"")
            if not isinstance(index, int) or not isinstance(data, bytes):
                raise ValueError
            found.append(record._replace(data=data, key=keys[index], sub=len(found)))
    return found
