"""Log groups: create, describe, delete, and how long they keep their events."""

from collections.abc import Callable
from typing import Any

from clary.errors import ValidationException
from clary.names import parse_arn
from clary.services.logs.errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from clary.store.log_events import Group
from clary.store.pages import BadToken, seal, unseal
from clary.wire import Call, operation

PAGE = 50

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096),
    *(1827, 2192, 2557, 2922, 3288, 3653),
)


@operation
def create_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new group that keeps its events for ever."""
    name = request["logGroupName"]
    if name.lower().startswith("aws/"):
        raise InvalidParameterException("Log groups starting with AWS/ are reserved for AWS.")
    if request.get("kmsKeyId"):
        raise InvalidParameterException("kmsKeyId is not supported by Clary: logs are not encrypted with KMS keys.")
    if request.get("logGroupClass", "STANDARD") != "STANDARD":
        raise InvalidParameterException(f"logGroupClass {request['logGroupClass']} is not supported by Clary.")
    settings = {"tags": request.get("tags", {}), "protected": request.get("deletionProtectionEnabled", False)}
    if not call.rooms.logs.create_group(call.account, call.region, name, settings):
        raise ResourceAlreadyExistsException("The specified log group already exists")
    return {}


@operation
def describe_log_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the groups by name."""
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    if prefix and pattern:
        raise InvalidParameterException("LogGroup name prefix and LogGroup name pattern are mutually exclusive.")
    if request.get("includeLinkedAccounts"):
        raise InvalidParameterException("includeLinkedAccounts is not supported by Clary: accounts are not linked.")
    if request.get("logGroupIdentifiers"):
        names = [_name_of(call, identifier) for identifier in request["logGroupIdentifiers"]]
        return {"logGroups": [_shown(call, require_group(call, name)) for name in sorted(set(names))]}
    if request.get("logGroupClass", "STANDARD") != "STANDARD":
        return {"logGroups": []}
    binding = (call.operation, call.account, call.region, prefix, pattern)
    limit = request.get("limit", PAGE)
    groups = call.rooms.logs.groups(
        call.account,
        call.region,
        prefix=prefix,
        contains=pattern,
        after=str(position(request, *binding, default=[""])[0]),
        limit=limit + 1,
    )
    page = {"logGroups": [_shown(call, group) for group in groups[:limit]]}
    return page if len(groups) <= limit else {**page, "nextToken": seal([groups[limit - 1].name], *binding)}


@operation
def delete_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a group with all it holds."""
    group = require_group(call, request["logGroupName"])
    if group.settings.get("protected"):
        raise ValidationException(
            f"Log group {group.name} has deletion protection enabled; disable it with PutLogGroupDeletionProtection."
        )
    call.rooms.logs.delete_group(call.account, call.region, group.name)
    return {}


@operation
def put_log_group_deletion_protection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Guard a group from DeleteLogGroup, or no longer."""
    protected = request["deletionProtectionEnabled"]
    name = _name_of(call, request["logGroupIdentifier"])
    change_group(call, name, lambda group: group.settings.update(protected=protected))
    return {}


@operation
def put_retention_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep events so many days; older ones are hidden at once and deleted soon."""
    days = request["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise InvalidParameterException(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(map(str, RETENTION_DAYS))}]"
        )
    change_group(call, request["logGroupName"], lambda group: setattr(group, "retention_days", days))
    return {}


@operation
def delete_retention_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep events for ever again."""
    change_group(call, request["logGroupName"], lambda group: setattr(group, "retention_days", None))
    return {}


def require_group(call: Call, name: str) -> Group:
    """The group, or ResourceNotFoundException."""
    group = call.rooms.logs.group(call.account, call.region, name)
    if group is None:
        raise _no_such_group()
    return group


def change_group(call: Call, name: str, function: Callable[[Group], Any]) -> None:
    """Alter a group's retention or settings in place, or ResourceNotFoundException."""
    if call.rooms.logs.change_group(call.account, call.region, name, function) is None:
        raise _no_such_group()


def requested_group(call: Call, request: dict[str, Any]) -> Group:
    """The group that logGroupName or logGroupIdentifier names."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if bool(name) == bool(identifier):
        raise InvalidParameterException("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    return require_group(call, name or _name_of(call, str(identifier)))


def position(request: dict[str, Any], *binding: object, default: list[object]) -> list[Any]:
    """The position in the request's nextToken."""
    if "nextToken" not in request:
        return default
    try:
        return unseal(request["nextToken"], *binding)
    except BadToken:
        raise InvalidParameterException("The specified nextToken is invalid.") from None


def _name_of(call: Call, identifier: str) -> str:
    arn = parse_arn(identifier)
    if arn is None:
        return identifier
    kind, _, name = arn.resource.partition(":")
    if (arn.service, arn.region, arn.account, kind) != ("logs", call.region, call.account, "log-group"):
        raise _no_such_group()
    return name.removesuffix(":*")


def _no_such_group() -> ResourceNotFoundException:
    return ResourceNotFoundException("The specified log group does not exist.")


def _shown(call: Call, group: Group) -> dict[str, Any]:
    arn = call.arn(f"log-group:{group.name}")
    return {
        "logGroupName": group.name,
        "creationTime": group.created,
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": group.stored_bytes,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": group.settings.get("protected", False),
    }
