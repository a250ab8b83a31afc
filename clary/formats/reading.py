"""`read_batches` and `decode_request`: any content type into batches, every row checked once, in one place."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

import numpy as np

from clary.errors import ClientError
from clary.formats import csv_text, json_rows, libsvm, npy, parquet, recordio, text_rows
from clary.formats.batch import Batch, ReadOptions, Source, Sparse, concatenate
from clary.formats.media_type import parse_media_type

Reader = Callable[[BinaryIO, str, ReadOptions], Iterator[Batch]]

CSV, LIBSVM, RECORDIO = "text/csv", "text/libsvm", "application/x-recordio-protobuf"

TRAINING_READERS: dict[str, Reader] = {
    CSV: csv_text.read,
    LIBSVM: libsvm.read,
    RECORDIO: recordio.read,
    "application/x-parquet": parquet.read,
}
REQUEST_READERS: dict[str, Reader] = {
    CSV: csv_text.read,
    LIBSVM: libsvm.read,
    RECORDIO: recordio.read,
    "application/json": json_rows.read,
    "application/jsonlines": json_rows.read_lines,
    "application/x-npy": npy.read,
}
TEXT_TRAINING_READERS: dict[str, Reader] = {CSV: text_rows.read_csv}
TEXT_REQUEST_READERS: dict[str, Reader] = {
    CSV: text_rows.read_csv,
    "application/json": text_rows.read_json,
    "application/jsonlines": text_rows.read_json_lines,
}


def read_batches(
    sources: Iterable[Source],
    content_type: str,
    *,
    rows: int | None = None,
    dtype: type = np.float32,
    label_columns: int | None = None,
    weights: bool = False,
    missing: bool = False,
    delimiters: str = ",",
    text: bool = False,
    float32_only: bool = False,
) -> Iterator[Batch]:
    """The rows of files or pipes, one after another, in memory that doesn't grow with their size.

    content_type: with parameters, `text/csv;label_size=0`
    rows: exactly that many a batch, fewer only in the last; None: as the files yield them
    label_columns: of CSV and Parquet, where the content type says no label_size; None: 1
    weights: of CSV and Parquet: the column after the labels is each row's weight
    missing: whether features may be NaN
    delimiters, float32_only: see ReadOptions
    text: whether rows hold text: features are (n, d) str, every column is one of them, and only `rows` counts here

    Raises ClientError that names the file, the row (recordIO: the record) and the column, all from 1.
    """
    reader, labels = _choose(TEXT_TRAINING_READERS if text else TRAINING_READERS, content_type, text)
    default = 1 if label_columns is None else label_columns
    options = ReadOptions(default if labels is None else labels, weights, delimiters, dtype, float32_only)
    checked = _check(((source.name, _open(reader, source, options)) for source in sources), reader, options, missing)
    return checked if rows is None else regroup(checked, rows)


def decode_request(
    body: bytes, content_type: str, *, missing: bool = False, delimiters: str = ",", text: bool = False
) -> Batch:
    """The rows of a request's body; raises ClientError naming row and column, or the content types there are."""
    reader, labels = _choose(TEXT_REQUEST_READERS if text else REQUEST_READERS, content_type, text)
    options = ReadOptions(labels or 0, False, delimiters)
    name = "the request"
    batches = list(_check([(name, reader(io.BytesIO(body), name, options))], reader, options, missing))
    if not batches:
        raise ClientError("the request has no rows")
    return concatenate(batches)


def regroup(batches: Iterable[Batch], rows: int) -> Iterator[Batch]:
    """The same rows in batches of exactly `rows`, the last of what is left."""
    waiting: list[Batch] = []
    count = 0
    for batch in batches:
        start = 0
        while count + len(batch) - start >= rows:
            stop = start + rows - count
            yield concatenate([*waiting, batch.slice(start, stop)])
            waiting, count, start = [], 0, stop
        if start < len(batch):
            waiting.append(batch.slice(start, len(batch)) if start else batch)
            count += len(batch) - start
    if waiting:
        yield concatenate(waiting)


