"""Statements whose rows become files: what CREATE TABLE AS, INSERT INTO and UNLOAD are to write, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from clary.errors import ServiceError
from clary.queries import Target
from clary.services.athena import session as words
from clary.services.athena.define_partitions import key_names
from clary.services.athena.define_tables import VIEW
from clary.services.athena.result_location import split_location
from clary.services.athena.session import CATALOG, Session, StatementFailed
from clary.services.athena.table_formats import FORMATS, format_of
from clary.services.s3 import inside as objects
from clary.sql.statements.tree import CreateTableAs, Insert, Name, Unload, Value
from clary.tables.hive_formats import DELIMITED

if TYPE_CHECKING:
    from clary.wire import Rooms

_COMPRESSIONS = {
    "PARQUET": ("GZIP", "SNAPPY", "ZSTD", "LZ4", "NONE", "UNCOMPRESSED"),
    "ORC": ("ZLIB", "SNAPPY", "ZSTD", "LZ4", "NONE", "GZIP"),
    "AVRO": ("DEFLATE", "SNAPPY", "ZSTD", "BZIP2", "NONE", "GZIP"),
    "JSON": ("GZIP", "ZSTD", "BZIP2", "NONE"),
    "TEXTFILE": ("GZIP", "ZSTD", "BZIP2", "NONE"),
}
_DEFAULTS = {"PARQUET": "GZIP", "ORC": "ZLIB", "AVRO": "", "JSON": "GZIP", "TEXTFILE": "GZIP"}
_CREATE = {
    *("format", "external_location", "partitioned_by", "bucketed_by", "bucket_count", "write_compression"),
    *("field_delimiter", "parquet_compression", "orc_compression", "table_type", "is_external"),
}
_UNLOAD = {"format", "partitioned_by", "compression", "field_delimiter"}
_REFUSED = (
    "compression_level",
    "partitioning",
    "location",
    "optimize_rewrite_delete_file_threshold",
    "vacuum_max_snapshot_age_seconds",
)


class Writing(msgspec.Struct):
    """Files that a query is to make, and what becomes of them."""

    kind: str  # create_table, insert, unload
    database: str
    table: str
    bucket: str
    prefix: str
    target: Target

    @property
    def location(self) -> str:
        """The prefix as s3://bucket/prefix/."""
        return f"s3://{self.bucket}/{self.prefix}"


def plan_create(
    rooms: Rooms, session: Session, statement: CreateTableAs, results: str, *, enforced: bool
) -> Writing | None:
    """What a CREATE TABLE AS writes; None where the table is there and IF NOT EXISTS was said."""
    database, name = words.place_of_new(rooms, session, statement.name)
    if words.find_table(rooms, session.scope, database, name):
        if statement.if_not_exists:
            return None
        raise StatementFailed(
            f"TABLE_ALREADY_EXISTS: line 1:1: Destination table '{CATALOG}.{database}.{name}' already exists"
        )
    properties = statement.properties
    _check_properties(properties, _CREATE, "table")
    external = _text(properties, "external_location")
    if external and enforced:
        raise StatementFailed(
            "The Create Table As Select query failed because it was submitted with an 'external_location' property to "
            "an Athena Workgroup that enforces a centralized output location for all queries. Please remove the "
            "'external_location' property and resubmit the query."
        )
    location = external or f"{results}tables/{session.id}"
    bucket, prefix = _place(location, "external_location")
    _check_empty(rooms, bucket, prefix, f"{database}.{name}")
    target = _target("create_table", properties, "write_compression")
    target.bucketed_by = _names(properties, "bucketed_by")
    target.bucket_count = _count(properties, target.bucketed_by)
    target.with_data = statement.with_data
    return Writing("create_table", database, name, bucket, prefix, target)


def plan_unload(rooms: Rooms, session: Session, statement: Unload) -> Writing:
    """What an UNLOAD writes."""
    _check_properties(statement.properties, _UNLOAD, "unload")
    if not _text(statement.properties, "format"):
        raise StatementFailed("INVALID_PROPERTY: UNLOAD needs the property format")
    bucket, prefix = _place(statement.to, "TO")
    _check_empty(rooms, bucket, prefix, f"unload_{session.id}")
    return Writing("unload", "", "", bucket, prefix, _target("unload", statement.properties, "compression"))


