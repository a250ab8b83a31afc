"""Policies on users and roles: attached managed ones, and inline ones."""

from typing import Any

from clary.names import parse_arn
from clary.services.iam.entity import ROLE, USER, Kind, change, checked_document, encoded, require
from clary.services.iam.errors import NoSuchEntity
from clary.services.iam.policy import require_policy
from clary.store.records import Record
from clary.wire import Call, operation

Answer = dict[str, Any]


@operation
def attach_role_policy(call: Call, request: Answer) -> Answer:
    """Attach a managed policy to a role."""
    return _attach(call, ROLE, request)


@operation
def attach_user_policy(call: Call, request: Answer) -> Answer:
    """Attach a managed policy to a user."""
    return _attach(call, USER, request)


@operation
def detach_role_policy(call: Call, request: Answer) -> Answer:
    """Take a managed policy from a role."""
    return _detach(call, ROLE, request)


@operation
def detach_user_policy(call: Call, request: Answer) -> Answer:
    """Take a managed policy from a user."""
    return _detach(call, USER, request)


@operation
def list_attached_role_policies(call: Call, request: Answer) -> Answer:
    """The managed policies of a role."""
    return _list_attached(call, ROLE, request)


@operation
def list_attached_user_policies(call: Call, request: Answer) -> Answer:
    """The managed policies of a user."""
    return _list_attached(call, USER, request)


@operation
def put_role_policy(call: Call, request: Answer) -> Answer:
    """Set an inline policy of a role."""
    return _put(call, ROLE, request)


@operation
def put_user_policy(call: Call, request: Answer) -> Answer:
    """Set an inline policy of a user."""
    return _put(call, USER, request)


@operation
def get_role_policy(call: Call, request: Answer) -> Answer:
    """An inline policy of a role."""
    return _get(call, ROLE, request)


@operation
def get_user_policy(call: Call, request: Answer) -> Answer:
    """An inline policy of a user."""
    return _get(call, USER, request)


@operation
def list_role_policies(call: Call, request: Answer) -> Answer:
    """The names of the inline policies of a role."""
    return _list(call, ROLE, request)


@operation
def list_user_policies(call: Call, request: Answer) -> Answer:
    """The names of the inline policies of a user."""
    return _list(call, USER, request)


@operation
def delete_role_policy(call: Call, request: Answer) -> Answer:
    """Delete an inline policy of a role."""
    return _delete(call, ROLE, request)


@operation
def delete_user_policy(call: Call, request: Answer) -> Answer:
    """Delete an inline policy of a user."""
    return _delete(call, USER, request)


def _attach(call: Call, kind: Kind, request: Answer) -> Answer:
    arn = request["PolicyArn"]
    parts = parse_arn(arn)
    # AWS's own policies are known by name alone: Clary has no copy of their documents.
    if parts is None or parts.account != "aws":
        require_policy(call, arn)

    def attach(record: Record) -> None:
        if arn not in record.body["Attached"]:
            record.body["Attached"].append(arn)

    change(call, kind, request[kind.name_member], attach)
    return {}


def _detach(call: Call, kind: Kind, request: Answer) -> Answer:
    arn = request["PolicyArn"]

    def detach(record: Record) -> None:
        if arn not in record.body["Attached"]:
            raise NoSuchEntity(f"Policy {arn} was not found.")
        record.body["Attached"].remove(arn)

    change(call, kind, request[kind.name_member], detach)
    return {}


def _list_attached(call: Call, kind: Kind, request: Answer) -> Answer:
    attached = require(call.rooms, kind, call.account, request[kind.name_member]).body["Attached"]
    policies = [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in attached]
    return {"AttachedPolicies": policies, "IsTruncated": False}


def _put(call: Call, kind: Kind, request: Answer) -> Answer:
    document = checked_document(request["PolicyDocument"])
    name = request["PolicyName"]
    change(call, kind, request[kind.name_member], lambda record: record.body["Inline"].update({name: document}))
    return {}


def _get(call: Call, kind: Kind, request: Answer) -> Answer:
    record = require(call.rooms, kind, call.account, request[kind.name_member])
    name = request["PolicyName"]
    if name not in record.body["Inline"]:
        raise _no_inline(kind, name)
    document = encoded(record.body["Inline"][name])
    return {kind.name_member: record.key.name, "PolicyName": name, "PolicyDocument": document}


def _list(call: Call, kind: Kind, request: Answer) -> Answer:
    record = require(call.rooms, kind, call.account, request[kind.name_member])
    return {"PolicyNames": sorted(record.body["Inline"]), "IsTruncated": False}


def _delete(call: Call, kind: Kind, request: Answer) -> Answer:
    name = request["PolicyName"]

    def delete(record: Record) -> None:
        if name not in record.body["Inline"]:
            raise _no_inline(kind, name)
        del record.body["Inline"][name]

    change(call, kind, request[kind.name_member], delete)
    return {}


def _no_inline(kind: Kind, name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The {kind.word} policy with name {name} cannot be found.")