def _choose(readers: Mapping[str, Reader], content_type: str, text: bool) -> tuple[Reader, int | None]:
    """What reads a content type, and the number of label columns that it names."""
    media_type = parse_media_type(content_type)
    reader = readers.get(media_type.name)
    if reader is None:
        raise ClientError(f"Content type '{content_type}' can't be read; it may be {', '.join(readers)}")
    size = media_type.parameters.get("label_size")
    if size is None:
        return reader, None
    if not size.isdecimal():
        raise ClientError(f"label_size={size} in the content type is not a whole number")
    if text and int(size):
        raise ClientError(f"label_size={size} in the content type: rows of text have no labels, it may be 0")
    return reader, int(size)


def _open(reader: Reader, source: Source, options: ReadOptions) -> Iterator[Batch]:
    with source.open() as stream:
        yield from reader(stream, source.name, options)


def _check(
    files: Iterable[tuple[str, Iterator[Batch]]], reader: Reader, options: ReadOptions, missing: bool
) -> Iterator[Batch]:
    """Every file's batches, once their rows are of one width, all labelled or none, and finite."""
    tabular, text = reader in (csv_text.read, parquet.read), reader in TEXT_REQUEST_READERS.values()
    noun, offset = ("record" if reader is recordio.read else "row"), (options.leading_columns if tabular else 0)
    width: int | None = None
    labelled: bool | None = None
    for name, batches in files:
        row = 1
        for batch in batches:
            exact = not isinstance(batch.features, Sparse) or batch.features.exact
            if exact:
                if width is not None and batch.width != width:
                    found = f"{name}: {noun} {row} has {batch.width + offset} columns"
                    raise ClientError(f"{found}, the {noun}s before it have {width + offset}")
                width = batch.width
            if labelled is not None and labelled != (batch.labels is not None):
                have = ("a", "no") if labelled is False else ("no", "a")
                raise ClientError(f"{name}: {noun} {row} has {have[0]} label, the {noun}s before it have {have[1]}")
            labelled = batch.labels is not None
            if not text:
                _check_numbers(batch, f"{name}: {noun}", row, offset, missing)
            batch.source, batch.first_row = name, row
            row += len(batch)
            yield batch


def _check_numbers(batch: Batch, place: str, first: int, offset: int, missing: bool) -> None:
    """Raise ClientError for the first number that is NaN (where that isn't `missing`) or infinite."""
    features = batch.features
    if isinstance(features, Sparse):
        if len(bad := _not_finite(features.values, missing)):
            row = int(np.searchsorted(features.indptr, bad[0], side="right")) - 1
            raise _not_a_number(place, first + row, f"key {features.indices[bad[0]]}", features.values[bad[0]])
    elif len(bad := _not_finite(features, missing)):
        row, column = divmod(int(bad[0]), features.shape[1])
        raise _not_a_number(place, first + row, f"column {offset + column + 1}", features[row, column])
    for what, values in (("the label", batch.labels), ("the weight", batch.weights)):
        if values is not None and len(bad := _not_finite(values, False)):
            row = int(bad[0]) // (values.size // len(values))
            raise _not_a_number(place, first + row, what, values.reshape(-1)[bad[0]])


def _not_finite(values: np.ndarray, missing: bool) -> np.ndarray:
    """Flat positions of the numbers that may not be. The sum is NaN or infinite if one number is: one quick pass."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return np.empty(0, np.int64)
    return np.flatnonzero(np.isinf(values) if missing else ~np.isfinite(values))


def _not_a_number(place: str, row: int, what: str, value: float) -> ClientError:
    found = "is missing (NaN)" if np.isnan(value) else f"is {value}"
    return ClientError(f"{place} {row}, {what} {found}; a finite number is needed")
