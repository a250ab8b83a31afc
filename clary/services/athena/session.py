"""What a statement is run with, and how it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.errors import ClientError, ServiceError
from clary.jobs.host import Scope
from clary.services.athena import catalogs
from clary.services.glue import inside as glue
from clary.sql.statements.tree import Name

if TYPE_CHECKING:
    from clary.wire import Rooms

CATALOG = "awsdatacatalog"
_TASK = "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask."
_SEMANTIC = "FAILED: SemanticException"

# AthenaError.ErrorType of what the engine names; as measured at AWS.
_TYPES = {
    "TABLE_NOT_FOUND": 1301,
    "SCHEMA_NOT_FOUND": 1301,
    "COLUMN_NOT_FOUND": 1006,
    "CATALOG_NOT_FOUND": 1006,
    "TYPE_MISMATCH": 1002,
    "FUNCTION_NOT_FOUND": 1303,
    "DIVISION_BY_ZERO": 1001,
    "INVALID_CAST_ARGUMENT": 1100,
    "NOT_FOUND": 1300,
    "NOT_SUPPORTED": 1200,
    "MISSING_COLUMN_NAME": 1100,
}
_OTHER_TYPE, _DEFINITION_TYPE, _SYSTEM_TYPE = 1000, 1006, 200
USER, SYSTEM = 2, 1


class StatementFailed(ClientError):
    """A statement can't be done; the message is the reason as Athena words it."""

    def error(self) -> dict[str, Any]:
        """Members of AthenaError."""
        return error_of(str(self))


class Session(NamedTuple):
    """Who runs a statement and where."""

    scope: Scope
    database: str
    workgroup: str
    id: str

    def qualify(self, name: Name) -> tuple[str, str]:
        """The database and the name of a table; names without a database are the session's."""
        return name.database or self.database, name.name


def error_of(reason: str, category: int = USER) -> dict[str, Any]:
    """AthenaError's category and type for a reason."""
    if category == SYSTEM:
        return {"ErrorCategory": SYSTEM, "ErrorType": _SYSTEM_TYPE}
    if reason.startswith("FAILED: "):
        missing = " not found " in reason or "does not exist" in reason
        return {"ErrorCategory": USER, "ErrorType": 1301 if missing else _DEFINITION_TYPE}
    return {"ErrorCategory": USER, "ErrorType": _TYPES.get(reason.partition(":")[0], _OTHER_TYPE)}


def not_done(text: str) -> StatementFailed:
    """Hive found while it worked that it can't be done."""
    return StatementFailed(f"{_TASK} {text}")


def not_meant(text: str) -> StatementFailed:
    """Hive found that it makes no sense."""
    return StatementFailed(f"{_SEMANTIC} {text}")


def no_database(name: str) -> StatementFailed:
    """Hive's words for a database that isn't there."""
    return not_meant(f"[Error 10072]: Database does not exist: {name}")


def no_table(database: str, name: str) -> StatementFailed:
    """Hive's words for a table that isn't there."""
    return not_meant(f"[Error 10001]: Table not found {database}.{name}")


def check_catalog(rooms: Rooms, scope: Scope, name: Name) -> None:
    """Refuse a definition in a catalog that isn't the account's own."""
    if not catalogs.is_glue(rooms, scope, name.catalog):
        raise StatementFailed(f"NOT_SUPPORTED: Unsupported DDL in catalog {name.catalog}")


def find_database(rooms: Rooms, scope: Scope, name: str) -> dict[str, Any] | None:
    """A database, or None."""
    try:
        return glue.get_database(rooms, scope, name)
    except ServiceError as error:
        if error.code == "EntityNotFoundException":
            return None
        raise


def find_table(rooms: Rooms, scope: Scope, database: str, name: str) -> dict[str, Any] | None:
    """A table or view, or None."""
    try:
        return glue.get_table(rooms, scope, database, name)
    except ServiceError as error:
        if error.code == "EntityNotFoundException":
            return None
        raise


def require_table(rooms: Rooms, session: Session, name: Name) -> dict[str, Any]:
    """The table that a definition of Hive is about."""
    check_catalog(rooms, session.scope, name)
    database, table = session.qualify(name)
    found = find_table(rooms, session.scope, database, table)
    if found is None:
        raise no_table(database, table)
    return found


def place_of_new(rooms: Rooms, session: Session, name: Name) -> tuple[str, str]:
    """The database, which there has to be, and the name of what a query is to make."""
    check_catalog(rooms, session.scope, name)
    database, table = session.qualify(name)
    if find_database(rooms, session.scope, database) is None:
        raise StatementFailed(f"SCHEMA_NOT_FOUND: line 1:1: Schema {database} not found")
    return database, table


def check_names(columns: Sequence[Sequence[str]]) -> None:
    """Refuse columns that their query gives no name: they are called _col0, _col1 ... by their places."""
    for number, (name, _) in enumerate(columns):
        if name == f"_col{number}":
            raise StatementFailed(f"MISSING_COLUMN_NAME: line 1:1: Column name not specified at position {number + 1}")


def input_of(table: dict[str, Any]) -> dict[str, Any]:
    """What makes a table again: of what Glue tells, that which it takes."""
    return {name: table[name] for name in _TABLE_INPUT if name in table}


def partition_input_of(partition: dict[str, Any]) -> dict[str, Any]:
    """The same for a partition."""
    return {name: partition[name] for name in _PARTITION_INPUT if name in partition}


_TABLE_INPUT = (
    *("Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor"),
    *("PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters"),
)
_PARTITION_INPUT = ("Values", "LastAccessTime", "StorageDescriptor", "Parameters", "LastAnalyzedTime")
