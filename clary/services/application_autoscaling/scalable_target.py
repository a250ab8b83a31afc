"""Scalable targets: variants whose number of instances may be changed, and the bounds of it."""

from __future__ import annotations

from typing import Any

from clary.names import make_arn
from clary.services.application_autoscaling import listing
from clary.services.application_autoscaling.errors import ObjectNotFound, TooManyTags, ValidationException
from clary.services.application_autoscaling.kinds import TARGET
from clary.services.application_autoscaling.removal import remove
from clary.services.application_autoscaling.variant import NAMESPACE, check
from clary.services.application_autoscaling.watching import watch
from clary.services.sagemaker import endpoint_capacity
from clary.store.records import Key, Record, RecordExists
from clary.wire import Call, operation

MOST_TAGS = 50
_ROLE = (
    "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


@operation
def register_scalable_target(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a variant scalable, or change its bounds; members that are not given keep their values."""
    name = check(request)
    capacity = endpoint_capacity.find(call.rooms, call.account, call.region, name.endpoint, name.variant)
    if capacity is None:
        raise ValidationException(
            f"Could not find the variant {name.variant} of the endpoint {name.endpoint}: {request['ResourceId']}"
        )
    if capacity.serverless:
        raise ValidationException(f"The variant {name.variant} is serverless: it has no instances to scale.")
    if len(request.get("Tags", {})) > MOST_TAGS:
        raise TooManyTags(f"A scalable target has at most {MOST_TAGS} tags.")
    key = key_of(call, request)
    members = ("MinCapacity", "MaxCapacity", "RoleARN")
    given: dict[str, Any] = {member: request[member] for member in members if member in request}
    given["Least"] = 0 if capacity.queued else 1
    suspended = request.get("SuspendedState", {})
    record = call.rooms.records.change(key, lambda record: _update(record, given, suspended))
    if record is None:
        record = _create(call, key, request, given)
    watch(call.rooms)
    return {"ScalableTargetARN": record.body["ScalableTargetARN"]}


def _create(call: Call, key: Key, request: dict[str, Any], given: dict[str, Any]) -> Record:
    for member in ("MinCapacity", "MaxCapacity"):
        if member not in given:
            raise ValidationException(f"{member} is required to register a new scalable target.")
    check_bounds(given)
    body = {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": request["ResourceId"],
        "ScalableDimension": request["ScalableDimension"],
        "RoleARN": make_arn("iam", "", call.account, f"role/{_ROLE}"),
        "SuspendedState": {**_NOT_SUSPENDED, **request.get("SuspendedState", {})},
        "ScalableTargetARN": call.arn(f"scalable-target/{call.rooms.clock.hex(32)}"),
        "Tags": request.get("Tags", {}),
        **given,
    }
    try:
        return call.rooms.records.create(key, body)
    except RecordExists:  # another client was quicker
        return call.rooms.records.put(key, body)


_NOT_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def _update(record: Record, given: dict[str, Any], suspended: dict[str, bool]) -> None:
    check_bounds({**record.body, **given})
    record.body.update(given)
    record.body["SuspendedState"].update(suspended)


def check_bounds(body: dict[str, Any]) -> None:
    """Raise ValidationException for bounds that no number of instances can be in."""
    if min(body["MinCapacity"], body["MaxCapacity"]) < body["Least"]:
        raise ValidationException(
            f"MinCapacity and MaxCapacity must be at least {body['Least']}: only the variant of an asynchronous "
            "endpoint can do without instances."
        )
    if body["MaxCapacity"] < body["MinCapacity"]:
        raise ValidationException("Maximum capacity cannot be less than minimum capacity")


@operation
def describe_scalable_targets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the scalable targets."""

    def show(record: Record) -> dict[str, Any]:
        return {**record.body, "CreationTime": record.created}

    return listing.describe(call, TARGET, request, "ScalableTargets", show, ("ResourceIds", "ResourceId"))


@operation
def deregister_scalable_target(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let the variant keep its instances from now on; its policies and scheduled actions go too."""
    check(request)
    find(call, request)
    remove(call.rooms, call.account, call.region, request["ResourceId"])
    return {}


def key_of(call: Call, request: dict[str, Any]) -> Key:
    """The key of the request's target."""
    return Key(TARGET, call.account, call.region, request["ResourceId"])


def find(call: Call, request: dict[str, Any]) -> Record:
    """The request's target, or AWS's error."""
    record = call.rooms.records.get(key_of(call, request))
    if record is None:
        raise ObjectNotFound(
            f"No scalable target registered for service namespace: {request['ServiceNamespace']}, resource ID: "
            f"{request['ResourceId']}, scalable dimension: {request['ScalableDimension']}"
        )
    return record
