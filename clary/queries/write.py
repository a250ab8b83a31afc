"""Files that a CREATE TABLE AS, an INSERT or an UNLOAD makes: by partition and bucket, in bounded memory."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.queries.errors import QueryError
from clary.queries.functions import make_function
from clary.queries.layout import Layout, plan_layout
from clary.queries.rows import line_of
from clary.queries.spec import QuerySpec, Target, Written
from clary.sql.contract import Column
from clary.sql.prepare import prepare
from clary.tables.bucketing import buckets_of
from clary.tables.duck_types import literal, quote
from clary.tables.partition_paths import folder_of
from clary.tables.sinks import SUFFIXES, AvroSink, LinesSink, OrcSink, Sink

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_OUT = Path("out")
_MOST = 100  # partitions and buckets that Athena writes at once
_LOOK_SECONDS = 0.1
_BATCH = 50_000
_BUCKET = "clary_bucket"

Key = tuple[str | None, ...]


class _Made(NamedTuple):
    """A written file: its partition's values, and last its bucket where there are any."""

    path: Path
    key: Key
    rows: int


def write(
    connection: duckdb.DuckDBPyConnection, sql: str, columns: Sequence[Column], target: Target, spec: QuerySpec
) -> tuple[list[Written], int]:
    """Write the rows of a query below this folder; the files and the number of rows."""
    layout = plan_layout(target, columns)
    if not target.with_data:
        return [], 0
    _OUT.mkdir()
    if layout.buckets:
        _make_bucket_function(connection, layout)
    make = _copy if layout.format == "PARQUET" else _stream
    made = make(connection, sql, layout)
    names = _Names(spec, layout)
    written = [names.written(item) for item in made if item.rows]
    return written, sum(item.rows for item in written)


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, layout: Layout) -> list[_Made]:
    """Parquet by DuckDB's own COPY."""
    split = layout.split_names(_BUCKET)
    columns = [*layout.typed(), *layout.keys(), *([f"{layout.bucket_call()} AS {_BUCKET}"] if layout.buckets else [])]
    rows = f"SELECT {', '.join(columns)} FROM {layout.source(sql)}"  # noqa: S608
    prepare(connection, rows)
    options = [f"FORMAT parquet, COMPRESSION {literal(layout.parquet_codec())}", "RETURN_STATS true"]
    if split:
        options.append(f"PARTITION_BY ({', '.join(map(quote, split))})")
    place = _OUT if split else _OUT / "data"
    found = _copy_guarded(
        connection, f"COPY ({rows}) TO {literal(str(place.absolute()))} ({', '.join(options)})", len(split)
    )
    return [
        _Made(Path(path), tuple((keys or {}).get(name) for name in split), count)
        for path, count, _, _, _, keys in found
    ]


def _copy_guarded(connection: duckdb.DuckDBPyConnection, statement: str, depth: int) -> list[Any]:
    """What the COPY answers, unless it makes too many folders: DuckDB can't be interrupted while it makes them."""
    copying = Future[list[Any]]()

    def run() -> None:
        try:
            copying.set_result(connection.execute(statement).fetchall())
        except BaseException as problem:  # noqa: BLE001 - for the thread that waits
            copying.set_exception(problem)

    pattern = "/".join("*" * depth)
    threading.Thread(target=run, daemon=True).start()
    while True:
        with suppress(TimeoutError):
            found = copying.result(_LOOK_SECONDS if depth else None)
            if depth and len({row[0].rpartition("/")[0] for row in found}) > _MOST:
                raise _too_many()
            return found
        if sum(1 for _ in itertools.islice(_OUT.glob(pattern), _MOST + 1)) > _MOST:
            raise _too_many()


def _too_many() -> QueryError:
    return QueryError(f"HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of {_MOST} open writers for partitions/buckets")


