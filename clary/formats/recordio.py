"""RecordIO-protobuf, SageMaker's own training format: frames of one protobuf `Record` each.

A frame is the magic number 0xced7230a, the length, the record, and zeros up to a multiple of four; numbers are
little-endian. Records of dense floats that are written by one program all have the same size and differ only in
their numbers. So a block is first seen as a table of bytes, a record a row, and where every other byte agrees with the
first record the numbers are one strided view: no record is parsed at all. Other records (sparse, of changing size, with
their own uid) are walked one by one (`protobuf.py`) and their numbers decoded together (`records.py`).

Sources: the developer guide, "Common data formats for training"; the recordIO frame as MXNet describes it
(https://mxnet.apache.org/versions/1.9.1/api/faq/recordio).
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from clary.errors import ClientError
from clary.formats.batch import Batch, ReadOptions, Sparse, cast
from clary.formats.blocks import read_block
from clary.formats.protobuf import Malformed, Span
from clary.formats.record_spans import (
    FLOAT32,
    FLOAT64,
    INT32,
    KEYS,
    LABEL_KEYS,
    LABEL_VALUES,
    VALUES,
    find_spans,
    trace,
)
from clary.formats.records import HEADER, MAGIC, assemble, encode_rows, encode_sparse_rows

BLOCK = 4 << 20
SPLIT = 1 << 29
"""From here on the length's upper three bits are set: MXNet's mark of a record in parts."""
FEW = 16
"""A shorter run of like records isn't worth a view of its own."""


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Batch]:
    """The records of a stream as batches of a few MiB; raises ClientError naming file and record (from 1).

    Dense records give (n, d) features, sparse ones `Sparse`; a batch holds one kind.
    """
    rest, number, size = b"", 1, BLOCK
    while block := read_block(stream, size - len(rest)):
        block, position = rest + block, 0
        while (run := _read_run(block, position, name, number, options)) is not None:
            batches, position = run
            for batch in batches:
                number += len(batch)
                yield batch
        rest = block[position:]
        size = _next_size(rest, size)
    if rest:
        promise = f" of {HEADER.unpack_from(rest)[1]} bytes" if len(rest) >= HEADER.size else ""
        raise ClientError(
            f"{name}: record {number}{promise} is truncated: the file ends {len(rest)} bytes after it begins"
        )


def write_records(
    stream: BinaryIO, features: np.ndarray | Sparse, labels: np.ndarray | None = None, *, uid: str | None = None
) -> None:
    """Write rows with their labels, (n,) or (n, m), as SageMaker's SDK does.

    features: (n, d), float64 as Float64Tensor, all else as Float32Tensor; or Sparse, as Float32Tensor (without uid)
    """
    if isinstance(features, Sparse):
        stream.write(encode_sparse_rows(features, labels))
    else:
        stream.write(encode_rows({"values": features}, {} if labels is None else {"values": labels}, uid=uid))


def find_frames(block: bytes, name: str) -> np.ndarray:
    """(2, n): where the records of the whole frames of a block begin and end; raises ClientError for other bytes."""
    frames = _frames(block, 0, name, 1)
    first = next(frames, None)
    if first is None:
        return np.zeros((2, 0), np.int64)
    bounds = _find_frames(block, 0)
    return np.array([first, *frames], np.int64).T if bounds is None else bounds


class Layout(NamedTuple):
    """Where the numbers lie in every one of a run of like records, from the frame's start."""

    size: int
    features: Span
    features_kind: int
    label: Span | None
    label_kind: int

    def fixed(self) -> list[Span]:
        """The bytes between the numbers: what like records share."""
        numbers = sorted([self.features, self.label] if self.label else [self.features])
        ends = [0, *(end for _, end in numbers)]
        return list(zip(ends, [*(start for start, _ in numbers), self.size], strict=True))


def _read_run(
    block: bytes, position: int, name: str, number: int, options: ReadOptions
) -> tuple[Iterable[Batch], int] | None:
    """The next whole records of a block and the position after them; None when no whole one is left."""
    frames = _frames(block, position, name, number)
    first = next(frames, None)
    if first is None:
        return None
    batch = _read_like_records(block, position, first, options)
    if batch is not None:
        return [batch], position + len(batch) * _frame_size(first[1] - first[0])
    bounds = _find_frames(block, position)
    if bounds is None:
        bounds = np.array([first, *frames], np.int64).T
    start, end = bounds[:, -1].tolist()
    found = find_spans(block, bounds, name, number)
    return assemble(found, name, number, options), start - HEADER.size + _frame_size(end - start)


