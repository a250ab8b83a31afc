"""Tags of log groups, in the new form by ARN and in the old one by name."""

from typing import Any

from clary.names import parse_arn
from clary.services.logs.errors import InvalidParameterException, ResourceNotFoundException, TooManyTagsException
from clary.services.logs.log_group import change_group, require_group
from clary.store.log_events import Group
from clary.wire import Call, operation

_MOST_TAGS = 50


@operation
def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of the group that an ARN names."""
    return _tag(call, _group_of(call, request["resourceArn"]), request["tags"])


@operation
def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of the group that an ARN names."""
    return _untag(call, _group_of(call, request["resourceArn"]), request["tagKeys"])


@operation
def list_tags_for_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of the group that an ARN names."""
    return _tags(call, _group_of(call, request["resourceArn"]))


@operation
def tag_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of a group."""
    return _tag(call, request["logGroupName"], request["tags"])


@operation
def untag_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of a group."""
    return _untag(call, request["logGroupName"], request["tags"])


@operation
def list_tags_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of a group."""
    return _tags(call, request["logGroupName"])


def _group_of(call: Call, text: str) -> str:
    arn = parse_arn(text)
    if arn is None or arn.service != "logs":
        raise InvalidParameterException(f"resourceArn must be the ARN of a log group, not {text!r}.")
    kind, _, name = arn.resource.partition(":")
    if kind != "log-group":
        raise InvalidParameterException(f"Only log groups have tags in Clary; {text!r} is none.")
    if (arn.region, arn.account) != (call.region, call.account):
        raise ResourceNotFoundException("The specified log group does not exist.")
    return name


def _tag(call: Call, name: str, tags: dict[str, str]) -> dict[str, Any]:
    def change(group: Group) -> None:
        merged = {**group.settings.get("tags", {}), **tags}
        if len(merged) > _MOST_TAGS:
            raise TooManyTagsException(
                f"A log group can have at most {_MOST_TAGS} tags.", fields={"resourceName": group.name}
            )
        group.settings["tags"] = merged

    change_group(call, name, change)
    return {}


def _untag(call: Call, name: str, keys: list[str]) -> dict[str, Any]:
    def change(group: Group) -> None:
        tags = group.settings.get("tags", {})
        group.settings["tags"] = {key: value for key, value in tags.items() if key not in keys}

    change_group(call, name, change)
    return {}


def _tags(call: Call, name: str) -> dict[str, Any]:
    return {"tags": require_group(call, name).settings.get("tags", {})}
