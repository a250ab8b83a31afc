"""Rows of text, such as names and addresses: CSV, JSON and JSON lines as (n, d) arrays of str.

CSV has no header; blanks around a field don't count, quotes (RFC 4180) end in the line they begin in. pyarrow parses
large blocks without quotes; all else, and what pyarrow can't take, goes through Python's own reader line by line, which
knows the row that is wrong. JSON has the forms of `json_rows`; a whole number counts as its text, as it would in CSV.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from clary.errors import ClientError
from clary.formats import json_rows
from clary.formats.batch import Batch, ReadOptions
from clary.formats.blocks import read_lines
from clary.formats.csv_text import BYTE_ORDER_MARK

BLOCK = 4 << 20
SMALL = 16 << 10


def read_csv(stream: BinaryIO, name: str, _options: ReadOptions) -> Iterator[Batch]:
    """The rows of a stream as batches; raises ClientError naming file and row (from 1).

    Blank lines are skipped and don't count as rows. An empty field is an empty text.
    """
    row = 1
    for block in read_lines(stream, name, BLOCK):
        table = parse_table(block.removeprefix(BYTE_ORDER_MARK) if row == 1 else block, name, row)
        if len(table):
            row += len(table)
            yield Batch(table)


def read_json(stream: BinaryIO, name: str, _options: ReadOptions) -> Iterator[Batch]:
    """The instances of one JSON document; raises ClientError naming row and column."""
    yield from _as_batches(json_rows.parse_document(stream, name), name)


def read_json_lines(stream: BinaryIO, name: str, _options: ReadOptions) -> Iterator[Batch]:
    """The instances of a text with one JSON document a line; raises ClientError naming row and column."""
    yield from _as_batches(json_rows.parse_lines(stream, name), name)


def parse_table(block: bytes, name: str, row: int) -> np.ndarray:
    """(n, columns) str of a block of whole lines; `row` is the first one's number."""
    if len(block) > SMALL and b'"' not in block:
        try:
            return _parse(block)
        except ValueError:  # pyarrow's ArrowInvalid is one
            pass
    return _parse_carefully(block, name, row)


def _parse(block: bytes) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    line = block.lstrip(b"\r\n")
    columns = line[: line.find(b"\n") + 1 or len(line)].count(b",") + 1
    table = arrow_csv.read_csv(
        io.BytesIO(block),
        read_options=arrow_csv.ReadOptions(autogenerate_column_names=True, block_size=len(block) + 1),
        parse_options=arrow_csv.ParseOptions(quote_char=False),
        convert_options=arrow_csv.ConvertOptions(column_types={f"f{i}": pa.string() for i in range(columns)}),
    )
    words = np.empty((table.num_rows, columns), object)
    for at, column in enumerate(table.columns):
        words[:, at] = pc.utf8_trim_whitespace(column).to_numpy()
    return words


def _parse_carefully(block: bytes, name: str, row: int) -> np.ndarray:
    """The table, or the error that names what is wrong with it."""
    rows: list[list[str]] = []
    for line in block.splitlines():
        if not line.strip():
            continue
        place = f"{name}: row {row + len(rows)}"
        try:
            fields = next(csv.reader([line.decode()], skipinitialspace=True, strict=True))
        except UnicodeDecodeError:
            raise ClientError(f"{place} is not UTF-8 text") from None
        except csv.Error as error:
            raise ClientError(f"{place} is not CSV: {error}") from None
        if rows and len(fields) != len(rows[0]):
            raise ClientError(f"{place} has {len(fields)} columns, the rows before it have {len(rows[0])}")
        rows.append([field.strip() for field in fields])
    return np.array(rows, object)


def _as_batches(instances: Sequence[Any], name: str) -> Iterator[Batch]:
    rows = [_words(instance, f"{name}: row {row}") for row, instance in enumerate(instances, 1)]
    json_rows.check_lengths(rows, name)
    if rows:
        yield Batch(np.array(rows, object))


def _words(instance: Any, place: str) -> list[str]:
    """An instance's texts."""
    element = json_rows.element_of(instance, place)
    if isinstance(element, dict) and "keys" in element:
        raise ClientError(f"{place} is sparse; a row of text can't be")
    values = element["values"] if isinstance(element, dict) else element
    for column, value in enumerate(values, 1):
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ClientError(f"{place}, column {column}: {str(value)[:40]!r} is not a text")
    return [str(value) for value in values]
