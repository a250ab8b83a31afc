"""Functions: create, get, list, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.functions.archive import sha256_of
from clary.services.lambda_ import code, function_request, layers_of_function
from clary.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    invalid,
)
from clary.services.lambda_.function_record import (
    ALIAS_KIND,
    FUNCTION_KIND,
    VERSION_KIND,
    Configuration,
    below,
    configuration_of,
    every_part,
    function_key,
    last_modified,
    name_of,
    not_found,
    require,
)
from clary.services.lambda_.listing import page_of
from clary.services.lambda_.naming import LATEST, Name, parse_name
from clary.services.lambda_.version import publish
from clary.store.pages import BadToken
from clary.store.records import Query, RecordExists
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.records import Record

_PAGE = 50
_NOT_LISTED = ("State", "StateReason", "LastUpdateStatus", "LastUpdateStatusReason")


@operation
def create_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the code and the configuration; the function is active at once."""
    name = name_of(call, request)
    function_request.check_name(name.function)
    for member in ("Runtime", "Handler"):
        if not request.get(member):
            raise InvalidParameterValueException(
                f"{member} is mandatory for functions created with deployment packages"
            )
    function_request.check(call, request)
    with call.rooms.functions.archives.keeping:
        if call.rooms.records.get(function_key(name)):
            raise ResourceConflictException(f"Function already exist: {name.function}")
        configuration = _new_configuration(call, name, request)
        body = {"Configuration": configuration, "NextVersion": 1, "Tags": request.get("Tags") or {}, "Policies": {}}
        try:
            call.rooms.records.create(function_key(name), body)
        except RecordExists:
            raise ResourceConflictException(f"Function already exist: {name.function}") from None
    if request.get("Publish"):
        return {**publish(call, name, {}), "FunctionArn": name.arn}
    return configuration


@operation
def get_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The configuration, where the code can be had, tags and reserved concurrency."""
    name = name_of(call, request)
    configuration, record = configuration_of(call.rooms, name), require(call.rooms, name)
    found: dict[str, Any] = {
        "Configuration": configuration,
        "Code": {"RepositoryType": "S3", "Location": code.location(call, configuration["Archive"])},
    }
    if record.body["Tags"] and not name.qualifier:
        found["Tags"] = record.body["Tags"]
    if "Reserved" in record.body and not name.qualifier:
        found["Concurrency"] = {"ReservedConcurrentExecutions": record.body["Reserved"]}
    return found


@operation
def get_function_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The configuration alone."""
    return configuration_of(call.rooms, name_of(call, request))


@operation
def list_functions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the functions by name, with all their versions where ALL are asked for."""
    if request.get("MasterRegion"):
        raise InvalidParameterValueException("MasterRegion asks for functions at the edge, which Clary does not have.")
    query = Query(
        order_by="name",
        descending=False,
        limit=min(request.get("MaxItems", _PAGE), _PAGE),
        token=request.get("Marker") or "",
    )
    try:
        page = call.rooms.records.find(FUNCTION_KIND, call.account, call.region, query)
    except BadToken:
        raise InvalidParameterValueException("Marker is invalid.") from None
    found = []
    for record in page.records:
        if request.get("FunctionVersion") != "ALL":
            found.append(listed(record.body["Configuration"]))
            continue
        name = parse_name(call.account, call.region, record.key.name)
        found += versions_of(call, name, record)
    return {"Functions": found, "NextMarker": page.next_token or None}


@operation
def list_versions_by_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a function's versions, $LATEST first."""
    name = name_of(call, request)
    return page_of(request, "Versions", versions_of(call, name, require(call.rooms, name)))


@operation
def delete_function(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a version, or the function with all that belongs to it."""
    name = name_of(call, request)
    record = require(call.rooms, name._replace(qualifier=""))
    if name.qualifier:
        _delete_version(call, name)
    else:
        for kind in (VERSION_KIND, ALIAS_KIND, "lambda-invoke-config"):
            call.rooms.records.delete_below(kind, name.account, name.region, f"{name.function}:")
        with call.rooms.functions.reserving:
            call.rooms.records.delete(record.key)
            call.rooms.functions.reserved.pop(name.arn, None)
    version = name.qualifier
    call.rooms.functions.forget(name.arn, version)
    code.remove_unused_soon(call.rooms)
    return {"StatusCode": 204}


def listed(configuration: Configuration) -> Configuration:
    """A configuration as listings show it."""
    return {member: value for member, value in configuration.items() if member not in _NOT_LISTED}


def versions_of(call: Call, name: Name, record: Record) -> list[Configuration]:
    """All versions, $LATEST first, with qualified ARNs."""
    found = [record.body["Configuration"]]
    found += sorted(
        (version.body["Configuration"] for version in every_part(call.rooms, VERSION_KIND, name)),
        key=lambda configuration: int(configuration["Version"]),
    )
    return [{**listed(row), "FunctionArn": f"{name.arn}:{row['Version']}"} for row in found]


def _new_configuration(call: Call, name: Name, request: dict[str, Any]) -> Configuration:
    archive = code.store(call, request["Code"])
    configuration: Configuration = {
        "FunctionName": name.function,
        "FunctionArn": name.arn,
        "Runtime": request["Runtime"],
        "Role": request["Role"],
        "Handler": request["Handler"],
        "Description": request.get("Description", ""),
        "Timeout": request.get("Timeout", 3),
        "MemorySize": request.get("MemorySize", 128),
        "LastModified": last_modified(call.rooms.clock.now()),
        "Version": LATEST,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": call.rooms.clock.uuid(),
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [function_request.ARCHITECTURE],
        "EphemeralStorage": request.get("EphemeralStorage", {"Size": 512}),
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": logging_config(name, request),
        **code_members(call, archive),
    }
    if "Environment" in request:
        configuration["Environment"] = {"Variables": request["Environment"].get("Variables") or {}}
    if request.get("Layers"):
        configuration |= layers_of_function.members(call, request["Layers"])
        layers_of_function.check_size(call, archive, configuration["LayerArchives"])
    return configuration


def code_members(call: Call, archive: str) -> Configuration:
    """What a configuration tells of its code."""
    size = call.rooms.functions.archives.size(archive)
    return {"Archive": archive, "CodeSha256": sha256_of(archive), "CodeSize": size}


def logging_config(name: Name, request: dict[str, Any]) -> dict[str, Any]:
    """Where the logs go, and in which form."""
    asked = request.get("LoggingConfig") or {}
    group = {"LogGroup": asked.get("LogGroup") or f"/aws/lambda/{name.function}"}
    if asked.get("LogFormat", "Text") == "Text":
        return {"LogFormat": "Text", **group}
    levels = {member: asked.get(member, "INFO") for member in ("ApplicationLogLevel", "SystemLogLevel")}
    return {"LogFormat": "JSON", **levels, **group}


def _delete_version(call: Call, name: Name) -> None:
    if name.qualifier == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if not name.qualifier.isdigit():
        raise invalid(
            f"Value '{name.qualifier}' at 'qualifier' failed to satisfy constraint: a version's number is needed, "
            "aliases are deleted by DeleteAlias"
        )
    for alias in every_part(call.rooms, ALIAS_KIND, name):
        weights = (alias.body.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})
        if name.qualifier in (alias.body["FunctionVersion"], *weights):
            raise ResourceConflictException(
                f"Version {name.qualifier} of function {name.function} is in use by the alias {alias.body['Name']}."
            )
    if call.rooms.records.delete(below(VERSION_KIND, name, name.qualifier)) is None:
        raise not_found(name)
