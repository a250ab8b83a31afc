"""CSV of numbers: no header, label columns first, fields quoted or not (RFC 4180).

pyarrow parses a block of lines at a time. Where it can't, the same block is read again line by line with Python's own
reader: that one takes what pyarrow doesn't (`+1.5`, blanks around), or knows the row and the column that are wrong.
Small texts and few rows, such as a request's one, are split in Python: pyarrow takes a millisecond to begin with, and
again for every hundred columns.
"""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import msgspec
import numpy as np

from clary.errors import ClientError
from clary.formats.batch import Batch, ReadOptions, cast
from clary.formats.blocks import read_lines

BLOCK = 8 << 20
SMALL, FEW = 16 << 10, 16
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE)
_JSON_ROWS = msgspec.json.Decoder(list[list[float]])
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Batch]:
    """The rows of a stream as batches; raises ClientError naming file, row and column (both from 1).

    An empty field is NaN. Blank lines are skipped and don't count as rows.
    """
    row, delimiter = 1, ""
    for block in read_lines(stream, name, BLOCK):
        if not delimiter:
            block = block.removeprefix(BYTE_ORDER_MARK)
            delimiter = _find_delimiter(block, options.delimiters)
        table = parse_table(block, delimiter, name, row, options.dtype)
        if len(table):
            row += len(table)
            yield split_columns(table, name, options)


def split_columns(table: np.ndarray, name: str, options: ReadOptions) -> Batch:
    """Label columns, a weight column where asked for, and the rest."""
    first = options.leading_columns
    if table.shape[1] <= first:
        wanted = f"{options.label_columns} label column(s)" + (", a weight" if options.weights else "")
        raise ClientError(f"{name}: {table.shape[1]} column(s) are too few for {wanted} and at least one feature")
    if not first:
        return Batch(table)
    labels = cast(table[:, : options.label_columns], np.float32)
    return Batch(
        table[:, first:],
        None if not options.label_columns else labels[:, 0] if options.label_columns == 1 else labels,
        cast(table[:, first - 1], np.float32) if options.weights else None,
    )


def parse_table(block: bytes, delimiter: str, name: str, row: int, dtype: type) -> np.ndarray:
    """(n, columns) of a block of whole lines; `row` is the first one's number."""
    small = len(block) <= SMALL or block.count(b"\n") <= FEW
    try:
        return _parse_small(block, delimiter, dtype) if small else _parse(block, delimiter, dtype)
    except ValueError:  # pyarrow's ArrowInvalid is one
        return _parse_carefully(block, delimiter, name, row, dtype)


def _find_delimiter(block: bytes, candidates: str) -> str:
    """The first candidate that the first line has."""
    line = block[: block.find(b"\n") + 1 or len(block)].strip()
    return next((mark for mark in candidates if mark.encode() in line), candidates[0])


def _parse_small(block: bytes, delimiter: str, dtype: type) -> np.ndarray:
    lines = [line for line in block.split(b"\n") if line and not line.isspace()]
    if delimiter == ",":  # what most programs write are JSON's numbers too, and msgspec reads these ten times as fast
        with suppress(msgspec.DecodeError):
            rows = _JSON_ROWS.decode(b"[[" + b"],[".join(lines) + b"]]")
            if len(rows) == len(lines):  # else a line has brackets of its own
                return cast(rows, dtype)
    if b"_" in block:  # Python reads 1_000 as a number
        raise ValueError
    mark = delimiter.encode()
    return cast([list(map(float, line.split(mark))) for line in lines], dtype)


def _parse(block: bytes, delimiter: str, dtype: type) -> np.ndarray:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    line = block.lstrip(b"\r\n")
    columns = line[: line.find(b"\n") + 1 or len(line)].count(delimiter.encode()) + 1
    kind = pa.from_numpy_dtype(np.dtype(dtype))
    table = arrow_csv.read_csv(
        io.BytesIO(block),
        read_options=arrow_csv.ReadOptions(autogenerate_column_names=True, block_size=len(block) + 1),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
        convert_options=arrow_csv.ConvertOptions(
            column_types={f"f{i}": kind for i in range(columns)}, null_values=[""]
        ),
    )
    batch = table.combine_chunks().to_batches()[0]
    return np.asarray(batch.to_tensor(null_to_nan=True, row_major=True))


def _parse_carefully(block: bytes, delimiter: str, name: str, row: int, dtype: type) -> np.ndarray:
    """The table, or the error that names what is wrong with it."""
    lines = csv.reader(io.StringIO(block.decode("utf-8", "replace"), newline=""), delimiter=delimiter)
    rows: list[list[float]] = []
    for fields in filter(None, lines):
        here = row + len(rows)
        if here == 1 and not any(_is_number(field) for field in fields):
            raise ClientError(
                f"{name}: row 1, column 1: {_show(fields[0])} is not a number. The file seems to begin with a header; "
                "CSV must come without one"
            )
        if rows and len(fields) != len(rows[0]):
            raise ClientError(f"{name}: row {here} has {len(fields)} columns, the rows before it have {len(rows[0])}")
        rows.append([_number(field, f"{name}: row {here}, column {at}") for at, field in enumerate(fields, 1)])
    return cast(rows, dtype)


def _is_number(field: str) -> bool:
    return _NUMBER.fullmatch(field.strip()) is not None


def _number(field: str, place: str) -> float:
    text = field.strip()
    if not text:
        return float("nan")
    if not _is_number(text):
        raise ClientError(f"{place}: {_show(text)} is not a number")
    return float(text)


def _show(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
