"""Managed policies and their versions."""

from typing import Any

from clary.access.identities import new_id
from clary.names import parse_arn
from clary.services.iam.entity import POLICY, ROLE, USER, arn_of, checked_document, encoded, key_of, page
from clary.services.iam.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded, NoSuchEntity
from clary.store.records import Record, RecordExists
from clary.wire import Call, operation

VERSIONS_PER_POLICY = 5


@operation
def create_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A managed policy with its first version."""
    name, path = request["PolicyName"], request.get("Path", "/")
    body = {
        "PolicyName": name,
        "PolicyId": new_id("ANPA"),
        "Arn": arn_of(POLICY, call.account, path, name),
        "Path": path,
        "Description": request.get("Description"),
        "Tags": request.get("Tags", []),
        "DefaultVersionId": "v1",
        "Versions": {"v1": _version(call, request["PolicyDocument"])},
        "NextVersion": 2,
    }
    try:
        record = call.rooms.records.create(key_of(POLICY, call.account, name), body)
    except RecordExists:
        raise EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.") from None
    return {"Policy": _shown(call, record)}


@operation
def get_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One managed policy."""
    return {"Policy": _shown(call, require_policy(call, request["PolicyArn"]))}


@operation
def list_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The account's own policies; AWS's are not listed, Clary has no copy of them."""
    if request.get("Scope") == "AWS":
        return {"Policies": [], "IsTruncated": False}
    records, paging = page(call, POLICY, request)
    shown = [_shown(call, record) for record in records]
    if request.get("OnlyAttached"):
        shown = [policy for policy in shown if policy["AttachmentCount"]]
    return {"Policies": shown, **paging}


@operation
def delete_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a policy that is attached to nobody and has one version."""
    record = require_policy(call, request["PolicyArn"])
    if _attachments(call, record.body["Arn"]):
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    if len(record.body["Versions"]) > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy."
        )
    call.rooms.records.delete(record.key)
    return {}


@operation
def create_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A further version, at once the default one if asked."""
    record = require_policy(call, request["PolicyArn"])
    version = _version(call, request["PolicyDocument"])
    name = ""

    def add(found: Record) -> None:
        nonlocal name
        if len(found.body["Versions"]) >= VERSIONS_PER_POLICY:
            raise LimitExceeded(
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
                "existing version."
            )
        name = f"v{found.body['NextVersion']}"
        found.body["NextVersion"] += 1
        found.body["Versions"][name] = version
        if request.get("SetAsDefault"):
            found.body["DefaultVersionId"] = name

    changed = call.rooms.records.change(record.key, add)
    assert changed is not None
    return {"PolicyVersion": _shown_version(changed, name, document=False)}


@operation
def get_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One version with its document."""
    record = require_policy(call, request["PolicyArn"])
    _require_version(record, request["VersionId"])
    return {"PolicyVersion": _shown_version(record, request["VersionId"])}


@operation
def list_policy_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The versions, newest first."""
    record = require_policy(call, request["PolicyArn"])
    versions = [_shown_version(record, name, document=False) for name in reversed(record.body["Versions"])]
    return {"Versions": versions, "IsTruncated": False}


@operation
def set_default_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Choose the version that holds."""
    record = require_policy(call, request["PolicyArn"])
    _require_version(record, request["VersionId"])
    call.rooms.records.change(record.key, lambda found: found.body.update(DefaultVersionId=request["VersionId"]))
    return {}


@operation
def delete_policy_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a version that is not the default one."""
    record = require_policy(call, request["PolicyArn"])
    _require_version(record, request["VersionId"])
    if record.body["DefaultVersionId"] == request["VersionId"]:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    call.rooms.records.change(record.key, lambda found: found.body["Versions"].pop(request["VersionId"]))
    return {}


def require_policy(call: Call, arn: str) -> Record:
    """The record of a policy of this account, or NoSuchEntity."""
    parts = parse_arn(arn)
    record = None
    if parts and parts.account == call.account and parts.resource.startswith("policy/"):
        record = call.rooms.records.get(key_of(POLICY, call.account, parts.resource.rsplit("/", 1)[-1]))
    if record is None or record.body["Arn"] != arn:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
    return record


def _require_version(record: Record, version: str) -> None:
    if version not in record.body["Versions"]:
        raise NoSuchEntity(f"Policy {record.body['Arn']} version {version} does not exist or is not attachable.")


def _version(call: Call, document: str) -> dict[str, Any]:
    return {"Document": checked_document(document), "CreateDate": call.rooms.clock.now()}


def _shown_version(record: Record, name: str, *, document: bool = True) -> dict[str, Any]:
    version = record.body["Versions"][name]
    shown = {
        "VersionId": name,
        "IsDefaultVersion": record.body["DefaultVersionId"] == name,
        "CreateDate": version["CreateDate"],
    }
    return {**shown, "Document": encoded(version["Document"])} if document else shown


def _shown(call: Call, record: Record) -> dict[str, Any]:
    return {
        **record.body,
        "AttachmentCount": _attachments(call, record.body["Arn"]),
        "IsAttachable": True,
        "CreateDate": record.created,
        "UpdateDate": record.modified,
    }


def _attachments(call: Call, arn: str) -> int:
    found = (
        record for kind in (ROLE, USER) for record in call.rooms.records.walk(f"iam/{kind.word}", call.account, "")
    )
    return sum(arn in record.body["Attached"] for record in found)
