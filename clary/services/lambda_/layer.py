"""Layers: archives that are unpacked into /opt, in versions that never change."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from clary.functions.archive import sha256_of
from clary.names import make_arn, parse_arn
from clary.services.lambda_ import code, policy
from clary.services.lambda_.code import LAYER_VERSION_KIND
from clary.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException, no_resource
from clary.services.lambda_.function_record import check_revision, every_below, last_modified
from clary.services.lambda_.listing import page_of
from clary.store.records import Draft, Key, Record, RecordExists
from clary.wire import Call, operation

LAYER_KIND = "lambda-layer"
_TOLD = ("CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")


@operation
def publish_layer_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep an archive as the next version."""
    key = _layer_key(call, request["LayerName"])
    with call.rooms.functions.archives.keeping:
        archive = code.store(call, request["Content"])
        with suppress(RecordExists):
            call.rooms.records.create(key, {"NextVersion": 1})
        made = call.rooms.records.create_under(key, lambda layer: _draft(call, layer, request, archive))
        assert made is not None  # layers are not deleted
    return _described(call, made)


@operation
def get_layer_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One version, and where its archive can be had."""
    if request["VersionNumber"] < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1")
    return _described(call, _require(call, request))


@operation
def get_layer_version_by_arn(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The same, by its ARN."""
    parts = parse_arn(request["Arn"])
    layer, _, number = parts.resource.removeprefix("layer:").rpartition(":") if parts else ("", "", "")
    if not parts or (parts.account, parts.region) != (call.account, call.region) or not number.isdigit():
        raise no_resource()
    return _described(call, _require(call, {"LayerName": layer, "VersionNumber": int(number)}))


@operation
def list_layers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the layers by name, each with its newest version."""
    rows = []
    for layer in every_below(call.rooms, Key(LAYER_KIND, call.account, call.region, "")):
        versions = _versions(call, layer.key.name, request)
        if versions:
            arn = make_arn("lambda", call.region, call.account, f"layer:{layer.key.name}")
            rows.append({"LayerName": layer.key.name, "LayerArn": arn, "LatestMatchingVersion": versions[0]})
    return page_of(request, "Layers", rows)


@operation
def list_layer_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a layer's versions, the newest first."""
    return page_of(request, "LayerVersions", _versions(call, _layer_key(call, request["LayerName"]).name, request))


@operation
def delete_layer_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a version, if there is one; functions that are made of it keep it."""
    call.rooms.records.delete(_version_key(call, request))
    code.remove_unused_soon(call.rooms)
    return {}


@operation
def add_layer_version_permission(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a statement of who may use a version."""
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": policy.principal_of(request["Principal"]),
        "Action": request["Action"],
        "Resource": _require(call, request).body["LayerVersionArn"],
    }
    if request.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": request["OrganizationId"]}}
    revision = call.rooms.clock.uuid()

    def update(record: Record) -> None:
        check_revision(record.body.get("Policy"), request, "GetLayerPolicy")
        record.body["Policy"] = policy.add(record.body.get("Policy"), statement, revision)

    call.rooms.records.change(_version_key(call, request), update)
    return {"Statement": policy.written(statement), "RevisionId": revision}


@operation
def get_layer_version_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """All statements."""
    return policy.describe(_require(call, request).body.get("Policy"))


@operation
def remove_layer_version_permission(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a statement."""
    _require(call, request)
    revision = call.rooms.clock.uuid()

    def update(record: Record) -> None:
        check_revision(record.body.get("Policy"), request, "GetLayerPolicy")
        record.body["Policy"] = policy.remove(record.body.get("Policy"), request["StatementId"], revision)

    call.rooms.records.change(_version_key(call, request), update)
    return {}


def _draft(call: Call, layer: Record, request: dict[str, Any], archive: str) -> Draft:
    number, name = layer.body["NextVersion"], layer.key.name
    layer.body["NextVersion"] += 1
    arn = make_arn("lambda", call.region, call.account, f"layer:{name}")
    size = call.rooms.functions.archives.size(archive)
    body = {
        "LayerArn": arn,
        "LayerVersionArn": f"{arn}:{number}",
        "Version": number,
        "Description": request.get("Description", ""),
        "CreatedDate": last_modified(call.rooms.clock.now()),
        "Content": {"CodeSha256": sha256_of(archive), "CodeSize": size},
        "Archive": archive,
        **{member: request[member] for member in _TOLD if member in request},
    }
    return Draft(Key(LAYER_VERSION_KIND, call.account, call.region, f"{name}:{number}"), body)


def _described(call: Call, record: Record) -> dict[str, Any]:
    content = {**record.body["Content"], "Location": code.location(call, record.body["Archive"])}
    return {**record.body, "Content": content}


def _layer_key(call: Call, text: str) -> Key:
    """Where the record of a layer lies that is named alone or by its ARN."""
    parts = parse_arn(text)
    if parts and (parts.account, parts.region) != (call.account, call.region):
        raise no_resource()
    return Key(LAYER_KIND, call.account, call.region, parts.resource.removeprefix("layer:") if parts else text)


def _version_key(call: Call, request: dict[str, Any]) -> Key:
    name = _layer_key(call, request["LayerName"]).name
    return Key(LAYER_VERSION_KIND, call.account, call.region, f"{name}:{request['VersionNumber']}")


def _require(call: Call, request: dict[str, Any]) -> Record:
    key = _version_key(call, request)
    record = call.rooms.records.get(key)
    if record is None:
        arn = make_arn("lambda", call.region, call.account, f"layer:{key.name}")
        raise ResourceNotFoundException(f"Layer version {arn} does not exist.")
    return record


def _versions(call: Call, layer: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The versions that fit what the request asks for, the newest first."""
    key = Key(LAYER_VERSION_KIND, call.account, call.region, f"{layer}:")
    rows = [record.body for record in every_below(call.rooms, key)]
    for asked, member in (
        ("CompatibleRuntime", "CompatibleRuntimes"),
        ("CompatibleArchitecture", "CompatibleArchitectures"),
    ):
        if request.get(asked):
            rows = [row for row in rows if request[asked] in row.get(member, ())]
    return sorted(rows, key=lambda row: -int(row["Version"]))
