"""Rows out of the spans of records, and records out of rows: all numbers of a block at once, no loop over values."""

import struct
from collections.abc import Iterator, Mapping

import numpy as np

from clary.errors import ClientError
from clary.formats.batch import Batch, ReadOptions, Sparse, cast
from clary.formats.protobuf import encode_field, encode_varint
from clary.formats.record_spans import (
    BYTES,
    FEATURES,
    FLOAT32,
    FLOAT64,
    INT32,
    KEYS,
    KIND_NAMES,
    LABEL,
    LABEL_KEYS,
    LABEL_VALUES,
    SHAPE,
    VALUES,
    Spans,
    iterate_runs,
)
from clary.formats.varints import decode_varints

MAGIC = 0xCED7230A
HEADER = struct.Struct("<II")
FIXED: dict[int, np.dtype] = {FLOAT32: np.dtype("<f4"), FLOAT64: np.dtype("<f8")}


def assemble(spans: Spans, name: str, first: int, options: ReadOptions) -> Iterator[Batch]:
    """Batches of records; neighbours of one form (dense or sparse, type, labelled or not) share one.

    `first` is the number of the first record, for errors. Features and label are the tensors named `values`.
    """
    _check_kinds(spans, name, first, options.float32_only)
    lengths = spans.end - spans.start
    sparse = (lengths[KEYS] > 0) | (lengths[VALUES] == 0)
    labelled = np.where(lengths[LABEL_VALUES] > 0, spans.kinds[1], 0)
    for start, stop in iterate_runs(np.stack([spans.kinds[0], sparse, labelled])):
        run, number = spans.rows(start, stop), first + start
        decode = _decode_sparse if sparse[start] else _decode_features
        labels = _decode_dense(run, LABEL_VALUES, name, number) if labelled[start] else None
        if labels is not None:
            labels = cast(labels, np.float32)
            labels = labels[:, 0] if labels.shape[1] == 1 else labels
        yield Batch(decode(run, name, number, options.dtype), labels)


def _check_kinds(spans: Spans, name: str, first: int, float32_only: bool) -> None:
    """Raise ClientError for the first record without the feature `values`, or whose tensors can't be read."""
    lengths = spans.end - spans.start
    feature, label = spans.kinds
    problems = [
        (feature == 0, "has no feature named 'values'"),
        (
            feature == BYTES,
            "has a feature 'values' of type Bytes; Float32Tensor, Float64Tensor or Int32Tensor is needed",
        ),
        (label == BYTES, "has a label 'values' of type Bytes; Float32Tensor, Float64Tensor or Int32Tensor is needed"),
        (
            (feature != FLOAT32) & float32_only,
            "has a feature 'values' of another type than Float32Tensor, the only one that the algorithm takes",
        ),
        (lengths[LABEL_KEYS] > 0, "has a sparse label; only dense labels can be read"),
        ((lengths[VALUES] == 0) & (lengths[SHAPE] == 0), "has no values in its feature 'values', and no shape"),
    ]
    for wrong, sentence in problems:
        if wrong.any():
            raise ClientError(f"{name}: record {first + int(wrong.argmax())} {sentence}")


def _decode_features(spans: Spans, name: str, first: int, dtype: type) -> np.ndarray:
    return cast(_decode_dense(spans, VALUES, name, first), dtype)


def _decode_dense(spans: Spans, slot: int, name: str, first: int) -> np.ndarray:
    """(n, d) of the tensors' own type."""
    values, counts = _decode_values(spans, slot, name, first)
    odd = np.flatnonzero(counts != counts[0])
    if len(odd):
        noun, at = "values" if slot == VALUES else "label values", int(odd[0])
        raise ClientError(f"{name}: record {first + at} has {counts[at]} {noun}, the one before it {counts[at - 1]}")
    return values.reshape(len(counts), -1)


def _decode_sparse(spans: Spans, name: str, first: int, dtype: type) -> Sparse:
    values, counts = _decode_values(spans, VALUES, name, first)
    keys, key_counts = _decode_integers(spans, KEYS)
    odd = np.flatnonzero(counts != key_counts)
    if len(odd):
        at = int(odd[0])
        raise ClientError(f"{name}: record {first + at} has {key_counts[at]} keys and {counts[at]} values")
    width, exact = _width(spans, keys, name, first)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    outside = np.flatnonzero((keys < 0) | (keys >= width))
    if len(outside):
        at = int(np.searchsorted(indptr, outside[0], side="right")) - 1
        raise ClientError(f"{name}: record {first + at} has the key {keys[outside[0]]}, its shape is {width}")
    return Sparse(indptr, keys, cast(values, dtype), width, exact)


