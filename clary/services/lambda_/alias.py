"""Aliases: names for a version, or for two of which each gets its share of the events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from clary.services.lambda_.function_record import (
    ALIAS_KIND,
    below,
    check_revision,
    configuration_of,
    every_part,
    find_alias,
    name_of,
    require,
)
from clary.services.lambda_.listing import page_of
from clary.services.lambda_.naming import LATEST, Name
from clary.store.records import RecordExists
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.records import Record


@operation
def create_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Name a version."""
    name = _name(call, request)
    body = {
        "Name": name.qualifier,
        "AliasArn": name.qualified_arn,
        "FunctionVersion": request["FunctionVersion"],
        "Description": request.get("Description", ""),
        "RevisionId": call.rooms.clock.uuid(),
    }
    if (request.get("RoutingConfig") or {}).get("AdditionalVersionWeights"):
        body["RoutingConfig"] = request["RoutingConfig"]
    _check_versions(call, name, body)
    try:
        return call.rooms.records.create(below(ALIAS_KIND, name, name.qualifier), body).body
    except RecordExists:
        raise ResourceConflictException(f"Alias already exists: {name.qualified_arn}") from None


@operation
def get_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One alias."""
    name = _name(call, request)
    record = find_alias(call.rooms, name)
    if record is None:
        raise ResourceNotFoundException(f"Cannot find alias arn: {name.qualified_arn}")
    return record.body


@operation
def list_aliases(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a function's aliases by name, those of one version if it is named."""
    name = name_of(call, request)._replace(qualifier="")
    require(call.rooms, name)
    version = request.get("FunctionVersion")
    rows = [record.body for record in every_part(call.rooms, ALIAS_KIND, name)]
    return page_of(request, "Aliases", [row for row in rows if version in (None, row["FunctionVersion"])])


@operation
def update_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let a name stand for another version."""
    name, revision = _name(call, request), call.rooms.clock.uuid()

    def update(record: Record) -> None:
        check_revision(record.body, request)
        record.body.update(
            {member: request[member] for member in ("FunctionVersion", "Description") if member in request}
        )
        if "RoutingConfig" in request:
            record.body.pop("RoutingConfig", None)
            if request["RoutingConfig"].get("AdditionalVersionWeights"):
                record.body["RoutingConfig"] = request["RoutingConfig"]
        record.body["RevisionId"] = revision

    key = below(ALIAS_KIND, name, name.qualifier)
    record = call.rooms.records.get(key)
    if record is not None:
        update(record)
        _check_versions(call, name, record.body)
        record = call.rooms.records.change(key, update)
    if record is None:
        raise ResourceNotFoundException(f"Alias not found: {name.qualified_arn}")
    return record.body


@operation
def delete_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a name, if it is one."""
    name = _name(call, request)
    call.rooms.records.delete(below(ALIAS_KIND, name, name.qualifier))
    return {}


def _name(call: Call, request: dict[str, Any]) -> Name:
    name = name_of(call, request)._replace(qualifier="")
    require(call.rooms, name)
    return name._replace(qualifier=request["Name"])


def _check_versions(call: Call, name: Name, alias: dict[str, Any]) -> None:
    version = alias["FunctionVersion"]
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    if len(weights) > 1:
        raise InvalidParameterValueException("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if weights and version == LATEST:
        raise InvalidParameterValueException("$LATEST is not supported for an alias pointing to more than 1 version")
    if version in weights:
        raise InvalidParameterValueException(
            f"Invalid function version {version}. "
            f"Function version {version} is already included in routing configuration."
        )
    for number in (version, *weights):
        configuration_of(call.rooms, name._replace(qualifier=number))
