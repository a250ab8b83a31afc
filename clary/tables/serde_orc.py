"""ORC files: columns by position, as Athena reads them unless told otherwise, or by name; missing ones null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clary.tables.duck_types import adapt, quote, to_duck
from clary.tables.orc_chunks import column_bytes
from clary.tables.serde import BadDataError, ReadColumn, Relation, Scan, TableFile
from clary.tables.serde_parquet import by_lower_name

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def scan_orc(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
    parameters: Mapping[str, str],
) -> Scan:
    """The columns of the files, registered as `name` and a number; those with the same schema make a relation."""
    groups: dict[str, tuple[pa.Schema, list[TableFile]]] = {}
    by_position = parameters.get("orc.column.index.access", "true").lower() != "false"
    scanned = 0
    for file in files:
        schema, rows = _read_schema(file)
        if rows:
            groups.setdefault(str(schema), (schema, []))[1].append(file)
            scanned += _column_bytes(file, _numbers(schema, columns, by_position=by_position))
    relations = []
    for number, (schema, group) in enumerate(groups.values()):
        connection.register(f"{name}_{number}", _dataset(schema, group))
        read = _expressions(schema, group, columns, by_position=by_position)
        relations.append(Relation(quote(f"{name}_{number}"), group, read))
    return Scan(relations, scanned)


def _read_schema(file: TableFile) -> tuple[pa.Schema, int]:
    import pyarrow as pa
    from pyarrow import orc

    try:
        opened = orc.ORCFile(file.path)
        return opened.schema.remove_metadata(), opened.nrows
    except (pa.ArrowException, OSError) as problem:
        raise BadDataError(f"HIVE_BAD_DATA: Not a valid ORC file: {file.name}: {problem}") from None


def _column_bytes(file: TableFile, numbers: set[int]) -> int:
    try:
        return column_bytes(file.path, numbers)
    except ValueError as problem:
        raise BadDataError(f"HIVE_BAD_DATA: Not a valid ORC file: {file.name}: {problem}") from None


def _field(schema: pa.Schema, column: ReadColumn, *, by_position: bool) -> pa.Field | None:
    if by_position:
        return schema.field(column.position) if column.position < len(schema) else None
    return by_lower_name(schema).get(column.name.lower())


def _numbers(schema: pa.Schema, columns: Sequence[ReadColumn], *, by_position: bool) -> set[int]:
    fields = [_field(schema, column, by_position=by_position) for column in columns]
    return {schema.get_field_index(field.name) for field in fields if field is not None}


def _dataset(schema: pa.Schema, files: list[TableFile]) -> object:
    import pyarrow as pa
    from pyarrow import dataset, fs

    form, local = dataset.OrcFileFormat(), fs.LocalFileSystem()
    number = dataset.field("file_index")
    fragments = [
        form.make_fragment(file.path, local, partition_expression=number == pa.scalar(position, pa.int64()))
        for position, file in enumerate(files)
    ]
    whole = schema.append(pa.field("file_index", pa.int64()))
    return dataset.FileSystemDataset(fragments, whole, form, local)


def _expressions(
    schema: pa.Schema, files: list[TableFile], columns: Sequence[ReadColumn], *, by_position: bool
) -> dict[str, str]:
    read = {}
    for column in columns:
        field = _field(schema, column, by_position=by_position)
        if field is None:
            read[column.name] = f"CAST(NULL AS {to_duck(column.type)})"
            continue
        problem = BadDataError(
            f"HIVE_BAD_DATA: Field {column.name}'s type {field.type} in ORC file {files[0].name} is incompatible with "
            f"type {column.type} defined in table schema"
        )
        read[column.name] = adapt(quote(field.name), field.type, column.type, lambda problem=problem: problem)  # type: ignore[misc]
    return read
