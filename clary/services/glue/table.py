"""Tables: create, get, list, update, delete."""

from typing import Any

from clary.errors import ServiceError
from clary.services.glue import tables
from clary.services.glue.databases import require_database
from clary.services.glue.errors import InvalidInputException, as_detail, refuse
from clary.services.glue.request import page_of, scope_of
from clary.wire import Call, operation

_MOST = 100
_SHOWN = {"NAME": "Name", "TABLE_TYPE": "TableType"}


@operation
def create_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new table."""
    refuse(request, "TransactionId", "OpenTableFormatInput")
    tables.create_table(
        call.rooms,
        scope_of(call, request),
        request["DatabaseName"],
        _input(request),
        partition_indexes=request.get("PartitionIndexes") or (),
        creator=call.identity.arn,
    )
    return {}


@operation
def get_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A table as it is now."""
    members = _members(request)
    table = tables.get_table(call.rooms, scope_of(call, request), request["DatabaseName"], request["Name"])
    return {"Table": _show(table, members)}


@operation
def get_tables(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a database's tables; none is of a federated source."""
    members, scope = _members(request), scope_of(call, request)
    federated_only = request.get("ResourceShareType") == "FEDERATED"

    def rows(after: str) -> Any:
        pattern = request.get("Expression") or ""
        for table in tables.get_tables(call.rooms, scope, request["DatabaseName"], pattern, after):
            if not federated_only:
                yield table["Name"], _show(table, members)

    found, token = page_of(call, request, rows, _MOST)
    return {"TableList": found, "NextToken": token}


@operation
def update_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a table what the input says."""
    refuse(request, "TransactionId", "UpdateOpenTableFormatInput", "ViewUpdateAction", "Force")
    tables.update_table(
        call.rooms,
        scope_of(call, request),
        request["DatabaseName"],
        _input(request),
        skip_archive=request.get("SkipArchive", False),
        version=request.get("VersionId") or "",
    )
    return {}


@operation
def delete_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a table and all it holds; its files stay."""
    refuse(request, "TransactionId")
    tables.delete_table(call.rooms, scope_of(call, request), request["DatabaseName"], request["Name"])
    return {}


@operation
def batch_delete_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tables, and tell which could not be removed."""
    refuse(request, "TransactionId")
    scope, database, errors = scope_of(call, request), request["DatabaseName"], []
    with call.rooms.catalog.read() as tree:
        require_database(tree, scope, database)
    for name in request["TablesToDelete"]:
        try:
            tables.delete_table(call.rooms, scope, database, name)
        except ServiceError as error:
            errors.append({"TableName": name, "ErrorDetail": as_detail(error)})
    return {"Errors": errors}


def _input(request: dict[str, Any]) -> dict[str, Any]:
    """TableInput, which the model lets be missing where an Iceberg table is asked for."""
    input_: dict[str, Any] | None = request.get("TableInput")
    if input_ is None:
        raise InvalidInputException("TableInput must not be null.")
    name = request.get("Name") or input_["Name"]
    if name.lower() != input_["Name"].lower():
        raise InvalidInputException(f"Name {name} and TableInput.Name {input_['Name']} name different tables.")
    return input_


def _members(request: dict[str, Any]) -> set[str]:
    """The members of a table that are asked for; all, where none is named."""
    refuse(request, "TransactionId", "QueryAsOfTime")
    asked = set(request.get("AttributesToGet") or ())
    if "LATEST_ICEBERG_METADATA" in asked:
        raise InvalidInputException("AttributesToGet LATEST_ICEBERG_METADATA is not supported by Clary.")
    return set() if "DEFAULT" in asked else {_SHOWN[name] for name in asked}


def _show(table: dict[str, Any], members: set[str]) -> dict[str, Any]:
    return {name: table[name] for name in table if name in members} if members else table
