"""NumPy's own file format in requests: plain numbers only, never anything pickled.

    "\\x93NUMPY", version (two bytes), length of the header (uint16, from version 2 on uint32),
    header {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }, the numbers

The header is taken apart here: `np.load` evaluates it as Python, and allocates whatever shape it claims.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import math
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from clary.errors import ClientError
from clary.formats.batch import Batch, ReadOptions, cast

MAGIC = b"\x93NUMPY"
_TYPE = re.compile(rb"'descr': *'([<>|=][fiub][1248])'")
_ORDER = re.compile(rb"'fortran_order': *(True|False)")
_SHAPE = re.compile(rb"'shape': *\(([0-9]{1,18}), *([0-9]{1,18})?,? *\)")


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Batch]:
    """One array of numbers, (n, d), or (d,) for a single row."""
    data = stream.read()
    wide = data[6:7] != b"\x01"
    start = 12 if wide else 10
    if not data.startswith(MAGIC) or len(data) < start:
        raise ClientError(f"{name} is not an array in npy format")
    end = start + struct.unpack_from("<I" if wide else "<H", data, 8)[0]
    header = data[start:end]
    kind, order, shape = _TYPE.search(header), _ORDER.search(header), _SHAPE.search(header)
    if kind is None or order is None or shape is None:
        raise ClientError(f"{name} must hold one array of numbers with 1 or 2 dimensions")
    dtype = np.dtype(kind[1].decode())
    sides = [int(side) for side in shape.groups() if side]
    if len(data) - end != math.prod(sides) * dtype.itemsize:
        raise ClientError(f"{name}: the array's header and the size of its numbers disagree")
    array = np.frombuffer(data, dtype, offset=end).reshape(sides, order="F" if order[1] == b"True" else "C")
    yield Batch(cast(np.ascontiguousarray(np.atleast_2d(array)), options.dtype))
