"""SHOW TABLES, VIEWS, COLUMNS, TBLPROPERTIES and CREATE TABLE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from clary.services.athena.define_databases import choose
from clary.services.athena.define_partitions import key_names
from clary.services.athena.define_tables import VIEW
from clary.services.athena.describe import describe_view, pad
from clary.services.athena.session import Session, find_database, no_database, not_done, require_table
from clary.services.glue import inside as glue
from clary.sql.statements.tree import ShowColumns, ShowCreateTable, ShowTableProperties, ShowTables, ShowViews
from clary.tables.hive_formats import DELIMITED

if TYPE_CHECKING:
    from clary.wire import Rooms

# What ROW FORMAT DELIMITED says, in Hive's order.
_DELIMITERS = {
    "field.delim": "FIELDS TERMINATED BY",
    "escape.delim": "ESCAPED BY",
    "colelction.delim": "COLLECTION ITEMS TERMINATED BY",
    "mapkey.delim": "MAP KEYS TERMINATED BY",
    "line.delim": "LINES TERMINATED BY",
    "serialization.null.format": "NULL DEFINED AS",
}
_UNSAID = ("EXTERNAL", "comment")


def show_tables(rooms: Rooms, session: Session, statement: ShowTables) -> list[str]:
    """The names of a database's tables and views."""
    return choose([table["Name"] for table in _tables(rooms, session, statement.database)], statement.pattern)


def show_views(rooms: Rooms, session: Session, statement: ShowViews) -> list[str]:
    """The names of a database's views."""
    found = _tables(rooms, session, statement.database)
    return choose([table["Name"] for table in found if table.get("TableType") == VIEW], statement.pattern)


def _tables(rooms: Rooms, session: Session, database: str) -> Iterable[dict[str, Any]]:
    name = database or session.database
    if find_database(rooms, session.scope, name) is None:
        raise no_database(name)
    return glue.get_tables(rooms, session.scope, name)


def show_columns(rooms: Rooms, session: Session, statement: ShowColumns) -> list[str]:
    """The names of a table's columns, its partition keys among them; of a view its columns with their types."""
    table = require_table(rooms, session, statement.name)
    if table.get("TableType") == VIEW:
        return describe_view(table)
    columns = (table.get("StorageDescriptor") or {}).get("Columns") or []
    return [pad(name) for name in [*(column["Name"] for column in columns), *key_names(table)]]


def show_properties(rooms: Rooms, session: Session, statement: ShowTableProperties) -> list[str]:
    """Name and value of a table's properties."""
    table = require_table(rooms, session, statement.name)
    properties = table.get("Parameters") or {}
    if not statement.property:
        return [f"{name}\t{value}" for name, value in properties.items()]
    if statement.property in properties:
        return [properties[statement.property]]
    return [f"Table {table['DatabaseName']}.{table['Name']} does not have property: {statement.property}"]


def show_create_table(rooms: Rooms, session: Session, statement: ShowCreateTable) -> list[str]:
    """The statement that makes a table."""
    table = require_table(rooms, session, statement.name)
    if table.get("TableType") == VIEW:
        raise not_done(f"{table['Name']} is a view: SHOW CREATE VIEW shows how it is made")
    descriptor = table.get("StorageDescriptor") or {}
    parameters = table.get("Parameters") or {}
    lines = [f"CREATE EXTERNAL TABLE `{statement.name}`(", *_columns(descriptor.get("Columns") or [])]
    if parameters.get("comment"):
        lines += ["COMMENT", f"  {quote(parameters['comment'])}"]
    if table.get("PartitionKeys"):
        lines += ["PARTITIONED BY ( ", *_columns(table["PartitionKeys"])]
    if descriptor.get("BucketColumns"):
        lines += _bucketing(descriptor)
    lines += _row_format(descriptor.get("SerdeInfo") or {})
    lines += ["STORED AS INPUTFORMAT ", f"  {quote(descriptor.get('InputFormat', ''))} "]
    lines += ["OUTPUTFORMAT ", f"  {quote(descriptor.get('OutputFormat', ''))}"]
    lines += ["LOCATION", f"  {quote(descriptor.get('Location', ''))}"]
    said = {name: value for name, value in sorted(parameters.items()) if name not in _UNSAID}
    if said:
        lines += ["TBLPROPERTIES (", *_pairs(said)]
    return "\n".join(lines).split("\n")


def quote(text: str) -> str:
    """A string as Hive's statements have it."""
    escaped = "".join(_ESCAPES.get(sign, sign) for sign in text)
    return f"'{escaped}'"


_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPES |= {chr(number): f"\\u{number:04X}" for number in range(32) if chr(number) not in "\n\r\t"}


def _columns(columns: Iterable[Mapping[str, str]]) -> list[str]:
    said = [
        f"  `{column['Name']}` {column.get('Type', '')}"
        + (f" COMMENT {quote(column['Comment'])}" if column.get("Comment") else "")
        for column in columns
    ]
    return [*(f"{line}, " for line in said[:-1]), *(f"{line})" for line in said[-1:])]


def _bucketing(descriptor: dict[str, Any]) -> list[str]:
    lines = ["CLUSTERED BY ( ", *(f"  {name}, " for name in descriptor["BucketColumns"][:-1])]
    lines += [f"  {descriptor['BucketColumns'][-1]}) "]
    if descriptor.get("SortColumns"):
        ordered = [f"{row['Column']} {'ASC' if row['SortOrder'] else 'DESC'}" for row in descriptor["SortColumns"]]
        lines += ["SORTED BY ( ", *(f"  {row}, " for row in ordered[:-1]), f"  {ordered[-1]}) "]
    return [*lines, f"INTO {descriptor['NumberOfBuckets']} BUCKETS"]


def _row_format(serde: dict[str, Any]) -> list[str]:
    parameters = dict(serde.get("Parameters") or {})
    library = serde.get("SerializationLibrary", "")
    if library == DELIMITED.serde and not parameters.keys() - _DELIMITERS.keys() - {"serialization.format"}:
        said = [f"  {phrase} {quote(parameters[name])} " for name, phrase in _DELIMITERS.items() if name in parameters]
        return ["ROW FORMAT DELIMITED ", *said]
    if parameters.get("serialization.format") == "1":
        del parameters["serialization.format"]
    if not parameters:
        return ["ROW FORMAT SERDE ", f"  {quote(library)} "]
    return [
        "ROW FORMAT SERDE ",
        f"  {quote(library)} ",
        "WITH SERDEPROPERTIES ( ",
        *_pairs(dict(sorted(parameters.items())), end=") "),
    ]


def _pairs(properties: Mapping[str, str], end: str = ")") -> list[str]:
    said = [f"  {quote(name)}={quote(value)}" for name, value in properties.items()]
    return [*(f"{line}, " for line in said[:-1]), *(f"{line}{end}" for line in said[-1:])]
