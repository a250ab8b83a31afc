"""Changes of $LATEST: its code and its configuration."""

from __future__ import annotations

from typing import Any

from clary.services.lambda_ import code, function_request, layers_of_function
from clary.services.lambda_.function import code_members, logging_config
from clary.services.lambda_.function_record import (
    Configuration,
    change,
    check_revision,
    last_modified,
    name_of,
    require,
)
from clary.services.lambda_.naming import Name
from clary.services.lambda_.version import publish
from clary.wire import Call, operation

_SET = ("Role", "Handler", "Description", "Timeout", "MemorySize", "Runtime", "EphemeralStorage")


@operation
def update_function_code(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Run other code from now on."""
    name = name_of(call, request)._replace(qualifier="")
    function_request.check(call, request)
    latest = require(call.rooms, name).body["Configuration"]
    check_revision(latest, request)
    with call.rooms.functions.archives.keeping:
        members = code_members(call, code.store(call, request))
        layers_of_function.check_size(call, members["Archive"], latest.get("LayerArchives", ()))
        if not request.get("DryRun"):
            latest = _update(call, name, request, members)
    code.remove_unused_soon(call.rooms)
    if request.get("DryRun"):
        return {**latest, **members}
    return publish(call, name, {}) if request.get("Publish") else latest


@operation
def update_function_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Run it with other settings from now on."""
    name = name_of(call, request)._replace(qualifier="")
    function_request.check(call, request)
    members: Configuration = {member: request[member] for member in _SET if member in request}
    if "Environment" in request:
        members["Environment"] = {"Variables": request["Environment"].get("Variables") or {}}
    if "LoggingConfig" in request:
        members["LoggingConfig"] = logging_config(name, request)
    if "Layers" in request:
        members |= layers_of_function.members(call, request["Layers"])
        archive = require(call.rooms, name).body["Configuration"]["Archive"]
        layers_of_function.check_size(call, archive, members["LayerArchives"])
    return _update(call, name, request, members)


def _update(call: Call, name: Name, request: dict[str, Any], members: Configuration) -> Configuration:
    fresh = {"RevisionId": call.rooms.clock.uuid(), "LastModified": last_modified(call.rooms.clock.now())}

    def update(body: dict[str, Any]) -> None:
        check_revision(body["Configuration"], request)
        body["Configuration"] |= {**members, **fresh}

    configuration: Configuration = change(call.rooms, name, update).body["Configuration"]
    return configuration
