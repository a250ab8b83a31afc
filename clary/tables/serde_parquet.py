"""Parquet files: columns by name whatever the case, missing ones null, numbers widened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clary.tables.duck_types import adapt, literals, quote, to_duck
from clary.tables.hive_types import HiveType
from clary.tables.serde import BadDataError, ReadColumn, Relation, Scan, TableFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def scan_parquet(files: Sequence[TableFile], columns: Sequence[ReadColumn]) -> Scan:
    """The columns of the files; those with the same schema make a relation. Counts the column chunks in use."""
    groups: dict[str, tuple[pa.Schema, list[TableFile]]] = {}
    wanted = {column.name.lower() for column in columns}
    scanned = 0
    for file in files:
        metadata = _read_metadata(file)
        schema = metadata.schema.to_arrow_schema().remove_metadata()
        scanned += _chunk_bytes(metadata, wanted)
        if metadata.num_rows:
            groups.setdefault(str(schema), (schema, []))[1].append(file)
    return Scan([_relation(schema, group, columns) for schema, group in groups.values()], scanned)


def _read_metadata(file: TableFile) -> pq.FileMetaData:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(file.path)
    except (pa.ArrowInvalid, OSError) as problem:
        raise BadDataError(f"HIVE_BAD_DATA: Not valid Parquet file: {file.name}: {problem}") from None


def _chunk_bytes(metadata: pq.FileMetaData, wanted: set[str]) -> int:
    """The stored size of all chunks that belong to the columns."""
    schema = metadata.schema
    numbers = [
        number for number in range(len(schema)) if schema.column(number).path.partition(".")[0].lower() in wanted
    ]
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return sum(group.column(number).total_compressed_size for group in groups for number in numbers)


def _relation(schema: pa.Schema, files: list[TableFile], columns: Sequence[ReadColumn]) -> Relation:
    fields = by_lower_name(schema)
    read = {}
    for column in columns:
        field = fields.get(column.name.lower())
        if field is None:
            read[column.name] = f"CAST(NULL AS {to_duck(column.type)})"
        else:
            read[column.name] = adapt(quote(field.name), field.type, column.type, _mismatch(column, field, files[0]))
    paths = literals([file.path for file in files])
    return Relation(f"read_parquet({paths}, hive_partitioning=false)", files, read)


def by_lower_name(schema: pa.Schema) -> dict[str, pa.Field]:
    """The fields by their names in lower case, the first of two alike."""
    found: dict[str, list[pa.Field]] = defaultdict(list)
    for field in schema:
        found[field.name.lower()].append(field)
    return {name: fields[0] for name, fields in found.items()}


def _mismatch(column: ReadColumn, field: pa.Field, file: TableFile) -> _Mismatch:
    return _Mismatch(column.name, field.type, column.type, file.name)


class _Mismatch:
    """The error of a column whose file holds another type."""

    def __init__(self, name: str, held: pa.DataType, declared: HiveType, file: str) -> None:
        self._message = (
            f"HIVE_BAD_DATA: Field {name}'s type {held} in parquet file {file} is incompatible with type {declared} "
            f"defined in table schema"
        )

    def __call__(self) -> BadDataError:
        return BadDataError(self._message)
