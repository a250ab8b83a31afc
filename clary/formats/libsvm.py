"""libsvm text, as XGBoost's container takes it: `label[:weight] [qid:group] index:value ...`, a row a line.

An index is a column as it stands (0-based, as XGBoost reads such files): a file that counts from 1 leaves column 0
empty.

All numbers of a block are read by pyarrow as one column, after every separator has become a line's end; which number
is what follows from where the colons and the lines' ends are. Only a block that can't be read so, or that has comments,
is split in Python, to name the row and the word that are wrong.
"""

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from clary.errors import ClientError
from clary.formats.batch import Batch, ReadOptions, Sparse
from clary.formats.blocks import read_lines

BLOCK = 8 << 20
_TO_LINES = bytes.maketrans(b" \t\r\v\f:", b"\n" * 6)
_COMMENT = re.compile(rb"#[^\n]*")
_QID = re.compile(rb"\bqid:")
_BLANK = 32
"""The blank and every control character are separators."""


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
    has_groups = _QID.search(block) is not None
    numbers = _numbers(_QID.sub(b"-1:", block) if has_groups else block)  # -1 marks a qid among the indices
    if has_groups:
        block = _QID.sub(b"-1:", block)
    line_of, colons, is_first = _tokens(block)
    if numbers is None or (colons > 1).any() or len(numbers) != len(colons) + colons.sum():
        raise _describe(block, name, row)
    # The first number of each token, and the second where it has a colon.
    left = np.cumsum(colons + 1) - (colons + 1)
    labels, pairs = numbers[left[is_first]], ~is_first
    if (colons[pairs] != 1).any():
        raise _describe(block, name, row)
    keys, values, owner = numbers[left[pairs]], numbers[left[pairs] + 1], line_of[pairs]
    is_group = keys == -1
    if (keys != np.floor(keys)).any() or (keys < -1).any() or (is_group.any() and not has_groups):
        raise _describe(block, name, row)
    features = _compress(keys[~is_group], values[~is_group], owner[~is_group], len(labels), dtype)
    weights = _all_or_none(colons[is_first] == 1, "a weight", name, row)
    groups = _groups(values[is_group], owner[is_group], len(labels), name, row) if has_groups else None
    return Batch(
        features,
        labels.astype(np.float32),
        numbers[left[is_first] + 1].astype(np.float32) if weights else None,
        groups,
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


def _tokens(block: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each word: its line (blank ones not counted), how many colons it has, whether it is its line's first."""
    text = np.frombuffer(block, np.uint8)
    blank = text <= _BLANK
    starts = np.flatnonzero(~blank & np.concatenate([[True], blank[:-1]]))
    lines = np.cumsum(text == ord("\n"))[starts]
    is_first = np.concatenate([[True], lines[1:] != lines[:-1]])
    seen = np.concatenate([[0], np.cumsum(text == ord(":"))])
    colons = np.diff(seen[np.append(starts, len(text))])
    return np.cumsum(is_first) - 1, colons, is_first


def _compress(keys: np.ndarray, values: np.ndarray, owner: np.ndarray, rows: int, dtype: type) -> Sparse:
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=rows))]).astype(np.int64)
    indices = keys.astype(np.int64)
    return Sparse(indptr, indices, values.astype(dtype), int(indices.max(initial=-1)) + 1, exact=False)


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
            if not (index.isdecimal() or index == "-1") or not _is_number(value):
                return ClientError(f"{name}: row {here}: {pair[:40]!r} is not of the form index:value")
    return ClientError(f"{name}: rows from {row} on can't be read as libsvm")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
