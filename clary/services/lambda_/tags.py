"""Tags of functions and of event source mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.names import parse_arn
from clary.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException, not_done
from clary.services.lambda_.function_record import function_key, not_found
from clary.services.lambda_.mapping_record import mapping_key
from clary.services.lambda_.naming import parse_name
from clary.wire import Call, operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from clary.store.records import Key

_MOST = 50


@operation
def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags."""
    if not request["Tags"]:
        raise InvalidParameterValueException("An error occurred and the request cannot be processed.")

    def update(tags: dict[str, str]) -> None:
        tags |= request["Tags"]
        if len(tags) > _MOST:
            raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")

    _change(call, request["Resource"], update)
    return {}


@operation
def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags."""

    def update(tags: dict[str, str]) -> None:
        for key in request["TagKeys"]:
            tags.pop(key, None)

    _change(call, request["Resource"], update)
    return {}


@operation
def list_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """All tags."""
    key, missing = _find(call, request["Resource"])
    record = call.rooms.records.get(key)
    if record is None:
        raise missing
    return {"Tags": record.body["Tags"]}


def _change(call: Call, arn: str, function: Callable[[dict[str, str]], None]) -> None:
    key, missing = _find(call, arn)
    if call.rooms.records.change(key, lambda record: function(record.body["Tags"])) is None:
        raise missing


def _find(call: Call, arn: str) -> tuple[Key, ResourceNotFoundException]:
    """Where the record lies that an ARN names, and what to raise where there is none."""
    parts = parse_arn(arn)
    kind, _, rest = parts.resource.partition(":") if parts else ("", "", "")
    if parts and kind == "function":
        name = parse_name(call.account, call.region, arn)
        if name.qualifier:
            raise InvalidParameterValueException(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        return function_key(name), not_found(name)
    if parts and kind == "event-source-mapping":
        missing = ResourceNotFoundException(f"Event source mapping not found: {arn}")
        return mapping_key(parts.account, parts.region, rest), missing
    raise not_done("Resource", f"tags of {kind or arn}")
