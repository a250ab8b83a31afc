"""NumPy's own file format in requests; never anything pickled."""

import io
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from clary.errors import ClientError
from clary.formats.batch import Batch, ReadOptions


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Batch]:
    """One array of numbers, (n, d), or (d,) for a single row."""
    try:
        array = np.load(io.BytesIO(stream.read()), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ClientError(f"{name} is not an array in npy format: {error}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub" or array.ndim not in (1, 2):
        raise ClientError(f"{name} must hold one array of numbers with 1 or 2 dimensions")
    yield Batch(np.atleast_2d(array).astype(options.dtype, copy=False))
