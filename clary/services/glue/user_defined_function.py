"""User-defined functions: create, get, list, update, delete."""

from typing import Any

from clary.services.glue import functions
from clary.services.glue.errors import refuse
from clary.services.glue.request import page_of, scope_of
from clary.wire import Call, operation

_MOST = 100


@operation
def create_user_defined_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new function."""
    scope, input_ = scope_of(call, request), _input(request)
    functions.create_function(call.rooms, scope, request["DatabaseName"], input_, owner=call.account)
    return {}


@operation
def get_user_defined_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A function."""
    names = request["DatabaseName"], request["FunctionName"]
    return {"UserDefinedFunction": functions.get_function(call.rooms, scope_of(call, request), *names)}


@operation
def get_user_defined_functions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the functions of a database, or of all, whose names fit a pattern."""
    scope, database = scope_of(call, request), request.get("DatabaseName") or ""
    kind = request.get("FunctionType")

    def rows(after: str) -> Any:
        for body in functions.get_functions(call.rooms, scope, database, request["Pattern"]):
            place = f"{body['DatabaseName']}\n{body['FunctionName']}"
            if place > after and kind in (None, body.get("FunctionType")):
                yield place, body

    found, token = page_of(call, request, rows, _MOST)
    return {"UserDefinedFunctions": found, "NextToken": token}


@operation
def update_user_defined_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a function what the input says."""
    names = request["DatabaseName"], request["FunctionName"]
    functions.update_function(call.rooms, scope_of(call, request), *names, _input(request))
    return {}


@operation
def delete_user_defined_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a function."""
    names = request["DatabaseName"], request["FunctionName"]
    functions.delete_function(call.rooms, scope_of(call, request), *names)
    return {}


def _input(request: dict[str, Any]) -> dict[str, Any]:
    input_: dict[str, Any] = request["FunctionInput"]
    if input_.get("GovernanceMode") != "IAM_ONLY":
        refuse(input_, "GovernanceMode")
    return input_
