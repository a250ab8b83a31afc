"""The protobuf encoding: fields and varints.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

Span = tuple[int, int]


class Malformed(ValueError):
    """These bytes are no message; the text says why."""


def walk_fields(buffer: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Every field of a message: its tag (number and wire type) and the span of its contents; raises Malformed."""
    position = start
    while position < end:
        tag, position = _read_varint(buffer, position, end)
        wire, low = tag & 7, position
        if wire == DELIMITED:
            length, low = _read_varint(buffer, position, end)
            position = low + length
        elif wire == VARINT:
            _, position = _read_varint(buffer, position, end)
        elif wire in (FIXED32, FIXED64):
            position += 4 if wire == FIXED32 else 8
        else:
            raise Malformed(f"it has a field of the unknown wire type {wire}")
        if position > end:
            raise Malformed("a field runs past its end")
        yield tag, low, position


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The numbers and values of a message, those of fixed width left out; raises Malformed."""
    for tag, low, high in walk_fields(message, 0, len(message)):
        if tag & 7 == VARINT:
            yield tag >> 3, _read_varint(message, low, high)[0]
        elif tag & 7 == DELIMITED:
            yield tag >> 3, message[low:high]


def read_varints(payload: bytes) -> list[int]:
    """The numbers of a packed field; raises Malformed."""
    found, position = [], 0
    while position < len(payload):
        number, position = _read_varint(payload, position, len(payload))
        found.append(number)
    return found


def _read_varint(buffer: bytes, position: int, end: int) -> tuple[int, int]:
    """A number and the position after it."""
    value = shift = 0
    while position < end and shift < 70:
        byte = buffer[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    raise Malformed("a number is cut off" if shift < 70 else "a number has more than 10 bytes")


def encode_varint(value: int) -> bytes:
    """One number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return encode_varint(number << 3 | DELIMITED) + encode_varint(len(payload)) + payload
