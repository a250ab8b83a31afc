"""Parquet tables of numbers: label columns first, as XGBoost's container reads them."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from clary.errors import ClientError
from clary.formats.batch import Batch, ReadOptions, cast
from clary.formats.csv_text import split_columns

ROWS = 1 << 16


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Batch]:
    """The rows of a file as batches, a null as NaN; raises ClientError naming file and column (from 1).

    Parquet's index stands at the file's end, so it can't be read from a pipe.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not stream.seekable():
        raise ClientError(f"{name}: Parquet can't be read from a pipe; use File or FastFile mode")
    try:
        file = parquet.ParquetFile(stream)
        for batch in file.iter_batches(batch_size=ROWS):
            yield split_columns(_as_table(batch, name, options.dtype), name, options)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's; Arrow's own has no number
        raise ClientError(f"{name} is not a Parquet file: {error}") from None


def _as_table(batch: Any, name: str, dtype: type) -> np.ndarray:
    """(n, columns), a column at a time."""
    import pyarrow.types

    table = np.empty((batch.num_rows, batch.num_columns), dtype)
    for at, (field, column) in enumerate(zip(batch.schema, batch.columns, strict=True)):
        kind = field.type
        if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_boolean(kind)):
            raise ClientError(f"{name}: column {at + 1} ('{field.name}') is of type {kind}; a number is needed")
        table[:, at] = cast(column.to_numpy(zero_copy_only=False), dtype)
    return table
