"""Who may invoke a function: kept, and told again; nobody is refused by it."""

from __future__ import annotations

from typing import Any

from clary.services.lambda_ import policy
from clary.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException, not_done
from clary.services.lambda_.function_record import (
    change,
    check_revision,
    configuration_of,
    find_alias,
    function_key,
    name_of,
    require,
)
from clary.services.lambda_.naming import LATEST, Name
from clary.wire import Call, operation
from clary.wire.not_done import NotDone, refuse

_NOT_DONE = (
    NotDone("FunctionUrlAuthType", "function URLs"),
    NotDone("InvokedViaFunctionUrl", "function URLs"),
)
_CONDITIONS = {
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
}


@operation
def add_permission(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a statement."""
    refuse(request, _NOT_DONE, not_done)
    name = name_of(call, request)
    require(call.rooms, name._replace(qualifier=""))
    if name.qualifier == LATEST:
        raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
    if name.qualifier and not name.qualifier.isdigit() and not find_alias(call.rooms, name):
        raise ResourceNotFoundException(f"Cannot find alias arn: {name.qualified_arn}")
    configuration_of(call.rooms, name)
    statement = _statement(name, request)
    revision = call.rooms.clock.uuid()

    def update(body: dict[str, Any]) -> None:
        found = body["Policies"].get(name.qualifier)
        check_revision(found, request, "GetPolicy")
        body["Policies"][name.qualifier] = policy.add(found, statement, revision)

    change(call.rooms, name, update)
    return {"Statement": policy.written(statement)}


@operation
def get_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """All statements."""
    name = name_of(call, request)
    record = call.rooms.records.get(function_key(name))
    return policy.describe(record.body["Policies"].get(name.qualifier) if record else None)


@operation
def remove_permission(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a statement."""
    name = name_of(call, request)
    if call.rooms.records.get(function_key(name)) is None:
        raise ResourceNotFoundException(f"No policy found for: {name.qualified_arn}")
    revision = call.rooms.clock.uuid()

    def update(body: dict[str, Any]) -> None:
        found = body["Policies"].get(name.qualifier)
        check_revision(found, request, "GetPolicy")
        left = policy.remove(found, request["StatementId"], revision)
        if left:
            body["Policies"][name.qualifier] = left
        else:
            del body["Policies"][name.qualifier]

    change(call.rooms, name, update)
    return {}


def _statement(name: Name, request: dict[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": policy.principal_of(request["Principal"]),
        "Action": request["Action"],
        "Resource": name.qualified_arn,
    }
    for member, (operator, key) in _CONDITIONS.items():
        if request.get(member):
            statement.setdefault("Condition", {}).setdefault(operator, {})[key] = request[member]
    return statement
