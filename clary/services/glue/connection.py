"""Connections: create, get, list, update, delete, test."""

from typing import Any

from clary.errors import ServiceError
from clary.services.glue import connections
from clary.services.glue.errors import InvalidInputException, as_detail, refuse
from clary.services.glue.request import page_of, scope_of
from clary.wire import Call, operation

_MOST = 1000


@operation
def create_connection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new connection."""
    connections.create_connection(
        call.rooms,
        scope_of(call, request),
        request["ConnectionInput"],
        creator=call.identity.arn,
        tags=request.get("Tags") or {},
    )
    return {"CreateConnectionStatus": "READY"}


@operation
def get_connection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A connection, without its password if that is asked for."""
    refuse(request, "ApplyOverrideForComputeEnvironment")
    found = connections.get_connection(call.rooms, scope_of(call, request), request["Name"])
    return {"Connection": _show(found, hidden=request.get("HidePassword", False))}


@operation
def get_connections(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the connections that a filter lets through."""
    scope, wanted = scope_of(call, request), request.get("Filter") or {}
    hidden = request.get("HidePassword", False)

    def rows(after: str) -> Any:
        for body in connections.get_connections(call.rooms, scope, after):
            if _fits(body, wanted):
                yield body["Name"], _show(body, hidden=hidden)

    found, token = page_of(call, request, rows, _MOST)
    return {"ConnectionList": found, "NextToken": token}


@operation
def update_connection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a connection what the input says."""
    scope, input_ = scope_of(call, request), request["ConnectionInput"]
    connections.update_connection(call.rooms, scope, request["Name"], input_, creator=call.identity.arn)
    return {}


@operation
def delete_connection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a connection."""
    connections.delete_connection(call.rooms, scope_of(call, request), request["ConnectionName"])
    return {}


@operation
def batch_delete_connection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget connections, and tell which there were none of."""
    scope, succeeded, errors = scope_of(call, request), [], {}
    for name in request["ConnectionNameList"]:
        try:
            connections.delete_connection(call.rooms, scope, name)
            succeeded.append(name)
        except ServiceError as error:
            errors[name] = as_detail(error)
    return {"Succeeded": succeeded, "Errors": errors}


@operation
def test_connection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Connect, and answer when the database did."""
    scope, input_ = scope_of(call, request), request.get("TestConnectionInput")
    if input_ and request.get("ConnectionName"):
        raise InvalidInputException("ConnectionName and TestConnectionInput exclude each other.")
    if input_:
        refuse(input_, "AuthenticationConfiguration")
    elif not request.get("ConnectionName"):
        raise InvalidInputException("Either ConnectionName or TestConnectionInput must be given.")
    else:
        input_ = connections.get_connection(call.rooms, scope, request["ConnectionName"])
    connections.try_connection(call.rooms, input_)
    return {}


def _show(body: dict[str, Any], *, hidden: bool) -> dict[str, Any]:
    properties = body["ConnectionProperties"]
    if hidden:
        properties = {name: value for name, value in properties.items() if name != "PASSWORD"}
    return {**body, "ConnectionProperties": properties}


def _fits(body: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return (
        wanted.get("ConnectionType", body["ConnectionType"]) == body["ConnectionType"]
        and wanted.get("ConnectionSchemaVersion", 1) == body["ConnectionSchemaVersion"]
        and set(wanted.get("MatchCriteria") or ()) <= set(body.get("MatchCriteria") or ())
    )
