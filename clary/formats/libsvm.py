"""libsvm text, as XGBoost's container takes it: `label[:weight] [qid:group] index:value ...`, a row a line.

An index is a column as it stands (0-based, as XGBoost reads such files): a file that counts from 1 leaves column 0
empty.

All numbers of a block are read by pyarrow as one column, after every separator has become a line's end; what each of
them is follows from the separator before it. Only a block that can't be read so is split in Python, to name the row and
the word that are wrong.
"""

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from clary.errors import ClientError
from clary.formats.batch import MOST_COLUMNS, Batch, ReadOptions, Sparse, cast
from clary.formats.blocks import read_lines

BLOCK = 8 << 20
_SEPARATORS = b" \t\r\v\f:"
_TO_LINES = bytes.maketrans(_SEPARATORS, b"\n" * len(_SEPARATORS))
_IS_SEPARATOR = np.isin(np.arange(256), list(_SEPARATORS + b"\n"))
_COMMENT = re.compile(rb"#[^\n]*")
_GROUP = b"-1:"
"""Stands for `qid:` once a block has been found to have any; no index is negative."""


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Batch]:
    """The rows of a stream as sparse batches of unknown width; raises ClientError naming file and row (from 1).

    Labels are always there; weights and groups where the rows name them (all rows or none).
    """
    row = 1
    for block in read_lines(stream, name, BLOCK):
        block = _COMMENT.sub(b"", block) if b"#" in block else block
        if block.strip():
            batch = _parse(block, name, row, options.dtype)
            row += len(batch)
            yield batch


def _parse(block: bytes, name: str, row: int, dtype: type) -> Batch:
    """A block of whole lines without comments."""
    has_groups = b"qid:" in block
    readable = block.replace(b"qid:", _GROUP) if has_groups else block
    numbers = _numbers(readable)
    first, after_colon = _places(readable)
    if numbers is None or len(numbers) != len(after_colon):
        raise _describe(block, name, row)
    weighted = np.append(after_colon, False)[first + 1] & (first + 1 < np.append(first[1:], len(numbers)))
    pairs = np.ones(len(numbers), bool)
    pairs[first] = pairs[first[weighted] + 1] = False
    is_value = after_colon[pairs]
    keys, values = numbers[pairs][0::2], numbers[pairs][1::2]
    lowest = -1 if has_groups else 0
    wrong_keys = (keys != np.floor(keys)).any() or (keys < lowest).any() or (keys >= MOST_COLUMNS).any()
    if after_colon[first].any() or len(is_value) % 2 or is_value[0::2].any() or not is_value[1::2].all() or wrong_keys:
        raise _describe(block, name, row)
    owner = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(numbers))))[pairs][0::2]
    inside = slice(None) if not has_groups else keys >= 0
    return Batch(
        _compress(keys[inside], values[inside], owner[inside], len(first), dtype),
        cast(numbers[first], np.float32),
        cast(numbers[first + 1], np.float32) if _all_or_none(weighted, "a weight", name, row) else None,
        _groups(values[keys < 0], owner[keys < 0], len(first), name, row) if has_groups else None,
    )


def _numbers(block: bytes) -> np.ndarray | None:
    """All numbers in a row, (count,) float64; None where a word is none."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    text = block.translate(_TO_LINES)
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(text),
            read_options=arrow_csv.ReadOptions(column_names=["number"], block_size=len(text) + 1),
            convert_options=arrow_csv.ConvertOptions(column_types={"number": pa.float64()}, null_values=[]),
        )
    except pa.ArrowInvalid:
        return None
    return np.asarray(table.column(0).to_numpy())


def _places(block: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Which words begin a line, (rows,) positions among all words, and of every word whether a colon is before it."""
    text = np.frombuffer(b"\n" + block, np.uint8)
    separates = _IS_SEPARATOR[text]
    starts = np.flatnonzero(separates[:-1] & ~separates[1:]) + 1
    first = np.unique(np.searchsorted(starts, np.flatnonzero(text == ord("\n"))))
    return first[first < len(starts)], text[starts - 1] == ord(":")


def _compress(keys: np.ndarray, values: np.ndarray, owner: np.ndarray, rows: int, dtype: type) -> Sparse:
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=rows))]).astype(np.int64)
    indices = keys.astype(np.int64)
    return Sparse(indptr, indices, cast(values, dtype), int(indices.max(initial=-1)) + 1, exact=False)


def _groups(values: np.ndarray, owner: np.ndarray, rows: int, name: str, row: int) -> np.ndarray:
    _all_or_none(np.bincount(owner, minlength=rows) > 0, "a qid", name, row)
    groups = np.zeros(rows, np.int64)
    groups[owner] = values
    return groups


def _all_or_none(present: np.ndarray, what: str, name: str, row: int) -> bool:
    if present.any() and not present.all():
        raise ClientError(
            f"{name}: row {row + int(present.argmin())} has no {what.split()[-1]}, other rows have {what}"
        )
    return bool(present.all())


def _describe(block: bytes, name: str, row: int) -> ClientError:
    """The error for a block that can't be read: the first word that is wrong."""
    lines = [line.split() for line in block.decode("utf-8", "replace").split("\n") if line.strip()]
    for here, (label, *pairs) in enumerate(lines, row):
        if not all(map(_is_number, label.split(":", 1))):
            return ClientError(f"{name}: row {here}: {label[:40]!r} is no label; a number or number:weight is needed")
        for pair in pairs:
            index, _, value = pair.partition(":")
            if not _is_index(index) or not _is_number(value):
                return ClientError(f"{name}: row {here}: {pair[:40]!r} is not of the form index:value")
    return ClientError(f"{name}: rows from {row} on can't be read as libsvm")


def _is_index(text: str) -> bool:
    return text == "qid" or (text.isdecimal() and len(text) <= 10 and int(text) < MOST_COLUMNS)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
