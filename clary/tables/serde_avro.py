"""Avro files: fields by name whatever the case, missing ones null."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from clary.tables.duck_types import quote, to_duck
from clary.tables.hive_types import HiveType, to_arrow
from clary.tables.serde import BadDataError, ReadColumn, Relation, Scan, TableFile
from clary.tables.stream import Stream

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_ROWS = 10_000


def scan_avro(
    connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[TableFile], columns: Sequence[ReadColumn]
) -> Scan:
    """The fields of the files' records, registered as `name`."""
    import pyarrow as pa

    schema = pa.schema([("file_index", pa.int64()), *((column.name, to_arrow(column.type)) for column in columns)])
    connection.register(name, Stream(schema, lambda: _batches(files, columns, schema)))
    read = {column.name: f"CAST({quote(column.name)} AS {to_duck(column.type)})" for column in columns}
    return Scan([Relation(quote(name), files, read)], sum(file.size for file in files))


def _batches(files: Sequence[TableFile], columns: Sequence[ReadColumn], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import fastavro
    import pyarrow as pa

    types = [field.type for field in schema][1:]
    for number, file in enumerate(files):
        try:
            with open(file.path, "rb") as opened:  # noqa: PTH123
                reader = fastavro.reader(opened)
                takes = [_take(column, reader.writer_schema) for column in columns]
                while records := list(islice(reader, _ROWS)):
                    arrays = [pa.array(map(take, records), kind) for take, kind in zip(takes, types, strict=True)]
                    index = pa.repeat(pa.scalar(number, pa.int64()), len(records))
                    yield pa.record_batch([index, *arrays], schema=schema)
        except (pa.ArrowException, ValueError, TypeError, LookupError, EOFError, OSError) as problem:
            raise BadDataError(f"HIVE_BAD_DATA: Error reading Avro file {file.name}: {problem}") from None


def _take(column: ReadColumn, schema: Any) -> Callable[[dict[str, Any]], Any]:
    """The field of a record, as Arrow takes it."""
    names = {field["name"].lower(): field["name"] for field in schema.get("fields", [])}
    name, shape = names.get(column.name.lower()), _shaper(column.type)
    return lambda record: None if name is None else shape(record[name])


def _shaper(hive: HiveType) -> Callable[[Any], Any]:
    """Arrow wants a map as pairs, and a timestamp without a zone."""
    if hive.name == "map":
        value = _shaper(hive.children[1])
        return lambda held: None if held is None else [(key, value(item)) for key, item in held.items()]
    if hive.name == "array":
        item = _shaper(hive.children[0])
        return lambda held: None if held is None else [item(value) for value in held]
    if hive.name == "struct":
        shapes = {name.lower(): _shaper(child) for name, child in zip(hive.names, hive.children, strict=True)}
        return lambda held: (
            None
            if held is None
            else {name: shapes[name](value) for key, value in held.items() if (name := key.lower()) in shapes}
        )
    if hive.name == "timestamp":
        return lambda held: held.replace(tzinfo=None) if hasattr(held, "tzinfo") else held
    return lambda held: held
