"""CREATE EXTERNAL TABLE, DROP TABLE, and ALTER TABLE of what isn't a partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from clary.errors import ClientError, ServiceError
from clary.services.athena import session as words
from clary.services.athena.result_location import split_location
from clary.services.athena.session import Session, input_of, require_table
from clary.services.athena.table_formats import FORMATS, STORED
from clary.services.glue import inside as glue
from clary.sql.statements import StatementError
from clary.sql.statements.tree import (
    AddColumns,
    ChangeColumn,
    Column,
    CreateExternalTable,
    Delimited,
    DropTable,
    ReplaceColumns,
    Serde,
    SetLocation,
    SetTableProperties,
)
from clary.tables.hive_formats import DELIMITED, Format
from clary.tables.hive_types import parse_hive_type

if TYPE_CHECKING:
    from clary.wire import Rooms

VIEW = "VIRTUAL_VIEW"


def create_table(rooms: Rooms, session: Session, statement: CreateExternalTable) -> list[str]:
    """A new table over the files at its location."""
    words.check_catalog(rooms, session.scope, statement.name)
    database, name = session.qualify(statement.name)
    try:
        glue.create_table(rooms, session.scope, database, _table_input(rooms, name, statement))
    except ServiceError as error:
        if error.code == "EntityNotFoundException":
            raise words.no_database(database) from None
        if error.code != "AlreadyExistsException":
            raise
        if not statement.if_not_exists:
            raise words.not_done(f"AlreadyExistsException(message:Table {name} already exists)") from None
    return []


def check_statement(text: str, statement: CreateExternalTable | AddColumns | ReplaceColumns | ChangeColumn) -> None:
    """Refuse types, formats and a location that are none before anything is run."""
    columns: list[Column] = []
    if isinstance(statement, CreateExternalTable):
        columns += [*statement.columns, *statement.partitions]
    elif isinstance(statement, ChangeColumn):
        columns.append(statement.column)
    else:
        columns += statement.columns
    for column in columns:
        try:
            parse_hive_type(column.type)
        except ClientError as problem:
            raise StatementError(text, column.at, f"column {column.name}: {problem}") from None
    if isinstance(statement, CreateExternalTable):
        if not statement.location:
            raise ClientError("No location was specified for table. An S3 location must be specified")
        if statement.stored_as and statement.stored_as not in STORED:
            raise ClientError(
                f"NOT_SUPPORTED: STORED AS {statement.stored_as} is not supported by Clary: it has {', '.join(STORED)}"
            )


def _table_input(rooms: Rooms, name: str, statement: CreateExternalTable) -> dict[str, Any]:
    _check_names(statement)
    chosen, parameters = _storage(statement)
    bucketing = {
        "BucketColumns": list(statement.bucketed_by),
        "SortColumns": [{"Column": column, "SortOrder": int(up)} for column, up in statement.sorted_by],
        "NumberOfBuckets": statement.bucket_count or -1,
    }
    descriptor = {
        "Columns": glue_columns(statement.columns),
        "Location": statement.location,
        "InputFormat": chosen.input,
        "OutputFormat": chosen.output,
        "Compressed": False,
        **bucketing,
        "SerdeInfo": {"SerializationLibrary": chosen.serde, "Parameters": parameters},
        "StoredAsSubDirectories": False,
    }
    properties = {"EXTERNAL": "TRUE", **(statement.properties or {}), "transient_lastDdlTime": _now(rooms)}
    if statement.comment:
        properties["comment"] = statement.comment
    return {
        "Name": name,
        "Owner": "hadoop",
        **({"Description": statement.comment} if statement.comment else {}),
        "StorageDescriptor": descriptor,
        "PartitionKeys": glue_columns(statement.partitions),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": properties,
    }


def _check_names(statement: CreateExternalTable) -> None:
    split_location(statement.location, "LOCATION")
    names = [column.name for column in statement.columns]
    for name in names:
        if names.count(name) > 1:
            raise words.not_meant(f"[Error 10036]: Duplicate column name: {name}")
    for column in statement.partitions:
        if column.name in names:
            raise words.not_meant("[Error 10035]: Column repeated in partitioning columns")
    for name in (*statement.bucketed_by, *(column for column, _ in statement.sorted_by)):
        if name not in names:
            raise words.not_meant(f"[Error 10002]: Invalid column reference {name}")


def _storage(statement: CreateExternalTable) -> tuple[Format, dict[str, str]]:
    """The classes of a table's format and the parameters of its SerDe."""
    chosen = FORMATS[STORED[statement.stored_as]] if statement.stored_as else DELIMITED
    if statement.input_format:
        chosen = Format(statement.input_format, statement.output_format, DELIMITED.serde)
    if isinstance(statement.row_format, Serde):
        chosen = chosen._replace(serde=statement.row_format.library)
        return chosen, {"serialization.format": "1", **statement.row_format.properties}
    if isinstance(statement.row_format, Delimited):
        return chosen, {"serialization.format": "1", **statement.row_format.delimiters}
    return chosen, {"serialization.format": "1"}


