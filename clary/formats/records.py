"""Rows out of walked records, and records out of rows: all numbers of a block at once, no loop over values."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from clary.errors import ClientError
from clary.formats.batch import Batch, Sparse
from clary.formats.protobuf import (
    BYTES,
    FEATURES,
    FLOAT32,
    FLOAT64,
    INT32,
    KIND_NAMES,
    LABEL,
    Record,
    Span,
    Tensor,
    decode_varints,
    encode_field,
    encode_varint,
)

FIXED: dict[int, np.dtype] = {FLOAT32: np.dtype("<f4"), FLOAT64: np.dtype("<f8")}


def assemble(block: bytes, records: Sequence[Record], name: str, first: int, dtype: type) -> Iterator[Batch]:
    """Batches of walked records; neighbours of one form (dense or sparse, type, labelled or not) share one.

    `first` is the number of the first record, for errors. Features and label are the tensors named `values`.
    """
    for _, run in groupby(enumerate(records, first), lambda item: _form(item[1], name, item[0])):
        numbers, tensors, targets = [], [], []
        for number, (features, label) in run:
            numbers.append(number)
            tensors.append(features["values"])
            targets.append(label.get("values"))
        labels = _decode_labels(block, targets, name, numbers[0])
        if tensors[0].keys or not tensors[0].values:
            yield Batch(_decode_sparse(block, tensors, name, numbers[0], dtype), labels)
        else:
            yield Batch(_decode_dense(block, tensors, name, numbers[0], "values").astype(dtype, copy=False), labels)


def _form(record: Record, name: str, number: int) -> tuple[int, bool, int]:
    """What neighbours must share: type of the features, sparse or not, type of the label."""
    features, label = record
    tensor = features.get("values")
    if tensor is None:
        found = f"only {', '.join(map(repr, features))}" if features else "none"
        raise ClientError(f"{name}: record {number} needs a feature named 'values'; it has {found}")
    target = label.get("values")
    for part, one in (("feature", tensor), ("label", target)):
        if one is not None and one.kind == BYTES:
            raise ClientError(
                f"{name}: record {number}: the {part} 'values' is of type Bytes; Float32Tensor, Float64Tensor or "
                "Int32Tensor can be read"
            )
    if target is not None and target.keys:
        raise ClientError(f"{name}: record {number}: the label 'values' is sparse; only dense labels can be read")
    if not tensor.values and not tensor.shape:
        raise ClientError(f"{name}: record {number}: the feature 'values' is empty and names no shape")
    sparse = bool(tensor.keys) or not tensor.values
    return tensor.kind, sparse, target.kind if target is not None and target.values else 0


def _decode_labels(block: bytes, targets: Sequence[Tensor | None], name: str, first: int) -> np.ndarray | None:
    present = [target for target in targets if target is not None and target.values]
    if not present:
        return None
    labels = _decode_dense(block, present, name, first, "label").astype(np.float32, copy=False)
    return labels[:, 0] if labels.shape[1] == 1 else labels


def _decode_dense(block: bytes, tensors: Sequence[Tensor], name: str, first: int, what: str) -> np.ndarray:
    """(n, d) of the tensors' own type."""
    values, counts = _decode_values(block, tensors, name, first)
    odd = np.flatnonzero(counts != counts[0])
    if len(odd):
        noun = "label values" if what == "label" else "values"
        raise ClientError(
            f"{name}: record {first + odd[0]} has {counts[odd[0]]} {noun}, the one before it {counts[odd[0] - 1]}"
        )
    return values.reshape(len(tensors), -1)


def _decode_sparse(block: bytes, tensors: Sequence[Tensor], name: str, first: int, dtype: type) -> Sparse:
    values, counts = _decode_values(block, tensors, name, first)
    keys, key_counts = _decode_integers(block, [tensor.keys for tensor in tensors])
    odd = np.flatnonzero(counts != key_counts)
    if len(odd):
        at = odd[0]
        raise ClientError(f"{name}: record {first + at} has {key_counts[at]} keys and {counts[at]} values")
    widths = _widths(block, tensors)
    declared = widths[widths >= 0]
    width = int(declared.max()) if len(declared) else int(keys.max(initial=-1)) + 1
    exact = len(declared) == len(tensors)
    if len(declared) and (declared != width).any():
        at = int(np.flatnonzero((widths >= 0) & (widths != widths[0]))[0])
        raise ClientError(f"{name}: record {first + at} has the shape {widths[at]}, the one before it {widths[at - 1]}")
    owner = np.repeat(np.arange(len(tensors)), counts)
    outside = np.flatnonzero((keys < 0) | (keys >= (width if len(declared) else np.iinfo(np.int32).max)))
    if len(outside):
        at = owner[outside[0]]
        raise ClientError(f"{name}: record {first + at} has the key {keys[outside[0]]}, its shape is {width}")
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Sparse(indptr, keys, values.astype(dtype, copy=False), width, exact)