def _width(spans: Spans, keys: np.ndarray, name: str, first: int) -> tuple[int, bool]:
    """The columns that all records agree on; where none names a shape, those the keys need, and False."""
    shapes, counts = _decode_integers(spans, SHAPE)
    if (counts == 1).all():
        widths = shapes
    else:
        widths = np.array([part.prod() if len(part) else -1 for part in np.split(shapes, np.cumsum(counts)[:-1])])
    odd = np.flatnonzero(widths != widths[0])
    if len(odd):
        at = int(odd[0])
        shown = ["no shape" if width < 0 else f"the shape {width}" for width in (widths[at], widths[at - 1])]
        raise ClientError(f"{name}: record {first + at} has {shown[0]}, the one before it {shown[1]}")
    return (int(widths[0]), True) if widths[0] >= 0 else (int(keys.max(initial=-1)) + 1, False)


def _decode_values(spans: Spans, slot: int, name: str, first: int) -> tuple[np.ndarray, np.ndarray]:
    """All values of tensors of one type in a row, and how many each has."""
    kind = int(spans.kinds[0 if slot == VALUES else 1, 0])
    if kind == INT32:
        values, counts = _decode_integers(spans, slot)
        return values.astype(np.int32), counts
    sizes = spans.end[slot] - spans.start[slot]
    width = FIXED[kind].itemsize
    odd = np.flatnonzero(sizes % width)
    if len(odd):
        at = int(odd[0])
        raise ClientError(f"{name}: record {first + at}: {sizes[at]} bytes are no whole {KIND_NAMES[kind]} values")
    return np.frombuffer(_gather(spans, slot), FIXED[kind]), sizes // width


def _decode_integers(spans: Spans, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """All varints of a slot in a row, int64, and how many each record has."""
    data = np.frombuffer(_gather(spans, slot), np.uint8)
    ended = np.concatenate([[0], np.cumsum(data < 128)])
    sizes = spans.end[slot] - spans.start[slot]
    ends = np.cumsum(sizes)
    return decode_varints(data), ended[ends] - ended[ends - sizes]


def _gather(spans: Spans, slot: int) -> bytes:
    """The bytes of a slot's spans in a row."""
    buffer = spans.buffer
    return b"".join(
        [buffer[start:end] for start, end in zip(spans.start[slot].tolist(), spans.end[slot].tolist(), strict=True)]
    )


def encode_rows(
    features: Mapping[str, np.ndarray], label: Mapping[str, np.ndarray], *, uid: str | None = None
) -> bytes:
    """Frames of one record a row: each member is (n,) or (n, m) float32 (float64 stays float64).

    One record is laid out by hand, then the rows' numbers are set into a table of copies of it.
    """
    parts = [(FEATURES, key, _as_table(values)) for key, values in features.items()]
    parts += [(LABEL, key, _as_table(values)) for key, values in label.items()]
    record, places = b"", []
    for field, key, values in parts:
        payload = bytes(values.shape[1] * values.dtype.itemsize)
        record += encode_field(field, _encode_entry(key, values.dtype, payload))
        places.append((HEADER.size + len(record) - len(payload), values))
    record += encode_field(3, uid.encode()) if uid else b""
    table = np.tile(np.frombuffer(encode_frame(record), np.uint8), (len(parts[0][2]), 1))
    for start, values in places:
        cells = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
        table[:, start : start + cells.shape[1]] = cells
    return table.tobytes()


def encode_sparse_rows(features: Sparse, labels: np.ndarray | None = None) -> bytes:
    """Frames of one sparse record a row, with the shape; labels are (n,) or (n, m)."""
    targets = None if labels is None else _as_table(labels)
    shape = encode_field(3, encode_varint(features.width))
    frames = []
    for row in range(features.rows):
        part = slice(features.indptr[row], features.indptr[row + 1])
        keys = b"".join(map(encode_varint, features.indices[part].tolist()))
        tensor = encode_field(1, cast(features.values[part], "<f4").tobytes()) + encode_field(2, keys) + shape
        record = encode_field(FEATURES, encode_field(1, b"values") + encode_field(2, encode_field(FLOAT32, tensor)))
        if targets is not None:
            record += encode_field(LABEL, _encode_entry("values", targets.dtype, targets[row].tobytes()))
        frames.append(encode_frame(record))
    return b"".join(frames)


def encode_frame(record: bytes) -> bytes:
    """A record in its frame."""
    return HEADER.pack(MAGIC, len(record)) + record + bytes(-len(record) % 4)


def _as_table(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    values = cast(values, "<f8" if values.dtype == np.float64 else "<f4")
    return values.reshape(len(values), -1)


def _encode_entry(key: str, dtype: np.dtype, payload: bytes) -> bytes:
    kind = FLOAT64 if dtype.itemsize == 8 else FLOAT32
    return encode_field(1, key.encode()) + encode_field(2, encode_field(kind, encode_field(1, payload)))
