"""Roles. The default role exists from the start."""

import json
import logging
from typing import Any

from clary.access.identities import new_id, unique_id
from clary.names import DEFAULT_ROLE, parse_arn
from clary.services.iam.entity import (
    ROLE,
    arn_of,
    change,
    checked_document,
    drop_tags,
    encoded,
    key_of,
    merge_tags,
    page,
    require,
)
from clary.services.iam.errors import DeleteConflict, EntityAlreadyExists, ValidationError
from clary.store.records import Record, RecordExists
from clary.wire import Call, Rooms, operation

log = logging.getLogger("clary.iam")

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def ensure_default_role(rooms: Rooms) -> None:
    """Create the default execution role where it is not there yet."""
    settings = rooms.settings
    key = key_of(ROLE, settings.account, DEFAULT_ROLE)
    if rooms.records.get(key) is None:
        body = _body(
            arn_of(ROLE, settings.account, "/", DEFAULT_ROLE),
            unique_id("AROA", DEFAULT_ROLE),
            {"Path": "/", "RoleName": DEFAULT_ROLE, "AssumeRolePolicyDocument": json.dumps(TRUST)},
        )
        rooms.records.create(key, body)


def find_role(rooms: Rooms, account: str, name: str) -> Record | None:
    """The role's record, for other services."""
    return rooms.records.get(key_of(ROLE, account, name))


def is_refused(rooms: Rooms, operation: str, arn: str) -> bool:
    """Whether `strict_roles` asks for a role that exists, and this one doesn't; without, that is noted in the log."""
    parts = parse_arn(arn)
    if parts and find_role(rooms, parts.account, parts.resource.rsplit("/", 1)[-1]):
        return False
    if not rooms.settings.strict_roles:
        log.info("%s: %s is not a role that exists; accepted because strict_roles is off", operation, arn)
    return rooms.settings.strict_roles


@operation
def create_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A role with its trust policy."""
    if request.get("PermissionsBoundary"):
        raise ValidationError("PermissionsBoundary is not supported by Clary yet: policies are not evaluated")
    name = request["RoleName"]
    checked_document(request["AssumeRolePolicyDocument"])
    arn = arn_of(ROLE, call.account, request.get("Path", "/"), name)
    try:
        record = call.rooms.records.create(
            key_of(ROLE, call.account, name), _body(arn, new_id("AROA"), {"Path": "/", **request})
        )
    except RecordExists:
        raise EntityAlreadyExists(f"Role with name {name} already exists.") from None
    return {"Role": _shown(record)}


@operation
def get_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One role."""
    return {"Role": _shown(require(call.rooms, ROLE, call.account, request["RoleName"]))}


@operation
def list_roles(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The roles of the account, by name; tags are left out, as AWS does."""
    records, paging = page(call, ROLE, request)
    return {"Roles": [_shown(record, tags=False) for record in records], **paging}


@operation
def update_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the description or the longest session."""
    members = {name: request[name] for name in ("Description", "MaxSessionDuration") if name in request}
    change(call, ROLE, request["RoleName"], lambda record: record.body.update(members))
    return {}


@operation
def update_role_description(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the description and show the role."""
    update_role(call, request)
    return get_role(call, request)


@operation
def update_assume_role_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace the trust policy."""
    document = checked_document(request["PolicyDocument"])
    change(call, ROLE, request["RoleName"], lambda record: record.body.update({"AssumeRolePolicyDocument": document}))
    return {}


@operation
def delete_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a role that no policy hangs on."""
    record = require(call.rooms, ROLE, call.account, request["RoleName"])
    refuse_if_policies_hang_on(record)
    call.rooms.records.delete(record.key)
    return {}


@operation
def tag_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags."""
    change(call, ROLE, request["RoleName"], lambda record: merge_tags(record.body, request["Tags"]))
    return {}


@operation
def untag_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags."""
    change(call, ROLE, request["RoleName"], lambda record: drop_tags(record.body, request["TagKeys"]))
    return {}


@operation
def list_role_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of a role."""
    return {"Tags": require(call.rooms, ROLE, call.account, request["RoleName"]).body["Tags"], "IsTruncated": False}


def refuse_if_policies_hang_on(record: Record) -> None:
    """A user or role is deleted after its policies."""
    if record.body["Attached"]:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if record.body["Inline"]:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")


def _body(arn: str, role_id: str, request: dict[str, Any]) -> dict[str, Any]:
    return {
        "MaxSessionDuration": 3600,
        "Tags": [],
        **request,
        "Arn": arn,
        "RoleId": role_id,
        "Inline": {},
        "Attached": [],
    }


def _shown(record: Record, *, tags: bool = True) -> dict[str, Any]:
    role = {**record.body, "CreateDate": record.created}
    role["AssumeRolePolicyDocument"] = encoded(role["AssumeRolePolicyDocument"])
    if not (tags and role["Tags"]):
        del role["Tags"]
    return role
