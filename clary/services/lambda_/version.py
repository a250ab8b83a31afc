"""Versions: what $LATEST was when it was published, never changed after that."""

from __future__ import annotations

from typing import Any

from clary.services.lambda_.errors import InvalidParameterValueException, not_done
from clary.services.lambda_.function_record import (
    VERSION_KIND,
    Configuration,
    below,
    check_revision,
    function_key,
    last_modified,
    name_of,
    not_found,
    require,
)
from clary.services.lambda_.naming import Name
from clary.store.records import Draft
from clary.wire import Call, operation
from clary.wire.not_done import NotDone, refuse

_NOT_DONE = (NotDone("PublishTo", "a version for a capacity provider"),)
_UNCOMPARED = ("FunctionArn", "Version", "RevisionId", "LastModified")


@operation
def publish_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a version of $LATEST; the last one is told again where nothing has changed since."""
    refuse(request, _NOT_DONE, not_done)
    return publish(call, name_of(call, request), request)


def publish(call: Call, name: Name, request: dict[str, Any]) -> Configuration:
    """The version of what $LATEST is now."""
    name = name._replace(qualifier="")
    record = require(call.rooms, name)
    check_published(record.body["Configuration"], request)
    last = call.rooms.records.get(below(VERSION_KIND, name, str(record.body["NextVersion"] - 1)))
    if last and _is_same({**last.body["Configuration"], **last.body["Latest"]}, record.body["Configuration"]):
        found: Configuration = last.body["Configuration"]
        return found
    made = call.rooms.records.create_under(function_key(name), lambda above: _draft(call, name, above.body, request))
    if made is None:
        raise not_found(name)
    published: Configuration = made.body["Configuration"]
    return published


def check_published(configuration: Configuration, request: dict[str, Any]) -> None:
    """Refuse to publish what the caller doesn't have in mind."""
    check_revision(configuration, request)
    asked = request.get("CodeSha256")
    if asked and asked != configuration["CodeSha256"]:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({asked}) is different from current CodeSHA256 in $LATEST ({configuration['CodeSha256']}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )


def _draft(call: Call, name: Name, above: dict[str, Any], request: dict[str, Any]) -> Draft:
    latest, number = above["Configuration"], str(above["NextVersion"])
    above["NextVersion"] += 1
    configuration = {
        **latest,
        "FunctionArn": f"{name.arn}:{number}",
        "Version": number,
        "RevisionId": call.rooms.clock.uuid(),
        "LastModified": last_modified(call.rooms.clock.now()),
        "Description": request.get("Description") or latest["Description"],
    }
    body = {"Configuration": configuration, "Latest": {"Description": latest["Description"]}}
    return Draft(below(VERSION_KIND, name, number), body)


def _is_same(one: Configuration, other: Configuration) -> bool:
    bare = [{key: value for key, value in row.items() if key not in _UNCOMPARED} for row in (one, other)]
    return bare[0] == bare[1]
