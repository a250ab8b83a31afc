"""The protobuf wire form of SageMaker's `aialgs.data.Record`, as far as it is spans of bytes.

    Record        { map<string, Value> features = 1; map<string, Value> label = 2;
                    string uid = 3; string metadata = 4; string configuration = 5 }
    Value         { oneof { Float32Tensor = 2, Float64Tensor = 3, Int32Tensor = 7, Bytes = 9 } }
    <Type>Tensor  { repeated values = 1; repeated uint64 keys = 2; repeated uint64 shape = 3 }   packed, or one by one
    Bytes         { repeated bytes value = 1; string content_type = 2 }

A record is walked once, in Python, field by field; the numbers inside stay where they are. What comes out are spans
(start, end), which `records.py` reads with numpy, all rows of a block at once. The bytes of a packed field are those of
the same field written one by one, joined: a list of spans covers both.

Sources: the message as the developer guide prints it ("Common data formats for training"), and the encoding as
https://protobuf.dev/programming-guides/encoding/ describes it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

FEATURES, LABEL = 1, 2
FLOAT32, FLOAT64, INT32, BYTES = 2, 3, 7, 9
KIND_NAMES = {FLOAT32: "Float32Tensor", FLOAT64: "Float64Tensor", INT32: "Int32Tensor", BYTES: "Bytes"}

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

Span = tuple[int, int]


class Malformed(ValueError):
    """These bytes are no Record; the text says why."""


class Tensor(NamedTuple):
    """Where a tensor's numbers lie in the buffer."""

    kind: int
    values: list[Span]
    keys: list[Span]
    shape: list[Span]


class Record(NamedTuple):
    """A record's tensors by name."""

    features: dict[str, Tensor]
    label: dict[str, Tensor]


def walk_record(buffer: bytes, start: int, end: int) -> Record:
    """The tensors of the record in `buffer[start:end]`; raises Malformed."""
    record = Record({}, {})
    for number, wire, low, high in walk_fields(buffer, start, end):
        if wire == DELIMITED and number in (FEATURES, LABEL):
            key, tensor = _walk_entry(buffer, low, high)
            (record.features if number == FEATURES else record.label)[key] = tensor
    return record


def _walk_entry(buffer: bytes, start: int, end: int) -> tuple[str, Tensor]:
    key, tensor = "", Tensor(FLOAT32, [], [], [])
    for number, wire, low, high in walk_fields(buffer, start, end):
        if number == 1 and wire == DELIMITED:
            key = buffer[low:high].decode("utf-8", "replace")
        elif number == 2 and wire == DELIMITED:
            for kind, _, inner, outer in walk_fields(buffer, low, high):
                if kind in KIND_NAMES:
                    tensor = _walk_tensor(buffer, kind, inner, outer)
    return key, tensor


def _walk_tensor(buffer: bytes, kind: int, start: int, end: int) -> Tensor:
    values, keys, shape = [], [], []  # type: list[Span], list[Span], list[Span]
    for number, _, low, high in walk_fields(buffer, start, end):
        if high > low and 1 <= number <= 3:
            (values, keys, shape)[number - 1].append((low, high))
    return Tensor(kind, values, keys, shape)


def walk_fields(buffer: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Every field of a message: its number, its wire type and the span of its contents."""
    position = start
    while position < end:
        tag, position = _varint(buffer, position, end)
        wire = tag & 7
        if wire == DELIMITED:
            length, low = _varint(buffer, position, end)
            position = low + length
        elif wire == FIXED32:
            low, position = position, position + 4
        elif wire == FIXED64:
            low, position = position, position + 8
        elif wire == VARINT:
            low = position
            _, position = _varint(buffer, position, end)
        else:
            raise Malformed(f"it has a field of the unknown wire type {wire}")
        if position > end:
            raise Malformed("a field runs past its end")
        yield tag >> 3, wire, low, position


def _varint(buffer: bytes, position: int, end: int) -> tuple[int, int]:
    if position < end and (byte := buffer[position]) < 128:  # nearly always
        return byte, position + 1
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise Malformed("a number is cut off")
        byte = buffer[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise Malformed("a number has more than 10 bytes")


def decode_varints(payload: np.ndarray) -> np.ndarray:
    """All varints of a byte array at once, int64; the payload ends with a number's last byte."""
    last = payload < 128
    if last.all():
        return payload.astype(np.int64)
    starts = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    lengths = np.diff(np.append(starts, len(payload)))
    place = np.arange(len(payload)) - np.repeat(starts, lengths)
    groups = (payload & 127).astype(np.uint64) << (7 * place).astype(np.uint64)
    return np.add.reduceat(groups, starts).astype(np.int64)


def encode_varint(value: int) -> bytes:
    """One varint; a negative number takes ten bytes, as int32 fields have it."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return encode_varint(number << 3 | DELIMITED) + encode_varint(len(payload)) + payload
