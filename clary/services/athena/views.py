"""Views, kept as Presto keeps them: whoever reads the Glue catalog sees the same."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from clary.errors import ServiceError
from clary.queries.information import NAME as INFORMATION
from clary.services.athena import session as words
from clary.services.athena.define_tables import VIEW
from clary.services.athena.session import CATALOG, Session, StatementFailed, check_names, find_table
from clary.services.glue import inside as glue
from clary.sql.statements.tree import CreateView, DropView, Name, ShowCreateView

if TYPE_CHECKING:
    from clary.queries import Outcome
    from clary.wire import Rooms

_BEGIN, _END = "/* Presto View: ", " */"


def encode_view(query: str, database: str, columns: Sequence[Sequence[str]]) -> str:
    """ViewOriginalText: a comment with the view as JSON in base64; columns are name and Trino type."""
    view = {
        "originalSql": query,
        "catalog": CATALOG,
        "schema": database,
        "columns": [{"name": name, "type": type_} for name, type_ in columns],
    }
    return f"{_BEGIN}{base64.b64encode(msgspec.json.encode(view)).decode()}{_END}"


def decode_view(table: dict[str, Any]) -> dict[str, Any]:
    """originalSql, catalog, schema and columns of a view; StatementFailed where the text is not Presto's."""
    text = table.get("ViewOriginalText") or ""
    try:
        if not (text.startswith(_BEGIN) and text.endswith(_END)):
            raise ValueError("it is not a Presto view")
        view: dict[str, Any] = msgspec.json.decode(base64.b64decode(text[len(_BEGIN) : -len(_END)], validate=True))
    except (ValueError, RecursionError) as problem:
        raise StatementFailed(
            f"INVALID_VIEW: View '{CATALOG}.{table['DatabaseName']}.{table['Name']}' cannot be read: {problem}"
        ) from None
    return view


def view_input(name: str, database: str, query: str, columns: Sequence[Sequence[str]]) -> dict[str, Any]:
    """What Glue keeps of a view."""
    from clary.sql.types import trino_to_hive

    return {
        "Name": name,
        "TableType": VIEW,
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "ViewOriginalText": encode_view(query, database, columns),
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": str(trino_to_hive(type_))} for column, type_ in columns],
            "Location": "",
            "NumberOfBuckets": 0,
            "SerdeInfo": {},
        },
    }


def check_view(rooms: Rooms, session: Session, statement: CreateView) -> None:
    """Refuse a view whose name is taken, before its query is looked at."""
    database, name = words.place_of_new(rooms, session, statement.name)
    found = find_table(rooms, session.scope, database, name)
    shown = f"{CATALOG}.{database}.{name}"
    if found and found.get("TableType") != VIEW:
        raise StatementFailed(f"TABLE_ALREADY_EXISTS: line 1:1: Table already exists: '{shown}'")
    if found and not statement.replace:
        raise StatementFailed(f"TABLE_ALREADY_EXISTS: line 1:1: View already exists: '{shown}'")


def keep_view(rooms: Rooms, session: Session, statement: CreateView, outcome: Outcome) -> None:
    """Make or replace a view of a query of which this came out."""
    columns = outcome.columns
    check_names(columns)
    names = [name for name, _ in columns]
    for name in names:
        if names.count(name) > 1:
            raise StatementFailed(f"DUPLICATE_COLUMN_NAME: line 1:1: Column name '{name}' specified more than once")
    check_view(rooms, session, statement)
    database, name = session.qualify(statement.name)
    if any((catalog.lower() or CATALOG, *rest) == (CATALOG, database, name) for catalog, *rest in outcome.tables):
        raise StatementFailed("INVALID_VIEW: line 1:1: Statement would create a recursive view")
    if any(database == INFORMATION for _, database, _ in outcome.tables):
        raise StatementFailed("NOT_SUPPORTED: line 1:1: A view can't be made on information_schema")
    input_ = view_input(name, session.database, statement.query.text, columns)
    try:
        if find_table(rooms, session.scope, database, name):
            glue.update_table(rooms, session.scope, database, input_)
        else:
            glue.create_table(rooms, session.scope, database, input_)
    except ServiceError as error:
        raise StatementFailed(f"HIVE_METASTORE_ERROR: {error.message}") from None


def drop_view(rooms: Rooms, session: Session, statement: DropView) -> list[str]:
    """Forget a view."""
    words.check_catalog(rooms, session.scope, statement.name)
    database, name = session.qualify(statement.name)
    found = find_table(rooms, session.scope, database, name)
    if found is None or found.get("TableType") != VIEW:
        if statement.if_exists and found is None:
            return []
        raise StatementFailed(f"TABLE_NOT_FOUND: line 1:1: View '{CATALOG}.{database}.{name}' does not exist")
    glue.delete_table(rooms, session.scope, database, name)
    return []


def show_create_view(rooms: Rooms, session: Session, statement: ShowCreateView) -> list[str]:
    """The statement that makes a view."""
    view = require_view(rooms, session, statement.name)
    database, name = session.qualify(statement.name)
    return [f"CREATE VIEW {CATALOG}.{database}.{name} AS", *view["originalSql"].split("\n")]


def require_view(rooms: Rooms, session: Session, name: Name) -> dict[str, Any]:
    """A view."""
    words.check_catalog(rooms, session.scope, name)
    database, view = session.qualify(name)
    found = find_table(rooms, session.scope, database, view)
    if found is None or found.get("TableType") != VIEW:
        raise StatementFailed(f"TABLE_NOT_FOUND: line 1:1: View '{CATALOG}.{database}.{view}' does not exist")
    return decode_view(found)