def plan_insert(rooms: Rooms, session: Session, statement: Insert) -> Writing:
    """What an INSERT INTO writes: files as the table's SerDe reads them."""
    table = _insertable(rooms, session, statement.name)
    database, name = table["DatabaseName"], table["Name"]
    descriptor = table["StorageDescriptor"]
    serde = descriptor.get("SerdeInfo") or {}
    parameters = dict(serde.get("Parameters") or {})
    chosen = format_of(serde.get("SerializationLibrary", ""))
    if not chosen:
        raise StatementFailed(
            f"NOT_SUPPORTED: INSERT INTO a table of SerDe {serde.get('SerializationLibrary')} is not supported"
        )
    if descriptor.get("BucketColumns"):
        raise StatementFailed("NOT_SUPPORTED: INSERT INTO a bucketed table is not supported")
    for skipped in ("skip.header.line.count", "skip.footer.line.count"):
        if (table.get("Parameters") or {}).get(skipped, "0") != "0":
            raise StatementFailed(f"NOT_SUPPORTED: Inserting into Hive table with {skipped} property not supported")
    columns = [
        (row["Name"], row["Type"]) for row in [*(descriptor.get("Columns") or []), *(table.get("PartitionKeys") or [])]
    ]
    _check_columns(statement, [column for column, _ in columns])
    target = Target(
        kind="insert",
        format=chosen,
        compression=_table_compression(table, chosen),
        partitioned_by=key_names(table),
        columns=columns,
        given=list(statement.columns),
        field_delimiter=parameters.get("field.delim", "\x01"),
        properties=parameters,
    )
    bucket, prefix = _place(descriptor.get("Location", ""), "the table's location")
    return Writing("insert", database, name, bucket, prefix, target)


def table_input(writing: Writing, id_: str, columns: list[tuple[str, str]], now: float) -> dict[str, Any]:
    """The Glue table of a CREATE TABLE AS whose query has these columns (name, Trino's type)."""
    from clary.sql.types import trino_to_hive

    target, chosen = writing.target, FORMATS[writing.target.format]
    rows = [{"Name": name, "Type": str(trino_to_hive(type_))} for name, type_ in columns]
    kept = len(rows) - len(target.partitioned_by)
    serde = {"serialization.format": "1"}
    if chosen == DELIMITED:
        serde = {"serialization.format": target.field_delimiter, "field.delim": target.field_delimiter}
    parameters = {
        "EXTERNAL": "TRUE",
        "auto.purge": "false",
        "has_encrypted_data": "false",
        "trino_query_id": id_,
        "transient_lastDdlTime": str(int(now)),
    }
    if target.compression:
        parameters["write.compression"] = target.compression
        if target.format in ("PARQUET", "ORC"):
            name = "parquet.compression" if target.format == "PARQUET" else "orc.compress"
            parameters[name] = target.compression
    return {
        "Name": writing.table,
        "Owner": "hadoop",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": rows[kept:],
        "StorageDescriptor": {
            "Columns": rows[:kept],
            "Location": writing.location.rstrip("/"),
            "InputFormat": chosen.input,
            "OutputFormat": chosen.output,
            "Compressed": False,
            "NumberOfBuckets": target.bucket_count or -1,
            "BucketColumns": target.bucketed_by,
            "SortColumns": [],
            "SerdeInfo": {"Name": writing.table, "SerializationLibrary": chosen.serde, "Parameters": serde},
            "StoredAsSubDirectories": False,
        },
    }


def _insertable(rooms: Rooms, session: Session, name: Name) -> dict[str, Any]:
    words.check_catalog(rooms, session.scope, name)
    database, table = session.qualify(name)
    found = words.find_table(rooms, session.scope, database, table)
    if found is None:
        raise StatementFailed(f"TABLE_NOT_FOUND: line 1:1: Table '{CATALOG}.{database}.{table}' does not exist")
    if found.get("TableType") == VIEW:
        raise StatementFailed("NOT_SUPPORTED: line 1:1: Inserting into views is not supported")
    return found


def _check_columns(statement: Insert, known: list[str]) -> None:
    for column in statement.columns:
        if column not in known:
            raise StatementFailed(
                f"COLUMN_NOT_FOUND: line 1:1: Insert column name does not exist in target table: {column}"
            )
        if statement.columns.count(column) > 1:
            raise StatementFailed(
                f"DUPLICATE_COLUMN_NAME: line 1:1: Insert column name is specified more than once: {column}"
            )


