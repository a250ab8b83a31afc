"""Versions of tables: what a table was before it was updated."""

from typing import Any

from clary.errors import ServiceError
from clary.services.glue import tables
from clary.services.glue.errors import as_detail
from clary.services.glue.request import page_of, scope_of
from clary.wire import Call, operation

_MOST = 100


@operation
def get_table_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A table as it was; as it is, if no version is named."""
    names = request["DatabaseName"], request["TableName"]
    version = request.get("VersionId") or "LATEST"
    return {"TableVersion": _show(tables.get_table_version(call.rooms, scope_of(call, request), *names, version))}


@operation
def get_table_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the versions, the newest first."""
    scope, names = scope_of(call, request), (request["DatabaseName"], request["TableName"])

    def rows(after: str) -> Any:
        for table in tables.get_table_versions(call.rooms, scope, *names):
            if not after or int(table["VersionId"]) < int(after):
                yield table["VersionId"], _show(table)

    found, token = page_of(call, request, rows, _MOST)
    return {"TableVersions": found, "NextToken": token}


@operation
def delete_table_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget an older version."""
    names = request["DatabaseName"], request["TableName"]
    tables.delete_table_version(call.rooms, scope_of(call, request), *names, request["VersionId"])
    return {}


@operation
def batch_delete_table_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget older versions, and tell which could not be forgotten."""
    scope, database, name, errors = scope_of(call, request), request["DatabaseName"], request["TableName"], []
    tables.get_table(call.rooms, scope, database, name)
    for version in request["VersionIds"]:
        try:
            tables.delete_table_version(call.rooms, scope, database, name, version)
        except ServiceError as error:
            errors.append({"TableName": name, "VersionId": version, "ErrorDetail": as_detail(error)})
    return {"Errors": errors}


def _show(table: dict[str, Any]) -> dict[str, Any]:
    return {"Table": table, "VersionId": table["VersionId"]}
