"""Resource policies, kept as records: statements that say who may do what."""

from __future__ import annotations

from typing import Any

import msgspec

from clary.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
    no_resource,
)

Policy = dict[str, Any]
"""Its RevisionId, and its Statements."""


def principal_of(text: str) -> Any:
    """A principal as policies write it."""
    if text == "*":
        return "*"
    if text.isdecimal() and len(text) == 12:
        return {"AWS": f"arn:aws:iam::{text}:root"}
    if text.startswith("arn:"):
        return {"AWS": text}
    if "." in text:
        return {"Service": text}
    raise InvalidParameterValueException(
        "The provided principal was invalid. Please check the principal and try again."
    )


def add(policy: Policy | None, statement: dict[str, Any], revision: str) -> Policy:
    """The policy with one more statement."""
    statements = policy["Statements"] if policy else []
    if any(found["Sid"] == statement["Sid"] for found in statements):
        raise ResourceConflictException(
            f"The statement id ({statement['Sid']}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    return {"RevisionId": revision, "Statements": [*statements, statement]}


def remove(policy: Policy | None, sid: str, revision: str) -> Policy | None:
    """The policy without a statement; None where none is left."""
    if policy is None:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    left = [found for found in policy["Statements"] if found["Sid"] != sid]
    if len(left) == len(policy["Statements"]):
        raise ResourceNotFoundException(f"Statement {sid} is not found in resource policy.")
    return {"RevisionId": revision, "Statements": left} if left else None


def written(statement: dict[str, Any]) -> str:
    """A statement as JSON."""
    return msgspec.json.encode(statement).decode()


def describe(policy: Policy | None) -> dict[str, Any]:
    """A policy as Get operations tell it."""
    if policy is None:
        raise no_resource()
    document = {"Version": "2012-10-17", "Id": "default", "Statement": policy["Statements"]}
    return {"Policy": msgspec.json.encode(document).decode(), "RevisionId": policy["RevisionId"]}
