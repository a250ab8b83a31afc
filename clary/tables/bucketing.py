"""The bucket of a row as Hive computes it (version 1), so that bucketed files fit those of Hive and Trino.

Source: Hive's `ObjectInspectorUtils.hashCode` and `getBucketNumber`; all numbers wrap around at 32 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clary.errors import ClientError
from clary.tables.hive_types import HiveType

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Hashes = Any  # numpy array (n,) of int32

_WHOLE = ("tinyint", "smallint", "int", "date")


def buckets_of(columns: Sequence[pa.Array], types: Sequence[HiveType], count: int) -> Hashes:
    """The bucket of each row, from 0 to count - 1, shape (n,)."""
    import numpy as np

    whole = np.zeros(len(columns[0]), np.int32)
    with np.errstate(over="ignore"):
        for column, hive in zip(columns, types, strict=True):
            whole = whole * np.int32(31) + hashes_of(column, hive)
    return (whole & np.int32(0x7FFFFFFF)) % np.int32(count)


def check_bucket_type(hive: HiveType) -> None:
    """ClientError for a type that Hive's buckets can't be computed of, as Trino can't."""
    if hive.name in ("decimal", "struct", "binary", "char", "timestamp"):
        raise ClientError(f"NOT_SUPPORTED: Cannot bucket by a column of the type {hive}")
    for child in hive.children:
        check_bucket_type(child)


def hashes_of(column: pa.Array, hive: HiveType) -> Hashes:
    """The hash of each value, shape (n,); 0 for null."""
    import numpy as np

    if hive.name in ("array", "map"):
        hashes = _nested(column, hive)
    elif hive.name in ("string", "varchar"):
        hashes = _texts(column, seed=0 if hive.name == "string" else 1)
    elif hive.name in _WHOLE:
        hashes = _numbers(column.cast("int32")).astype(np.int32)
    elif hive.name == "boolean":
        hashes = _numbers(column.cast("int8")).astype(np.int32)
    elif hive.name == "bigint":
        hashes = _folded(_numbers(column))
    elif hive.name == "float":
        hashes = _one_nan(_numbers(column).astype(np.float32)).view(np.int32)
    elif hive.name == "double":
        hashes = _folded(_one_nan(_numbers(column).astype(np.float64)).view(np.int64))
    else:
        raise ClientError(f"NOT_SUPPORTED: Cannot bucket by a column of the type {hive}")
    return np.where(_nulls(column), np.int32(0), hashes) if column.null_count else hashes


def _numbers(column: pa.Array) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = column.fill_null(0).to_numpy(zero_copy_only=False)
    return found


def _one_nan(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Java has one NaN where IEEE has many."""
    import numpy as np

    return np.where(np.isnan(numbers), numbers.dtype.type("nan"), numbers)


def _nulls(column: pa.Array) -> np.ndarray[Any, Any]:
    nulls: np.ndarray[Any, Any] = column.is_null().to_numpy(zero_copy_only=False)
    return nulls


def _folded(numbers: np.ndarray[Any, Any]) -> Hashes:
    """A long's hash: its halves combined."""
    import numpy as np

    bits = numbers.view(np.uint64)
    return (bits ^ (bits >> np.uint64(32))).astype(np.uint32).view(np.int32)


def _texts(column: pa.Array, seed: int) -> Hashes:
    """31 * hash + byte, over the signed bytes of the UTF-8; a position of all texts at a time."""
    import numpy as np
    import pyarrow as pa

    binary = column.cast(pa.large_binary()).fill_null(b"")
    offsets = np.frombuffer(binary.buffers()[1], np.int64)[binary.offset : binary.offset + len(binary) + 1]
    data = np.frombuffer(binary.buffers()[2] or b"", np.int8)
    starts, lengths = offsets[:-1], np.diff(offsets)
    hashes = np.full(len(binary), seed, np.int32)
    rows = np.argsort(-lengths, kind="stable")  # those that are long enough stand first
    sizes = -lengths[rows]
    with np.errstate(over="ignore"):
        for position in range(int(lengths.max(initial=0))):
            rows = rows[: np.searchsorted(sizes[: len(rows)], -position, side="left")]
            hashes[rows] = hashes[rows] * np.int32(31) + data[starts[rows] + position]
    return hashes


def _nested(column: pa.Array, hive: HiveType) -> Hashes:
    """A list: 31 * hash + item. A map: the sum of its keys' hashes, each xor its value's."""
    import numpy as np

    offsets = column.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    found = np.zeros(len(column), np.int32)
    with np.errstate(over="ignore"):
        if hive.name == "map":
            keys = hashes_of(column.keys[first:last], hive.children[0])
            items = keys ^ hashes_of(column.items[first:last], hive.children[1])
        else:
            items = hashes_of(column.values[first:last], hive.children[0])
        for row in range(len(column)):
            for item in items[offsets[row] - first : offsets[row + 1] - first]:
                found[row] = found[row] + item if hive.name == "map" else found[row] * np.int32(31) + item
    return found
