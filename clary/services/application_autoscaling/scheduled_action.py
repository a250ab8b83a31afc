"""Scheduled actions: new bounds for a target at set times."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.names import make_arn
from clary.schedule import Schedule
from clary.services.application_autoscaling import listing
from clary.services.application_autoscaling.errors import ObjectNotFound, ValidationException
from clary.services.application_autoscaling.kinds import ACTION, TARGET, named
from clary.services.application_autoscaling.scalable_target import check_bounds
from clary.services.application_autoscaling.scalable_target import find as find_target
from clary.services.application_autoscaling.scaling import scale
from clary.services.application_autoscaling.variant import check, parse
from clary.services.application_autoscaling.watching import watch
from clary.services.sagemaker import endpoint_capacity
from clary.store.records import Key, Record
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.wire import Rooms


@operation
def put_scheduled_action(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a scheduled action, or change the members that are given."""
    check(request)
    target = find_target(call, request).body
    resource, name, now = target["ResourceId"], request["ScheduledActionName"], call.rooms.clock.now()
    key = named(ACTION, call.account, call.region, resource, name)
    old = call.rooms.records.get(key)
    place = f"scheduledAction:{call.rooms.clock.uuid()}:resource/sagemaker/{resource}:scheduledActionName/{name}"
    fresh = {"ScheduledActionARN": make_arn("autoscaling", call.region, call.account, place), "Timezone": "UTC"}
    body = {**(old.body if old else fresh), **request}
    for member in ("Schedule", "ScalableTargetAction"):
        if member not in body:
            raise ValidationException(f"{member} is required to create a scheduled action.")
    bounds = body["ScalableTargetAction"]
    if not bounds:
        raise ValidationException("ScalableTargetAction needs MinCapacity, MaxCapacity or both.")
    check_bounds({**target, **bounds})
    body["From"] = old.body["From"] if old and "StartTime" not in request else body.get("StartTime", now)
    body["Next"] = _schedule(body).after(now)
    if body["Next"] is None:
        raise ValidationException("Schedule: no time of it lies in the future, between StartTime and EndTime.")
    call.rooms.records.put(key, body)
    watch(call.rooms)
    return {}


def _schedule(body: dict[str, Any]) -> Schedule:
    return Schedule(body["Schedule"], body["Timezone"], body["From"], body.get("EndTime", math.inf))


@operation
def describe_scheduled_actions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the scheduled actions."""

    def show(record: Record) -> dict[str, Any]:
        return {**record.body, "CreationTime": record.created}

    names = ("ScheduledActionNames", "ScheduledActionName")
    return listing.describe(call, ACTION, request, "ScheduledActions", show, names)


@operation
def delete_scheduled_action(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a scheduled action; the bounds that it set stay."""
    check(request)
    key = named(ACTION, call.account, call.region, request["ResourceId"], request["ScheduledActionName"])
    if call.rooms.records.delete(key) is None:
        raise ObjectNotFound(
            f"No scheduled action found for service namespace: {request['ServiceNamespace']}, resource ID: "
            f"{request['ResourceId']}, scalable dimension: {request['ScalableDimension']}, scheduled action name: "
            f"{request['ScheduledActionName']}"
        )
    return {}


def do(rooms: Rooms, action: Record) -> None:
    """Do what a scheduled action wants now; while the endpoint is being updated it stays due."""
    account, region, body = action.key.account, action.key.region, action.body
    key, name = Key(TARGET, account, region, body["ResourceId"]), parse(body["ResourceId"])
    capacity = endpoint_capacity.find(rooms, account, region, name.endpoint, name.variant)
    target = rooms.records.get(key)
    if capacity and target and not target.body["SuspendedState"]["ScheduledScalingSuspended"]:
        if capacity.changing:
            return
        target = rooms.records.change(key, lambda record: _set_bounds(record.body, body["ScalableTargetAction"]))
        if target is not None:
            _scale(
                rooms, target, capacity.current, f"scheduled action name {body['ScheduledActionName']} was triggered"
            )
    following = _schedule(body).after(rooms.clock.now())
    if following is None:
        rooms.records.delete(action.key)
    else:
        rooms.records.change(action.key, lambda record: record.body.update(Next=following))


def _set_bounds(body: dict[str, Any], bounds: dict[str, int]) -> None:
    """The bound that the action doesn't name gives way."""
    body.update(bounds)
    if body["MaxCapacity"] < body["MinCapacity"]:
        body["MinCapacity" if "MaxCapacity" in bounds else "MaxCapacity"] = min(bounds.values())


def _scale(rooms: Rooms, target: Record, count: int, cause: str) -> None:
    wanted = min(max(count, target.body["MinCapacity"]), target.body["MaxCapacity"])
    with suppress(ServiceError):  # the activity says why
        scale(rooms, target, count, wanted, cause)
