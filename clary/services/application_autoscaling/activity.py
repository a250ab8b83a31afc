"""Scaling activities: what was scaled, why, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.application_autoscaling import listing
from clary.services.application_autoscaling.errors import ValidationException
from clary.services.application_autoscaling.kinds import ACTIVITY, of_resource
from clary.services.application_autoscaling.variant import parse
from clary.services.sagemaker import endpoint_capacity
from clary.store.records import Key, Record
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.wire import Rooms

_BEGINNING_SECONDS = 5  # between the note and the endpoint's own
_KEPT_SECONDS = 6 * 7 * 86_400  # six weeks, as AWS has it


def begin(rooms: Rooms, target: Record, count: int, wanted: int, cause: str) -> Key:
    """Note that a target is about to be scaled."""
    key = Key(ACTIVITY, target.key.account, target.key.region, rooms.clock.uuid())
    body = {
        "ActivityId": key.name,
        "ServiceNamespace": target.body["ServiceNamespace"],
        "ResourceId": target.body["ResourceId"],
        "ScalableDimension": target.body["ScalableDimension"],
        "Description": f"Setting desired instance count to {wanted}.",
        "Cause": cause,
        "StartTime": rooms.clock.now(),
        "StatusCode": "InProgress",
        "StatusMessage": f"Successfully set desired instance count to {wanted}. Waiting for change to be fulfilled by "
        "sagemaker.",
        "From": count,
        "To": wanted,
    }
    rooms.records.create(key, body)
    return key


def fail(rooms: Rooms, key: Key, message: str) -> None:
    """Note that it came to nothing."""
    _end(rooms, key, "Failed", message, rooms.clock.now())


def _end(rooms: Rooms, key: Key, status: str, message: str, time: float) -> None:
    change = {"StatusCode": status, "StatusMessage": message, "EndTime": time}
    rooms.records.change(key, lambda record: record.body.update(change))


def settled(rooms: Rooms, target: Record) -> list[Record]:
    """The activities of a target, the youngest first, those that have ended meanwhile marked so."""
    account, region, resource = target.key.account, target.key.region, target.body["ResourceId"]
    activities = of_resource(rooms, ACTIVITY, account, region, resource)
    for activity in activities:
        if activity.body["StatusCode"] == "InProgress":
            _settle(rooms, activity)
        elif activity.created < rooms.clock.now() - _KEPT_SECONDS:
            rooms.records.delete(activity.key)
    return of_resource(rooms, ACTIVITY, account, region, resource)


def _settle(rooms: Rooms, activity: Record) -> None:
    name, wanted, now = parse(activity.body["ResourceId"]), activity.body["To"], rooms.clock.now()
    account, region = activity.key.account, activity.key.region
    capacity = endpoint_capacity.find(rooms, account, region, name.endpoint, name.variant)
    if capacity and capacity.changing:
        return
    if capacity and capacity.current == wanted:
        message = f"Successfully set desired instance count to {wanted}. Change successfully fulfilled by sagemaker."
        _end(rooms, activity.key, "Successful", message, max(capacity.modified, activity.body["StartTime"]))
    elif now > activity.body["StartTime"] + _BEGINNING_SECONDS:
        found = f"Current count is {capacity.current}." if capacity else "The variant is gone."
        _end(rooms, activity.key, "Failed", f"Failed to set desired instance count to {wanted}. {found}", now)


@operation
def describe_scaling_activities(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the activities of six weeks, the youngest first."""
    if request.get("IncludeNotScaledActivities"):
        raise ValidationException("IncludeNotScaledActivities is not supported by Clary: only what scaled is noted.")
    for record in call.rooms.records.every(ACTIVITY):
        mine = (record.key.account, record.key.region) == (call.account, call.region)
        if mine and record.body["StatusCode"] == "InProgress":
            _settle(call.rooms, record)
    return listing.describe(call, ACTIVITY, request, "ScalingActivities", lambda record: record.body)