def _stream(connection: duckdb.DuckDBPyConnection, sql: str, layout: Layout) -> list[_Made]:
    """Other formats batch by batch, each into the files of its partitions and buckets."""
    split = layout.split_names(_BUCKET)
    lines = layout.format in ("TEXTFILE", "JSON")
    columns = [f"{line_of(layout)} || chr(10) AS line"] if lines else layout.typed()
    columns += [*layout.keys(), *([f"{layout.bucket_call()} AS {_BUCKET}"] if layout.buckets else [])]
    rows = f"SELECT {', '.join(columns)} FROM {layout.source(sql)}"  # noqa: S608
    prepare(connection, rows)
    reader = connection.execute(rows).to_arrow_reader(_BATCH)
    files: dict[Key, tuple[Path, Sink]] = {}
    counts: dict[Key, int] = {}
    for batch in reader:
        for key, part in _by_key(batch, len(split)):
            if key not in files:
                if len(files) >= _MOST and split:
                    raise _too_many()
                path = _OUT / str(len(files))
                files[key] = path, _sink(path, layout)
            files[key][1].write(part)
            counts[key] = counts.get(key, 0) + part.num_rows
    for _, sink in files.values():
        sink.close()
    return [_Made(path, key, counts[key]) for key, (path, _) in files.items()]


def _sink(path: Path, layout: Layout) -> Sink:
    if layout.format == "ORC":
        return OrcSink(path, layout.compression)
    if layout.format == "AVRO":
        return AvroSink(path, layout.compression, layout.data)
    return LinesSink(path, layout.compression)


def _by_key(batch: pa.RecordBatch, count: int) -> list[tuple[Key, pa.RecordBatch]]:
    """The rows of each combination of the last `count` columns, without those."""
    import numpy as np
    import pyarrow as pa

    if not batch.num_rows:
        return []
    data = batch.select(range(batch.num_columns - count))
    if not count:
        return [((), data)]
    codes, found = np.zeros(batch.num_rows, np.int64), []
    for column in batch.columns[batch.num_columns - count :]:
        encoded = column.cast(pa.string()).dictionary_encode(null_encoding="encode")
        found.append(encoded.dictionary.to_pylist())
        codes = codes * len(found[-1]) + encoded.indices.to_numpy(zero_copy_only=False)
    numbers, inverse = np.unique(codes, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(np.bincount(inverse, minlength=len(numbers)))
    groups: list[tuple[Key, pa.RecordBatch]] = []
    for number, rows in zip(numbers.tolist(), np.split(order, ends[:-1]), strict=True):
        key: list[str | None] = []
        for values in reversed(found):
            number, place = divmod(number, len(values))
            key.append(values[place])
        groups.append((tuple(reversed(key)), data.take(pa.array(rows))))
    return groups


def _make_bucket_function(connection: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """`clary_bucket_of(...)` over the columns that the files are bucketed by."""
    types, count = [kind for _, kind in layout.bucket_columns()], layout.buckets

    def bucket(*columns: Any) -> Any:
        import pyarrow as pa

        return pa.array(buckets_of([column.combine_chunks() for column in columns], types, count))

    make_function(connection, "clary_bucket_of", bucket, layout.bucket_duck_types(), "INTEGER")


class _Names:
    """Files are named as Athena names them: time, number, and what no other query has."""

    def __init__(self, spec: QuerySpec, layout: Layout) -> None:
        self._layout = layout
        self._numbers = itertools.count()
        stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(spec.submitted))
        self._query = f"{stamp}_{uuid.UUID(hex=spec.id.replace('-', '')).hex[:5] if _is_uuid(spec.id) else 'query'}"

    def written(self, item: _Made) -> Written:
        """The file and the key that it is to have below the table's location."""
        layout = self._layout
        values = list(item.key[: len(layout.partitioned_by)])
        name = f"{self._query}_{next(self._numbers):05d}_{uuid.uuid4()}"
        if layout.buckets:
            name = f"{int(item.key[-1] or 0):06d}_0_{name}"
        if layout.format in ("TEXTFILE", "JSON"):
            name += SUFFIXES[layout.compression]
        folder = folder_of(layout.partitioned_by, values)
        item.path.chmod(0o644)
        path = item.path.absolute().relative_to(Path.cwd())
        key = f"{folder}/{name}" if folder else name
        return Written(str(path), key, item.rows, item.path.stat().st_size, values)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
