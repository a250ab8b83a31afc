"""Databases: create, get, list, update, delete."""

from typing import Any

from clary.services.glue import databases
from clary.services.glue.request import page_of, scope_of
from clary.wire import Call, operation

_MOST = 100


@operation
def create_database(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new database."""
    databases.create_database(call.rooms, scope_of(call, request), request["DatabaseInput"], request.get("Tags"))
    return {}


@operation
def get_database(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A database."""
    return {"Database": databases.get_database(call.rooms, scope_of(call, request), request["Name"])}


@operation
def get_databases(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the databases; none was shared by others."""
    scope = scope_of(call, request)
    if request.get("ResourceShareType", "ALL") != "ALL":
        return {"DatabaseList": []}
    shown = {"NAME": "Name", "TARGET_DATABASE": "TargetDatabase"}
    members = {shown[name] for name in request.get("AttributesToGet") or ()}

    def rows(after: str) -> Any:
        for body in databases.get_databases(call.rooms, scope, after):
            yield body["Name"], {name: body[name] for name in body if not members or name in members}

    found, token = page_of(call, request, rows, _MOST)
    return {"DatabaseList": found, "NextToken": token}


@operation
def update_database(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace what is said of a database."""
    databases.update_database(call.rooms, scope_of(call, request), request["Name"], request["DatabaseInput"])
    return {}


@operation
def delete_database(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a database and all it holds."""
    databases.delete_database(call.rooms, scope_of(call, request), request["Name"])
    return {}
