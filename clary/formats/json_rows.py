"""Requests in JSON and JSON lines, in every form that the developer guide shows ("Common request formats").

    {"instances": [INSTANCE, ...]}      application/json
    INSTANCE newline INSTANCE ...       application/jsonlines

An INSTANCE is `{"features": [1.5, 16]}`, `{"data": {"features": {"values": [1.5, 16]}}}` or, sparse,
`{"data": {"features": {"keys": [3, 8], "shape": [10], "values": [1, 4]}}}`.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import msgspec
import numpy as np

from clary.errors import ClientError
from clary.formats.batch import MOST_COLUMNS, Batch, ReadOptions, Sparse, cast

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Batch]:
    """The instances of one JSON document; raises ClientError naming the row."""
    if instances := parse_document(stream, name):
        yield _as_batch(instances, name, options.dtype)


def read_lines(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Batch]:
    """The instances of a text with one JSON document a line; raises ClientError naming the row."""
    if instances := parse_lines(stream, name):
        yield _as_batch(instances, name, options.dtype)


def parse_document(stream: BinaryIO, name: str) -> list[Any]:
    """What `{"instances": [...]}` holds."""
    try:
        document = msgspec.json.decode(stream.read())
    except NOT_JSON as error:
        raise ClientError(f"{name} is not JSON: {error}") from None
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        raise ClientError(f'{name} must be of the form {{"instances": [...]}}')
    return instances


def parse_lines(stream: BinaryIO, name: str) -> list[Any]:
    """The documents of a text with one a line."""
    try:
        return msgspec.json.Decoder().decode_lines(stream.read())
    except NOT_JSON as error:
        raise ClientError(f"{name} is not JSON lines: {error}") from None


def _as_batch(instances: Sequence[Any], name: str, dtype: type) -> Batch:
    elements = [element_of(instance, f"{name}: row {row}") for row, instance in enumerate(instances, 1)]
    if any(isinstance(element, dict) and "keys" in element for element in elements):
        return Batch(_as_sparse(elements, name, dtype))
    rows = [element["values"] if isinstance(element, dict) else element for element in elements]
    check_lengths(rows, name)
    return Batch(_as_numbers(rows, name, dtype))


def element_of(instance: Any, place: str) -> Any:
    """An instance's data element: a list of values, or a dict of values with keys and shape."""
    data = instance.get("data", instance) if isinstance(instance, dict) else None
    element = data.get("features") if isinstance(data, dict) else None
    values = element.get("values") if isinstance(element, dict) else element
    if not isinstance(values, list):
        raise ClientError(f'{place} must be {{"features": [...]}} or {{"data": {{"features": {{"values": [...]}}}}}}')
    return element


def check_lengths(rows: Sequence[list[Any]], name: str) -> None:
    """Raise ClientError for the first row that isn't as long as the first one."""
    for row, values in enumerate(rows, 1):
        if len(values) != len(rows[0]):
            raise ClientError(f"{name}: row {row} has {len(values)} columns, the rows before it have {len(rows[0])}")


def _as_numbers(rows: Any, name: str, dtype: type) -> np.ndarray:
    """(n, d), or (n,) of one list. Words are refused, though numpy would read them."""
    try:
        numbers = np.array(rows)
    except ValueError:
        numbers = np.array(None)
    if numbers.dtype.kind not in "fiub" and numbers.size:
        raise ClientError(_name_the_word(rows, name))
    return cast(numbers, dtype)


def _name_the_word(rows: Any, name: str) -> str:
    for row, values in enumerate(rows, 1):
        for column, value in enumerate(values if isinstance(values, list) else [values], 1):
            if not isinstance(value, int | float):
                return f"{name}: row {row}, column {column}: {str(value)[:40]!r} is not a number"
    return f"{name} has values that are no numbers"


def _as_sparse(elements: Sequence[Any], name: str, dtype: type) -> Sparse:
    parts = [_sparse_parts(element, f"{name}: row {row}") for row, element in enumerate(elements, 1)]
    widths = [width for _, _, width in parts]
    for row, width in enumerate(widths, 1):
        if width != widths[0]:
            raise ClientError(f"{name}: row {row} has the shape {width}, the rows before it have {widths[0]}")
    keys = [key for row, _, _ in parts for key in row]
    values = _as_numbers([value for _, row, _ in parts for value in row], name, dtype)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row, _, _ in parts])]).astype(np.int64)
    return Sparse(indptr, np.array(keys, np.int64), values, widths[0])


def _sparse_parts(element: Any, place: str) -> tuple[list[int], list[Any], int]:
    """Keys, values and width of one row, dense rows included."""
    values = element["values"] if isinstance(element, dict) else element
    if not isinstance(element, dict) or "keys" not in element:
        return list(range(len(values))), values, len(values)
    keys, shape = element["keys"], element.get("shape")
    if not isinstance(shape, list) or not shape or not all(isinstance(side, int) and side > 0 for side in shape):
        raise ClientError(f'{place}: a sparse row needs its "shape", a list of positive whole numbers')
    width = math.prod(shape)
    if width > MOST_COLUMNS:
        raise ClientError(f"{place}: the shape {shape} has more than {MOST_COLUMNS} columns")
    if not isinstance(keys, list) or len(keys) != len(values):
        raise ClientError(f"{place} needs as many keys as values")
    for key in keys:
        if not isinstance(key, int) or not 0 <= key < width:
            raise ClientError(f"{place}: the key {key!r} is not between 0 and {width - 1}")
    return keys, values, width
