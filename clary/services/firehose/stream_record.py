"""The record of a delivery stream: found, changed, and the plan that it makes."""

from collections.abc import Callable
from typing import Any

from clary.services.firehose.errors import ResourceNotFoundException
from clary.store.records import Key, Record
from clary.wire import Call

KIND = "firehose-stream"


def key_of(call: Call, name: str) -> Key:
    """Where a delivery stream's record lies."""
    return Key(KIND, call.account, call.region, name)


def not_found(call: Call, name: str) -> ResourceNotFoundException:
    """There is no such delivery stream."""
    return ResourceNotFoundException(f"Firehose {name} under account {call.account} not found.")


def require(call: Call, request: dict[str, Any]) -> Record:
    """The delivery stream that a request names."""
    name = request["DeliveryStreamName"]
    record = call.rooms.records.get(key_of(call, name))
    if record is None:
        raise not_found(call, name)
    return record


def change(call: Call, request: dict[str, Any], function: Callable[[dict[str, Any]], None]) -> Record:
    """Let a function change a delivery stream's body."""
    name = request["DeliveryStreamName"]
    record = call.rooms.records.change(key_of(call, name), lambda record: function(record.body))
    if record is None:
        raise not_found(call, name)
    return record