def drop_table(rooms: Rooms, session: Session, statement: DropTable) -> list[str]:
    """Forget a table; its files stay."""
    words.check_catalog(rooms, session.scope, statement.name)
    database, name = session.qualify(statement.name)
    table = words.find_table(rooms, session.scope, database, name)
    if table is None:
        if statement.if_exists:
            return []
        raise words.no_table(database, name)
    if table.get("TableType") == VIEW:
        raise words.not_meant("Cannot drop a view with DROP TABLE")
    glue.delete_table(rooms, session.scope, database, name)
    return []


def set_properties(rooms: Rooms, session: Session, statement: SetTableProperties) -> list[str]:
    """Set properties of a table; the others stay."""

    def change(table: dict[str, Any]) -> None:
        table["Parameters"] = {**(table.get("Parameters") or {}), **statement.properties}
        if "comment" in statement.properties:
            table["Description"] = statement.properties["comment"]

    return _alter(rooms, session, statement, change)


def set_location(rooms: Rooms, session: Session, statement: SetLocation) -> list[str]:
    """Let a table lie elsewhere; its partitions stay where they are."""
    split_location(statement.location, "LOCATION")
    return _alter(
        rooms, session, statement, lambda table: table["StorageDescriptor"].update(Location=statement.location)
    )


def add_columns(rooms: Rooms, session: Session, statement: AddColumns) -> list[str]:
    """More columns, after those that there are."""

    def change(table: dict[str, Any]) -> None:
        _set_columns(table, [*table["StorageDescriptor"].get("Columns", []), *glue_columns(statement.columns)])

    return _alter(rooms, session, statement, change)


def replace_columns(rooms: Rooms, session: Session, statement: ReplaceColumns) -> list[str]:
    """Other columns; partition keys stay."""
    return _alter(rooms, session, statement, lambda table: _set_columns(table, glue_columns(statement.columns)))


def change_column(rooms: Rooms, session: Session, statement: ChangeColumn) -> list[str]:
    """Another name, type, comment or place for a column."""

    def change(table: dict[str, Any]) -> None:
        columns = list(table["StorageDescriptor"].get("Columns", []))
        names = [column["Name"] for column in columns]
        if statement.old not in names:
            raise words.not_meant(f"[Error 10002]: Invalid column reference {statement.old}")
        place = names.index(statement.old)
        [fresh] = glue_columns([statement.column])
        if not statement.column.comment and columns[place].get("Comment"):
            fresh["Comment"] = columns[place]["Comment"]
        del columns[place]
        if statement.after is not None:
            rest = [column["Name"] for column in columns]
            if statement.after and statement.after not in rest:
                raise words.not_meant(f"[Error 10002]: Invalid column reference {statement.after}")
            place = rest.index(statement.after) + 1 if statement.after else 0
        _set_columns(table, [*columns[:place], fresh, *columns[place:]])

    return _alter(rooms, session, statement, change)


def _set_columns(table: dict[str, Any], columns: list[dict[str, Any]]) -> None:
    names = [column["Name"] for column in [*columns, *(table.get("PartitionKeys") or [])]]
    for name in names:
        if names.count(name) > 1:
            raise words.not_meant(f"[Error 10036]: Duplicate column name: {name}")
    table["StorageDescriptor"]["Columns"] = columns


def _alter(rooms: Rooms, session: Session, statement: Any, change: Callable[[dict[str, Any]], Any]) -> list[str]:
    while True:
        table = require_table(rooms, session, statement.name)
        if table.get("TableType") == VIEW:
            raise words.not_meant("[Error 10132]: To alter a view you need to use the ALTER VIEW command.")
        input_ = input_of(table)
        input_["StorageDescriptor"] = dict(input_.get("StorageDescriptor") or {})
        change(input_)
        input_["Parameters"] = {**(input_.get("Parameters") or {}), "transient_lastDdlTime": _now(rooms)}
        try:
            glue.update_table(rooms, session.scope, table["DatabaseName"], input_, version=table["VersionId"])
        except ServiceError as error:
            if error.code == "ConcurrentModificationException":
                continue  # look at what it is now
            raise
        return []


def glue_columns(columns: Iterable[Column]) -> list[dict[str, Any]]:
    """Columns as Glue keeps them; a type is written as Hive writes it."""
    return [
        {
            "Name": column.name,
            "Type": str(parse_hive_type(column.type)),
            **({"Comment": column.comment} if column.comment else {}),
        }
        for column in columns
    ]


def _now(rooms: Rooms) -> str:
    return str(int(rooms.clock.now()))