def _frames(block: bytes, position: int, name: str, number: int) -> Iterator[Span]:
    """The spans of the whole records from a position on."""
    while position + HEADER.size <= len(block):
        magic, length = HEADER.unpack_from(block, position)
        if magic != MAGIC:
            raise ClientError(
                f"{name}: record {number} does not begin with recordIO's magic number 0xced7230a but with "
                f"0x{magic:08x}; is this file recordIO-protobuf?"
            )
        if length >= SPLIT:
            raise ClientError(f"{name}: record {number} is a part of a split record; only whole records can be read")
        start = position + HEADER.size
        position += _frame_size(length)
        if position > len(block):
            return
        yield start, start + length
        number += 1


def _find_frames(block: bytes, position: int) -> np.ndarray | None:
    """What `_frames` yields, (2, n), found by the magic numbers; None where they aren't one frame after the other."""
    words = np.frombuffer(block, "<u4", (len(block) - position) // 4, position)
    places = np.flatnonzero(words[:-1] == MAGIC)
    starts = position + HEADER.size + 4 * places
    ends = starts + words[places + 1]
    after = ends + (-(ends - starts) & 3)
    headers = starts - HEADER.size
    if (after[:-1] != headers[1:]).any() or after[-1] + HEADER.size <= len(block) or (ends - starts >= SPLIT).any():
        return None  # numbers that look like a magic number, or something is wrong
    whole = after <= len(block)
    return np.stack([starts[whole], ends[whole]])


def _frame_size(length: int) -> int:
    return HEADER.size + (length + 3 & ~3)


def _next_size(rest: bytes, size: int) -> int:
    """How much to look at next: a whole number of records like the one begun, so that nothing is left over again."""
    if len(rest) < HEADER.size:
        return max(size, HEADER.size)
    frame = _frame_size(HEADER.unpack_from(rest)[1])
    return max(frame, BLOCK // frame * frame)


def _read_like_records(block: bytes, position: int, first: Span, options: ReadOptions) -> Batch | None:
    """The longest run of records that differ from the first in nothing but their numbers, unless it is short."""
    size = _frame_size(first[1] - first[0])
    rows = (len(block) - position) // size
    layout = _layout(block, position, first, size) if rows >= FEW else None
    if layout is None or (options.float32_only and layout.features_kind != FLOAT32):
        return None
    table = np.frombuffer(block, np.uint8, rows * size, position).reshape(rows, size)
    like = np.ones(rows, bool)
    for start, end in layout.fixed():
        same = table[:, start:end] == table[0, start:end]
        if not same.all():  # row by row it takes much longer, and it is hardly ever needed
            like &= same.all(axis=1)
    if layout.label and layout.label_kind == INT32:
        like &= table[:, layout.label[0]] < 128
    rows = rows if like.all() else int(like.argmin())
    if rows < FEW:
        return None
    features = cast(_numbers(table[:rows], layout.features, layout.features_kind), options.dtype)
    if layout.label is None:
        return Batch(features)
    labels = cast(_numbers(table[:rows], layout.label, layout.label_kind), np.float32)
    return Batch(features, labels[:, 0] if labels.shape[1] == 1 else labels)


def _layout(block: bytes, position: int, first: Span, size: int) -> Layout | None:
    """The layout of the first record, if its features are dense floats and its label, if any, is dense."""
    try:
        steps, (kind, label_kind) = leader = trace(block, *first)
    except Malformed:
        return None  # found again, and named, by find_spans
    spans = leader.spans()
    if kind not in (FLOAT32, FLOAT64) or spans[KEYS] or spans[LABEL_KEYS] or not steps:
        return None
    features, label = _only(spans[VALUES], kind, position), _only(spans[LABEL_VALUES], label_kind, position)
    if features is None or (label is None and spans[LABEL_VALUES]):
        return None
    return Layout(size, features, kind, label, label_kind)


def _only(spans: list[Span], kind: int, position: int) -> Span | None:
    """The one span, from the frame's start, if its numbers are all of one size: floats, or one small integer."""
    if len(spans) != 1 or kind not in (FLOAT32, FLOAT64, INT32):
        return None
    start, end = spans[0]
    whole = end - start == 1 if kind == INT32 else (end - start) % (4 if kind == FLOAT32 else 8) == 0
    return (start - position, end - position) if whole else None


def _numbers(table: np.ndarray, span: Span, kind: int) -> np.ndarray:
    """(n, d) of a column of bytes."""
    column = np.ascontiguousarray(table[:, span[0] : span[1]])
    return column if kind == INT32 else column.view("<f4" if kind == FLOAT32 else "<f8")
