"""Delivery streams: create, delete, describe, list, update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clary.services.firehose import stream_record
from clary.services.firehose.checks import is_enabled
from clary.services.firehose.destination import create_destination
from clary.services.firehose.destination import update_destination as updated
from clary.services.firehose.errors import (
    ConcurrentModificationException,
    InvalidArgumentException,
    InvalidKMSResourceException,
    LimitExceededException,
    ResourceInUseException,
)
from clary.services.firehose.plan_of import conversion_of, plan_of
from clary.services.firehose.schema import check_schema
from clary.services.firehose.tags import set_tags
from clary.services.iam import role
from clary.services.kinesis import inside as kinesis
from clary.store.records import Query, RecordExists
from clary.wire import Call, operation

LIMIT = 5000
_SOURCES = {"DirectPut", "KinesisStreamAsSource"}


@operation
def create_delivery_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new delivery stream, which takes records at once."""
    name, kind = request["DeliveryStreamName"], request.get("DeliveryStreamType") or "DirectPut"
    if request.get("DeliveryStreamEncryptionConfigurationInput"):
        raise InvalidKMSResourceException("Clary has no KMS and stores delivery streams without encryption.")
    _check_roles(call, request)
    if len(_names(call)) >= LIMIT:
        raise LimitExceededException(f"You have already consumed your firehose quota of {LIMIT} hoses.")
    destination = create_destination(request)
    source = _source(call, request, kind)
    _check_schema(call, name, destination, {})
    now, arn = call.rooms.clock.now(), call.arn(f"deliverystream/{name}")
    body: dict[str, Any] = {
        "Id": call.rooms.clock.hex(24),
        "DeliveryStreamName": name,
        "DeliveryStreamARN": arn,
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": kind,
        "VersionId": "1",
        "CreateTimestamp": now,
        "Destinations": [destination],
        "HasMoreDestinations": False,
        "Tags": set_tags({}, request.get("Tags") or []),
        **source,
    }
    _hide_access_key(body)
    try:
        record = call.rooms.records.create(stream_record.key_of(call, name), body, status="ACTIVE")
    except RecordExists:
        raise ResourceInUseException(f"Firehose {name} under accountId {call.account} already exists") from None
    call.rooms.delivery.open(plan_of(record))
    return {"DeliveryStreamARN": arn}


@operation
def delete_delivery_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a delivery stream, and what it has not delivered."""
    record = stream_record.require(call, request)
    call.rooms.records.delete(record.key)
    call.rooms.delivery.remove(record.body["Id"])
    return {}


@operation
def describe_delivery_stream(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A delivery stream with its destination."""
    body = stream_record.require(call, request).body
    after = request.get("ExclusiveStartDestinationId") or ""
    shown = [destination for destination in body["Destinations"] if destination["DestinationId"] > after]
    return {"DeliveryStreamDescription": {**body, "Destinations": shown}}


@operation
def list_delivery_streams(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the delivery streams by name."""
    after, kind = request.get("ExclusiveStartDeliveryStreamName") or "", request.get("DeliveryStreamType")
    limit = request.get("Limit", 10)
    names = [name for name, its_kind in _names(call) if name > after and kind in (None, its_kind)]
    return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}


@operation
def update_destination(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change a destination; batches that are begun are delivered as they were."""
    _check_roles(call, request)

    def change(body: dict[str, Any]) -> None:
        has, asked = body["VersionId"], request["CurrentDeliveryStreamVersionId"]
        if asked != has:
            raise ConcurrentModificationException(
                f"Cannot update firehose: {body['DeliveryStreamName']} since the current version id: {has} "
                f"and specified version id: {asked} do not match"
            )
        [had] = body["Destinations"]
        body["Destinations"] = [destination := updated(request, had)]
        _check_schema(call, body["DeliveryStreamName"], destination, had)
        body["VersionId"] = str(int(body["VersionId"]) + 1)
        body["LastUpdateTimestamp"] = call.rooms.clock.now()
        _hide_access_key(body)

    call.rooms.delivery.change(plan_of(stream_record.change(call, request, change)))
    return {}


def _check_roles(call: Call, request: dict[str, Any]) -> None:
    for arn in sorted(set(_roles_in(request))):
        if role.is_refused(call.rooms, call.operation, arn):
            raise InvalidArgumentException(f"Firehose is unable to assume role {arn}. Please check the role provided.")


def _check_schema(call: Call, name: str, destination: dict[str, Any], before: dict[str, Any]) -> None:
    """Refuse a conversion that is new and could never be done."""
    member, place = "DataFormatConversionConfiguration", "ExtendedS3DestinationDescription"
    described, had = destination.get(place) or {}, before.get(place) or {}
    if is_enabled(described, member) and described[member] != had.get(member):
        check_schema(call.rooms, conversion_of(described, stream_record.key_of(call, name)))


def _roles_in(document: Any) -> Iterator[str]:
    """The values of all members RoleARN, however deep."""
    if isinstance(document, dict):
        if isinstance(document.get("RoleARN"), str):
            yield document["RoleARN"]
        document = list(document.values())
    if isinstance(document, list):
        for item in document:
            yield from _roles_in(item)


def _source(call: Call, request: dict[str, Any], kind: str) -> dict[str, Any]:
    """What is described of where records come from; those of a Kinesis stream are never encrypted by Firehose."""
    if kind not in _SOURCES:
        raise InvalidArgumentException(f"DeliveryStreamType {kind} is not supported by Clary.")
    configuration, given = request.get("KinesisStreamSourceConfiguration"), request.get("DirectPutSourceConfiguration")
    for member in ("MSKSourceConfiguration", "DatabaseSourceConfiguration"):
        if request.get(member):
            raise InvalidArgumentException(f"{member} is not supported by Clary.")
    if kind == "DirectPut":
        if configuration:
            raise InvalidArgumentException(
                "KinesisStreamSourceConfig is only applicable for KinesisStreamAsSource stream type."
            )
        hint = {"Source": {"DirectPutSourceDescription": given}} if given else {}
        return {"DeliveryStreamEncryptionConfiguration": {"Status": "DISABLED"}, **hint}
    if not configuration or given:
        raise InvalidArgumentException(
            "KinesisStreamSourceConfiguration alone must be given for the stream type KinesisStreamAsSource."
        )
    kinesis.check(call.rooms, configuration["KinesisStreamARN"])
    described = {**configuration, "DeliveryStartTimestamp": call.rooms.clock.now()}
    return {"Source": {"KinesisStreamSourceDescription": described}}


def _hide_access_key(body: dict[str, Any]) -> None:
    """An endpoint's key is kept and never shown."""
    endpoint = body["Destinations"][0].get("HttpEndpointDestinationDescription") or {}
    configuration = dict(endpoint.get("EndpointConfiguration") or {})
    if "AccessKey" in configuration:
        body["AccessKey"] = configuration.pop("AccessKey")
        endpoint["EndpointConfiguration"] = configuration


def _names(call: Call) -> list[tuple[str, str]]:
    """Names and types of all delivery streams of the account and region, by name."""
    by_name = Query(order_by="name", descending=False, limit=1000)
    found = call.rooms.records.walk(stream_record.KIND, call.account, call.region, by_name)
    return [(record.key.name, record.body["DeliveryStreamType"]) for record in found]
