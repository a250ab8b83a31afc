"""Event source mappings: from a stream to a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.names import make_arn
from clary.services.kinesis import inside as kinesis
from clary.services.lambda_ import mapping_reader, mapping_request
from clary.services.lambda_.errors import ResourceConflictException, no_resource
from clary.services.lambda_.function_record import every_below
from clary.services.lambda_.listing import page_of
from clary.services.lambda_.mapping_record import PLACE_KIND, function_of, mapping_key, put_place
from clary.services.lambda_.naming import parse_name
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.services.kinesis.inside import ShardInfo
    from clary.store.records import Key, Record

_DEFAULTS: dict[str, Any] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "BisectBatchOnFunctionError": False,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
    "DestinationConfig": {"OnFailure": {}},
}
_SET = (*_DEFAULTS, "FilterCriteria")


@operation
def create_event_source_mapping(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Feed a function with the records of a stream, from a place in each of its shards on."""
    mapping_request.check_source(call, request)
    name = mapping_request.function_named(call, request["FunctionName"])
    mapping_request.check(call, name, request)
    for record in _every(call):
        if (record.body["EventSourceArn"], record.body["FunctionArn"]) == (
            request["EventSourceArn"],
            name.qualified_arn,
        ):
            raise ResourceConflictException(
                f'The event source arn (" {request["EventSourceArn"]} ") and function (" {name.function} ") provided '
                f"mapping already exists. Please update or delete the existing mapping with UUID {record.key.name}"
            )
    identity = call.rooms.clock.uuid()
    key = mapping_key(call.account, call.region, identity)
    body: dict[str, Any] = {
        "UUID": identity,
        "EventSourceMappingArn": make_arn("lambda", call.region, call.account, f"event-source-mapping:{identity}"),
        "EventSourceArn": request["EventSourceArn"],
        "FunctionArn": name.qualified_arn,
        "StartingPosition": request["StartingPosition"],
        "LastModified": call.rooms.clock.now(),
        "LastProcessingResult": "No records processed",
        "State": "Enabled" if request.get("Enabled", True) else "Disabled",
        "StateTransitionReason": "User action",
        "Tags": request.get("Tags") or {},
        **_DEFAULTS,
        **{member: request[member] for member in _SET if member in request},
    }
    if "StartingPositionTimestamp" in request:
        body["StartingPositionTimestamp"] = request["StartingPositionTimestamp"]
    for shard in kinesis.shards_of(call.rooms, request["EventSourceArn"]):
        _keep_start(call, key, body, shard)
    call.rooms.records.create(key, body)
    mapping_reader.start(call.rooms, key)
    return {**body, "State": "Creating"}


@operation
def get_event_source_mapping(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One mapping."""
    record = call.rooms.records.get(_key(call, request))
    if record is None:
        raise no_resource()
    return record.body


@operation
def list_event_source_mappings(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the mappings, those of a stream or a function if one is named."""
    rows = [record.body for record in _every(call)]
    if request.get("EventSourceArn"):
        rows = [row for row in rows if row["EventSourceArn"] == request["EventSourceArn"]]
    if request.get("FunctionName"):
        arn = parse_name(call.account, call.region, request["FunctionName"]).qualified_arn
        rows = [row for row in rows if row["FunctionArn"] == arn]
    return page_of(request, "EventSourceMappings", rows)


@operation
def update_event_source_mapping(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Feed the function otherwise from the next batch on, or not at all."""
    key = _key(call, request)
    record = call.rooms.records.get(key)
    if record is None:
        raise no_resource()
    if request.get("FunctionName"):
        name = mapping_request.function_named(call, request["FunctionName"])
    else:
        name = function_of(key, record.body)
    mapping_request.check(call, name, request)
    before, now = record.body["State"], call.rooms.clock.now()

    def update(found: Record) -> None:
        found.body |= {member: request[member] for member in _SET if member in request}
        found.body |= {"FunctionArn": name.qualified_arn, "LastModified": now}
        if "Enabled" in request:
            found.body["State"] = "Enabled" if request["Enabled"] else "Disabled"

    record = call.rooms.records.change(key, update)
    if record is None:
        raise no_resource()
    mapping_reader.wake(call.rooms, key)
    mapping_reader.start(call.rooms, key)
    states = {("Enabled", "Disabled"): "Disabling", ("Disabled", "Enabled"): "Enabling"}
    return {**record.body, "State": states.get((before, record.body["State"]), "Updating")}


@operation
def delete_event_source_mapping(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Feed the function no more."""
    key = _key(call, request)
    record = call.rooms.records.delete(key)
    if record is None:
        raise no_resource()
    call.rooms.records.delete_below(PLACE_KIND, key.account, key.region, f"{key.name}:")
    mapping_reader.wake(call.rooms, key)
    return {**record.body, "State": "Deleting"}


def _keep_start(call: Call, key: Key, body: dict[str, Any], shard: ShardInfo) -> None:
    """Where reading of a shard begins; what is LATEST is nothing of a shard that takes no more records."""
    position = body["StartingPosition"]
    at = kinesis.place_of(
        call.rooms, body["EventSourceArn"], shard.number, position, body.get("StartingPositionTimestamp")
    )
    put_place(call.rooms, key, shard, at, ended=position == "LATEST" and shard.closed)


def _every(call: Call) -> list[Record]:
    return list(every_below(call.rooms, mapping_key(call.account, call.region, "")))


def _key(call: Call, request: dict[str, Any]) -> Key:
    return mapping_key(call.account, call.region, request["UUID"])
