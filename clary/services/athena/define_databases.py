"""CREATE, DROP and ALTER DATABASE, SHOW DATABASES."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.errors import ServiceError
from clary.services.athena.result_location import split_location
from clary.services.athena.session import Session, StatementFailed, find_database, no_database, not_done
from clary.services.glue import inside as glue
from clary.services.glue.databases import update_database
from clary.services.glue.expressions import matcher
from clary.sql.statements.tree import CreateDatabase, DropDatabase, SetDatabaseProperties, ShowDatabases

if TYPE_CHECKING:
    from clary.wire import Rooms

DEFAULT = "default"
_MEMBERS = ("Name", "Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions")


def create_database(rooms: Rooms, session: Session, statement: CreateDatabase) -> list[str]:
    """A new database of the Glue catalog."""
    if statement.location:
        split_location(statement.location, "LOCATION")
    input_ = {
        "Name": statement.name,
        **({"Description": statement.comment} if statement.comment else {}),
        **({"LocationUri": statement.location} if statement.location else {}),
        **({"Parameters": dict(statement.properties)} if statement.properties else {}),
    }
    try:
        glue.create_database(rooms, session.scope, input_)
    except ServiceError as error:
        if error.code != "AlreadyExistsException":
            raise
        if not statement.if_not_exists:
            raise not_done(f"Database {statement.name} already exists") from None
    return []


def drop_database(rooms: Rooms, session: Session, statement: DropDatabase) -> list[str]:
    """Remove a database; with tables in it only with CASCADE. No file is deleted."""
    if find_database(rooms, session.scope, statement.name) is None:
        if statement.if_exists:
            return []
        raise no_database(statement.name)
    if not statement.cascade and next(glue.get_tables(rooms, session.scope, statement.name), None):
        raise not_done(
            f"InvalidOperationException(message:Database {statement.name} is not empty. One or more tables exist.)"
        )
    glue.delete_database(rooms, session.scope, statement.name)
    return []


def set_properties(rooms: Rooms, session: Session, statement: SetDatabaseProperties) -> list[str]:
    """Set properties of a database; the others stay."""
    found = find_database(rooms, session.scope, statement.name)
    if found is None:
        raise no_database(statement.name)
    input_ = {name: found[name] for name in _MEMBERS if name in found}
    input_["Parameters"] = {**(found.get("Parameters") or {}), **statement.properties}
    update_database(rooms, session.scope, statement.name, input_)
    return []


def show_databases(rooms: Rooms, session: Session, statement: ShowDatabases) -> list[str]:
    """The names of databases."""
    names = [database["Name"] for database in glue.get_databases(rooms, session.scope)]
    return choose(names, statement.pattern)


def choose(names: list[str], pattern: str) -> list[str]:
    """The names that fit a pattern; all, without one."""
    if not pattern:
        return names
    try:
        return matcher(pattern)(names)
    except ServiceError as error:
        raise StatementFailed(f"FAILED: SemanticException {error.message}") from None