def _check_properties(properties: Mapping[str, Value], known: set[str], what: str) -> None:
    for name, value in properties.items():
        if (
            name in _REFUSED
            or (name == "table_type" and str(value).upper() != "HIVE")
            or (name == "is_external" and value is not True)
        ):
            raise StatementFailed(
                f"NOT_SUPPORTED: {what} property '{name}' = {value!r} is not supported by Clary, which has no Iceberg "
                "tables and takes no level of compression"
            )
        if name not in known:
            raise StatementFailed(
                f"INVALID_TABLE_PROPERTY: line 1:1: Catalog '{CATALOG}' {what} property '{name}' does not exist"
            )


def _target(kind: Any, properties: Mapping[str, Value], compression: str) -> Target:
    chosen = (_text(properties, "format") or "PARQUET").upper()
    if chosen not in FORMATS:
        raise StatementFailed(
            f"NOT_SUPPORTED: format {chosen} is not supported by Clary: it has {', '.join(sorted(FORMATS))}"
        )
    given = _text(properties, compression)
    if not given and chosen in ("PARQUET", "ORC"):
        given = _text(properties, f"{chosen.lower()}_compression")
    delimiter = _text(properties, "field_delimiter")
    if delimiter and chosen != "TEXTFILE":
        raise StatementFailed(f"INVALID_TABLE_PROPERTY: field_delimiter is for format TEXTFILE, not {chosen}")
    return Target(
        kind=kind,
        format=chosen,
        compression=_compression(chosen, given),
        partitioned_by=_names(properties, "partitioned_by"),
        field_delimiter=delimiter or "\x01",
    )


def _compression(chosen: str, given: str) -> str:
    if not given:
        return _DEFAULTS[chosen]
    if given.upper() not in _COMPRESSIONS[chosen]:
        raise StatementFailed(
            f"INVALID_TABLE_PROPERTY: compression {given} is not one of format {chosen}: "
            f"it takes {', '.join(_COMPRESSIONS[chosen])}"
        )
    return "NONE" if given.upper() == "UNCOMPRESSED" else given.upper()


def _table_compression(table: dict[str, Any], chosen: str) -> str:
    parameters = table.get("Parameters") or {}
    named = {"PARQUET": "parquet.compression", "ORC": "orc.compress"}.get(chosen, "")
    given = parameters.get("write.compression") or parameters.get(named, "")
    if not given and chosen in ("JSON", "TEXTFILE"):
        return "GZIP"
    return _compression(chosen, given)


def _text(properties: Mapping[str, Value], name: str) -> str:
    value = properties.get(name, "")
    if not isinstance(value, str):
        raise StatementFailed(f"INVALID_TABLE_PROPERTY: line 1:1: property '{name}' is a string, not {value!r}")
    return value


def _names(properties: Mapping[str, Value], name: str) -> list[str]:
    value = properties.get(name, ())
    if not isinstance(value, tuple):
        raise StatementFailed(
            f"INVALID_TABLE_PROPERTY: line 1:1: property '{name}' is an ARRAY of strings, not {value!r}"
        )
    return [column.lower() for column in value]


def _count(properties: Mapping[str, Value], bucketed_by: list[str]) -> int:
    count = properties.get("bucket_count", 0)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise StatementFailed(f"INVALID_TABLE_PROPERTY: line 1:1: property 'bucket_count' is a number, not {count!r}")
    if "bucket_count" in properties and not count:
        raise StatementFailed("INVALID_TABLE_PROPERTY: line 1:1: property 'bucket_count' is at least 1, not 0")
    if bool(bucketed_by) != bool(count):
        raise StatementFailed("INVALID_TABLE_PROPERTY: bucketed_by and bucket_count must be given together")
    return count


def _place(location: str, what: str) -> tuple[str, str]:
    try:
        bucket, prefix = split_location(location, what)
    except ServiceError as error:
        raise StatementFailed(f"INVALID_TABLE_PROPERTY: {error.message}") from None
    return bucket, prefix


def _check_empty(rooms: Rooms, bucket: str, prefix: str, what: str) -> None:
    shown = f"s3://{bucket}/{prefix}"
    if not objects.bucket_exists(rooms, bucket):
        raise StatementFailed(f"HIVE_FILESYSTEM_ERROR: The specified bucket does not exist: {bucket}")
    if objects.first_key(rooms, bucket, prefix):
        raise StatementFailed(
            f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{what}' already exists: {shown}. You may need to "
            f"manually clean the data at location '{shown}' before retrying. Athena will not delete data in your "
            "account."
        )
