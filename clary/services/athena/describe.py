"""DESCRIBE, in Hive's padded columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.services.athena.define_tables import VIEW
from clary.services.athena.session import Session, StatementFailed, not_meant, require_table
from clary.services.athena.views import decode_view
from clary.services.glue import inside as glue
from clary.sql.statements.tree import Describe

if TYPE_CHECKING:
    from clary.wire import Rooms

_WIDTH = 20
_BLANK = "\t \t "


def pad(text: str) -> str:
    """A text of 20 characters at least."""
    return text.ljust(_WIDTH)


def describe(rooms: Rooms, session: Session, statement: Describe) -> list[str]:
    """The columns of a table or view, and what else its style asks for."""
    table = require_table(rooms, session, statement.name)
    if table.get("TableType") == VIEW and not statement.style:
        return describe_view(table)
    descriptor = table.get("StorageDescriptor") or {}
    if statement.partition is not None:
        if statement.style:
            raise StatementFailed(f"NOT_SUPPORTED: DESCRIBE {statement.style} of a partition is not supported by Clary")
        descriptor = _partition(rooms, session, table, statement)["StorageDescriptor"]
    columns, keys = descriptor.get("Columns") or [], table.get("PartitionKeys") or []
    if statement.column:
        return _one_column([*columns, *keys], statement.column)
    if statement.style == "FORMATTED":
        return [*_formatted_columns(columns, keys), *_formatted(table)]
    lines = [_row(column) for column in [*columns, *keys]]
    if keys:
        lines += [*_partition_heading(), *(_row(key) for key in keys)]
    if statement.style == "EXTENDED":
        lines += [_BLANK, f"Detailed Table Information\t{_thrift(table)}\t"]
    return lines


def describe_view(table: dict[str, Any]) -> list[str]:
    """Name and Trino type of a view's columns."""
    return [f"{column['name']}\t{column['type']}" for column in decode_view(table)["columns"]]


def _partition(rooms: Rooms, session: Session, table: dict[str, Any], statement: Describe) -> dict[str, Any]:
    spec = statement.partition or {}
    keys = [key["Name"] for key in table.get("PartitionKeys") or []]
    shown = ", ".join(f"{key}={value}" for key, value in spec.items())
    if set(spec) != set(keys):
        raise not_meant(f"partition spec {{{shown}}} doesn't contain all ({len(keys)}) partition columns")
    try:
        values = [spec[key] for key in keys]
        return glue.get_partition(rooms, session.scope, table["DatabaseName"], table["Name"], values)
    except ServiceError as error:
        raise not_meant(f"[Error 10006]: Partition not found {{{shown}}}: {error.message}") from None


def _row(column: Mapping[str, str]) -> str:
    comment = column.get("Comment") or ""
    # Hive pads, and cuts what a comment has behind a tab.
    return f"{pad(column['Name'])}\t{pad(column.get('Type', ''))}\t{pad(comment).partition(chr(9))[0]}"


def _one_column(columns: Iterable[Mapping[str, str]], name: str) -> list[str]:
    for column in columns:
        if column["Name"] == name:
            return [f"{pad(name)}\t{pad(column.get('Type', ''))}\t{pad('from deserializer')}"]
    raise not_meant(f"[Error 10002]: Invalid column reference {name}")


def _partition_heading() -> list[str]:
    return [_BLANK, "# Partition Information\t \t ", _column_heading(), _BLANK]


def _column_heading() -> str:
    return f"# {'col_name'.ljust(_WIDTH)}\t{pad('data_type')}\t{pad('comment')}"


def _formatted_columns(columns: list[dict[str, str]], keys: list[dict[str, str]]) -> list[str]:
    lines = [_column_heading(), _BLANK, *(_row(column) for column in columns)]
    if keys:
        lines += [*_partition_heading(), *(_row(key) for key in keys)]
    return lines


def _formatted(table: dict[str, Any]) -> list[str]:
    descriptor = table.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    created = datetime.fromtimestamp(table["CreateTime"], UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
    return [
        _BLANK,
        "# Detailed Table Information\t \t ",
        _pair("Database:", table["DatabaseName"]),
        _pair("Owner:", table.get("Owner", "")),
        _pair("CreateTime:", created),
        _pair("LastAccessTime:", "UNKNOWN"),
        _pair("Protect Mode:", "None"),
        _pair("Retention:", str(table.get("Retention", 0))),
        _pair("Location:", descriptor.get("Location", "")),
        _pair("Table Type:", table.get("TableType", "")),
        "Table Parameters:\t \t ",
        *_parameters(table.get("Parameters") or {}),
        _BLANK,
        "# Storage Information\t \t ",
        _pair("SerDe Library:", serde.get("SerializationLibrary", "")),
        _pair("InputFormat:", descriptor.get("InputFormat", "")),
        _pair("OutputFormat:", descriptor.get("OutputFormat", "")),
        _pair("Compressed:", "No"),
        _pair("Num Buckets:", str(descriptor.get("NumberOfBuckets", -1))),
        _pair("Bucket Columns:", f"[{', '.join(descriptor.get('BucketColumns') or [])}]"),
        _pair("Sort Columns:", f"[{', '.join(row['Column'] for row in descriptor.get('SortColumns') or [])}]"),
        "Storage Desc Params:\t \t ",
        *_parameters(serde.get("Parameters") or {}),
    ]


def _pair(label: str, value: str) -> str:
    return f"{pad(label)}\t{pad(value)}\t "


def _parameters(parameters: Mapping[str, str]) -> list[str]:
    return [f"\t{pad(name)}\t{pad(value)}" for name, value in sorted(parameters.items())]


def _thrift(table: dict[str, Any]) -> str:
    descriptor = table.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    keys = table.get("PartitionKeys") or []
    return (
        f"Table(tableName:{table['Name']}, dbName:{table['DatabaseName']}, owner:{table.get('Owner', '')}, "
        f"createTime:{int(table['CreateTime'])}, lastAccessTime:0, retention:{table.get('Retention', 0)}, "
        f"sd:StorageDescriptor(cols:[{_fields([*(descriptor.get('Columns') or []), *keys])}], "
        f"location:{descriptor.get('Location', '')}, inputFormat:{descriptor.get('InputFormat', '')}, "
        f"outputFormat:{descriptor.get('OutputFormat', '')}, compressed:false, "
        f"numBuckets:{descriptor.get('NumberOfBuckets', -1)}, serdeInfo:SerDeInfo(name:null, "
        f"serializationLib:{serde.get('SerializationLibrary', '')}, parameters:{_map(serde.get('Parameters'))}), "
        f"bucketCols:[{', '.join(descriptor.get('BucketColumns') or [])}], sortCols:[], parameters:{{}}, "
        f"storedAsSubDirectories:false), partitionKeys:[{_fields(keys)}], parameters:{_map(table.get('Parameters'))}, "
        f"viewOriginalText:{table.get('ViewOriginalText')}, viewExpandedText:{table.get('ViewExpandedText')}, "
        f"tableType:{table.get('TableType', '')})"
    )


def _fields(columns: Iterable[Mapping[str, str]]) -> str:
    return ", ".join(
        f"FieldSchema(name:{column['Name']}, type:{column.get('Type', '')}, comment:{column.get('Comment') or 'null'})"
        for column in columns
    )


def _map(parameters: Mapping[str, str] | None) -> str:
    return "{" + ", ".join(f"{name}={value}" for name, value in (parameters or {}).items()) + "}"
