"""Apache MXNet's NDArray list files: what `mx.nd.load('model_algo-1')` reads and SageMaker's algorithms write.

    uint64 0x112, uint64 0
    uint64 count, then each array
    uint64 count of names (0: none), then each as uint64 length and bytes

    An array, as MXNet 1.x writes it (V2):
    uint32 0xF993fac9, int32 storage type (0: dense), uint32 dimensions, int64 each side,
    int32 device type (1: cpu), int32 device number, int32 type flag, the numbers in C order

V1 (0xF993fac8) has no storage type; V3 (0xF993faca) writes the dimensions as int32 and means the same; before V1 the
first number is the dimensions and the sides are uint32. All numbers are little-endian.

Source: NDArray::Save and NDArray::Load of MXNet 1.9 (https://github.com/apache/mxnet, src/ndarray/ndarray.cc).
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clary.errors import ClientError

LIST_MAGIC = 0x112
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
CPU = 1
DTYPES: tuple[np.dtype, ...] = tuple(map(np.dtype, ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8", "?")))
"""By type flag."""
MOST_DIMENSIONS = 32


def save(path: Path, arrays: Mapping[str, np.ndarray] | Sequence[np.ndarray]) -> None:
    """Write arrays with their names, or a list of arrays without names; types other than DTYPES become float32."""
    path.write_bytes(encode(arrays))


def encode(arrays: Mapping[str, np.ndarray] | Sequence[np.ndarray]) -> bytes:
    """What `save` writes."""
    names = list(arrays) if isinstance(arrays, Mapping) else []
    values = list(arrays.values() if isinstance(arrays, Mapping) else arrays)
    parts = [
        struct.pack("<QQQ", LIST_MAGIC, 0, len(values)),
        *map(_encode_array, values),
        struct.pack("<Q", len(names)),
    ]
    parts += [struct.pack("<Q", len(name.encode())) + name.encode() for name in names]
    return b"".join(parts)


def load(path: Path) -> dict[str, np.ndarray] | list[np.ndarray]:
    """Read arrays by name, or as a list where the file has no names; raises ClientError naming the file."""
    return decode(path.read_bytes(), path.name)


def decode(data: bytes, name: str) -> dict[str, np.ndarray] | list[np.ndarray]:
    """What `load` reads, from bytes; `name` is what errors show."""
    reader = _Reader(data, name)
    magic, _, count = reader.unpack("<QQQ")
    if magic != LIST_MAGIC:
        raise ClientError(f"{name} is not a list of MXNet arrays: it begins with 0x{magic:x}, not 0x112")
    arrays = [_decode_array(reader) for _ in range(count)]
    names = [reader.take(*reader.unpack("<Q")).decode("utf-8", "replace") for _ in range(*reader.unpack("<Q"))]
    if names and len(names) != len(arrays):
        raise ClientError(f"{name} has {len(arrays)} arrays and {len(names)} names")
    return dict(zip(names, arrays, strict=True)) if names else arrays


def _encode_array(array: np.ndarray) -> bytes:
    array = np.atleast_1d(array)  # MXNet knows no array without dimensions
    kind = array.dtype.newbyteorder("<")
    if kind not in DTYPES:
        array, kind = array.astype("<f4"), DTYPES[0]
    head = struct.pack("<IiI", V2, 0, array.ndim) + struct.pack(f"<{array.ndim}q", *array.shape)
    return head + struct.pack("<iii", CPU, 0, DTYPES.index(kind)) + np.ascontiguousarray(array, kind).tobytes()


def _decode_array(reader: "_Reader") -> np.ndarray:
    (version,) = reader.unpack("<I")
    if version in (V2, V3):
        (storage,) = reader.unpack("<i")
        if storage:
            raise ClientError(f"{reader.name} holds a sparse MXNet array; only dense ones can be read")
    dimensions = reader.unpack("<I")[0] if version in (V1, V2, V3) else version
    if dimensions > MOST_DIMENSIONS:
        raise ClientError(f"{reader.name} is not a list of MXNet arrays: an array of {dimensions} dimensions")
    shape = reader.unpack(f"<{dimensions}{'q' if version in (V1, V2, V3) else 'I'}")
    if not shape and version != V3:
        return np.empty(0, np.float32)  # MXNet's array that was never filled
    _, _, flag = reader.unpack("<iii")
    if not 0 <= flag < len(DTYPES):
        raise ClientError(f"{reader.name} holds an MXNet array of the unknown type {flag}")
    if min(shape, default=0) < 0:
        raise ClientError(f"{reader.name} holds an MXNet array with the shape {shape}")
    size = DTYPES[flag].itemsize
    for side in shape:
        size *= side  # Python's own integers: a hostile shape can't overflow
    return np.frombuffer(reader.take(size), DTYPES[flag]).reshape(shape).copy()


class _Reader:
    """Bytes with a position."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.position = data, name, 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if self.position + size > len(self.data):
            raise ClientError(
                f"{self.name} is cut off: {self.position + size} bytes are needed, it has {len(self.data)}"
            )
        self.position += size
        return self.data[self.position - size : self.position]

    def unpack(self, form: str) -> tuple[Any, ...]:
        """The next numbers, as the struct module names them."""
        return struct.unpack(form, self.take(struct.calcsize(form)))
