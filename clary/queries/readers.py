"""Which reader a table's files need, by the SerDe that the catalog names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clary.queries.errors import QueryError
from clary.queries.table_record import column_type
from clary.tables.serde import ReadColumn, Scan, TableFile
from clary.tables.serde_avro import scan_avro
from clary.tables.serde_delimited import scan_csv, scan_delimited, scan_grok, scan_regex
from clary.tables.serde_json import scan_json, scan_openx
from clary.tables.serde_orc import scan_orc
from clary.tables.serde_parquet import scan_parquet

if TYPE_CHECKING:
    import duckdb

    from clary.queries.partitions import Part

_READERS = {
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe": scan_delimited,
    "org.apache.hadoop.hive.contrib.serde2.MultiDelimitSerDe": scan_delimited,
    "org.apache.hadoop.hive.serde2.MultiDelimitSerDe": scan_delimited,
    "org.apache.hadoop.hive.serde2.OpenCSVSerde": scan_csv,
    "org.openx.data.jsonserde.JsonSerDe": scan_openx,
    "org.apache.hive.hcatalog.data.JsonSerDe": scan_json,
    "org.apache.hadoop.hive.serde2.JsonSerDe": scan_json,
    "org.apache.hadoop.hive.serde2.RegexSerDe": scan_regex,
    "org.apache.hadoop.hive.contrib.serde2.RegexSerDe": scan_regex,
    "com.amazonaws.glue.serde.GrokSerDe": scan_grok,
    "org.apache.hadoop.hive.ql.io.orc.OrcSerde": scan_orc,
}
_PARQUET = ("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", "parquet.hive.serde.ParquetHiveSerDe")
_AVRO = "org.apache.hadoop.hive.serde2.avro.AvroSerDe"
_WIDER = {
    "tinyint": ("smallint", "int", "bigint"),
    "smallint": ("int", "bigint"),
    "int": ("bigint",),
    "float": ("double",),
}


def scan(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    storage: dict[str, Any],
    table: dict[str, Any],
    files: Sequence[TableFile],
    columns: Sequence[ReadColumn],
) -> Scan:
    """The columns of the files by the SerDe of their storage descriptor."""
    serde = storage.get("SerdeInfo") or {}
    library = serde.get("SerializationLibrary", "")
    parameters = {**table.get("Parameters", {}), **storage.get("Parameters", {}), **(serde.get("Parameters") or {})}
    if parameters.get("table_type", "").upper() in ("ICEBERG", "DELTA", "HUDI"):
        raise QueryError(f"NOT_SUPPORTED: Clary does not read tables of the type {parameters['table_type']}")
    if "SymlinkTextInputFormat" in storage.get("InputFormat", ""):
        raise QueryError("NOT_SUPPORTED: Clary does not read SymlinkTextInputFormat")
    if library in _PARQUET:
        return scan_parquet(files, columns)
    if library == _AVRO:
        return scan_avro(connection, name, files, columns)
    if library not in _READERS:
        raise QueryError(f"HIVE_UNSUPPORTED_FORMAT: Clary has no reader for the SerDe {library!r}")
    return _READERS[library](connection, name, files, columns, parameters)


def check_partition(part: Part, table: dict[str, Any]) -> None:
    """A partition's columns must have types that those of its table can hold."""
    declared = {column["Name"].lower(): column for column in table.get("StorageDescriptor", {}).get("Columns", [])}
    for column in part.storage.get("Columns") or []:
        own = declared.get(column["Name"].lower())
        if own is None:
            continue
        one, other = column_type(table, own), column_type(table, column)
        if one != other and one.name not in _WIDER.get(other.name, ()) and not (one.children and other.children):
            raise QueryError(
                f"HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch between the table and partition schemas. The "
                f"types are incompatible and cannot be coerced. The column '{own['Name']}' in table "
                f"'{table.get('DatabaseName', '')}.{table['Name']}' is declared as type '{one}', but partition "
                f"'{part.name}' declared column '{column['Name']}' as type '{other}'."
            )
