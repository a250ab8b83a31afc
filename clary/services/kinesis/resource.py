"""What an ARN names: a stream, or one of its consumers; and the policy of each."""

from collections.abc import Callable
from typing import Any

import msgspec

from clary.services.kinesis import consumer_record, stream_record
from clary.services.kinesis.errors import InvalidArgumentException, ResourceNotFoundException
from clary.store.records import Key, Record
from clary.wire import Call, operation


@operation
def put_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a policy."""
    try:
        document = msgspec.json.decode(request["Policy"])
    except (ValueError, RecursionError) as problem:
        raise InvalidArgumentException(f"Policy is not valid JSON: {problem}") from None
    if not isinstance(document, dict) or "Statement" not in document:
        raise InvalidArgumentException("Policy must be a JSON object with a Statement.")
    change_resource(call, request, lambda body: body.update(Policy=request["Policy"]))
    return {}


@operation
def get_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The policy that was kept; an empty one where there is none."""
    return {"Policy": require_resource(call, request).body.get("Policy", "{}")}


@operation
def delete_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the policy."""
    change_resource(call, request, lambda body: body.pop("Policy", None))
    return {}


def require_resource(call: Call, request: dict[str, Any]) -> Record:
    """The record of what ResourceARN names."""
    record = call.rooms.records.get(_key(call, request))
    if record is None:
        raise ResourceNotFoundException(f"Resource {request['ResourceARN']} not found.")
    return record


def change_resource(call: Call, request: dict[str, Any], function: Callable[[dict[str, Any]], Any]) -> None:
    """Let a function change the body of what ResourceARN names."""
    if call.rooms.records.change(_key(call, request), lambda record: function(record.body)) is None:
        raise ResourceNotFoundException(f"Resource {request['ResourceARN']} not found.")


def _key(call: Call, request: dict[str, Any]) -> Key:
    if request.get("StreamId"):
        raise InvalidArgumentException("StreamId is reserved by AWS for future use: name the resource by ResourceARN.")
    text = request["ResourceARN"]
    stream = stream_record.require_named(call, stream_record.name_in(call, text))
    if "/consumer/" not in text:
        return stream.key
    return consumer_record.key_of(stream, text.partition("/consumer/")[2].partition(":")[0])