def _widths(block: bytes, tensors: Sequence[Tensor]) -> np.ndarray:
    """(n,) the product of each tensor's shape, -1 where it names none."""
    shapes, counts = _decode_integers(block, [tensor.shape for tensor in tensors])
    ends = np.cumsum(counts)
    if len(shapes) == len(tensors) and (counts == 1).all():
        return shapes
    parts = np.split(shapes, ends[:-1])
    return np.array([part.prod() if len(part) else -1 for part in parts], np.int64)


def _decode_values(block: bytes, tensors: Sequence[Tensor], name: str, first: int) -> tuple[np.ndarray, np.ndarray]:
    """All values of tensors of one type in a row, and how many each has."""
    kind = tensors[0].kind
    if kind == INT32:
        values, counts = _decode_integers(block, [tensor.values for tensor in tensors])
        return values.astype(np.int32), counts
    payload, sizes = _gather(block, [tensor.values for tensor in tensors])
    width = FIXED[kind].itemsize
    odd = np.flatnonzero(sizes % width)
    if len(odd):
        raise ClientError(
            f"{name}: record {first + odd[0]}: {sizes[odd[0]]} bytes are no whole number of {KIND_NAMES[kind]} values"
        )
    return np.frombuffer(payload, FIXED[kind]), sizes // width


def _decode_integers(block: bytes, spans: Sequence[list[Span]]) -> tuple[np.ndarray, np.ndarray]:
    """All varints of spans, int64, and how many each list of spans has."""
    payload, sizes = _gather(block, spans)
    data = np.frombuffer(payload, np.uint8)
    ended = np.concatenate([[0], np.cumsum(data < 128)])
    ends = np.cumsum(sizes)
    return decode_varints(data), ended[ends] - ended[ends - sizes]


def _gather(block: bytes, spans: Sequence[list[Span]]) -> tuple[bytes, np.ndarray]:
    """The bytes of spans in a row, and how many each list of spans has."""
    view = memoryview(block)
    payload = b"".join([view[start:end] for parts in spans for start, end in parts])
    sizes = np.array([sum([end - start for start, end in parts]) for parts in spans], np.int64)
    return payload, sizes


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
        places.append((len(record) - len(payload), values))
    record += encode_field(3, uid.encode()) if uid else b""
    frame = struct.pack("<II", 0xCED7230A, len(record)) + record + bytes(-len(record) % 4)
    table = np.tile(np.frombuffer(frame, np.uint8), (len(parts[0][2]), 1))
    for start, values in places:
        cells = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
        table[:, 8 + start : 8 + start + cells.shape[1]] = cells
    return table.tobytes()


def encode_sparse_rows(features: Sparse, labels: np.ndarray | None = None) -> bytes:
    """Frames of one sparse record a row, with the shape; labels are (n,) or (n, m)."""
    targets = None if labels is None else _as_table(labels)
    shape = encode_field(3, encode_varint(features.width))
    frames = []
    for row in range(features.rows):
        part = slice(features.indptr[row], features.indptr[row + 1])
        keys = b"".join(map(encode_varint, features.indices[part].tolist()))
        tensor = encode_field(1, features.values[part].astype("<f4").tobytes()) + encode_field(2, keys) + shape
        record = encode_field(FEATURES, encode_field(1, b"values") + encode_field(2, encode_field(FLOAT32, tensor)))
        if targets is not None:
            record += encode_field(LABEL, _encode_entry("values", targets.dtype, targets[row].tobytes()))
        frames.append(struct.pack("<II", 0xCED7230A, len(record)) + record + bytes(-len(record) % 4))
    return b"".join(frames)


def _as_table(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    values = values.astype("<f8" if values.dtype == np.float64 else "<f4", copy=False)
    return values.reshape(len(values), -1)


def _encode_entry(key: str, dtype: np.dtype, payload: bytes) -> bytes:
    kind = FLOAT64 if dtype.itemsize == 8 else FLOAT32
    return encode_field(1, key.encode()) + encode_field(2, encode_field(kind, encode_field(1, payload)))
