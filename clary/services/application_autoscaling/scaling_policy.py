"""Scaling policies."""

from __future__ import annotations

from typing import Any

from clary.names import make_arn
from clary.services.application_autoscaling import listing, policy_alarms
from clary.services.application_autoscaling.errors import ObjectNotFound, ValidationException
from clary.services.application_autoscaling.kinds import POLICY, named
from clary.services.application_autoscaling.policy_request import CONFIGURATIONS, STEP, TRACKING, check_policy
from clary.services.application_autoscaling.scalable_target import find as find_target
from clary.services.application_autoscaling.variant import check
from clary.services.application_autoscaling.watching import watch
from clary.services.cloudwatch import alarm_state
from clary.services.cloudwatch.alarm_request import ACTION_MEMBERS
from clary.store.records import Record
from clary.wire import Call, operation


@operation
def put_scaling_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a policy with its alarms, or give it new settings."""
    check(request)
    target = find_target(call, request).body
    resource, name = target["ResourceId"], request["PolicyName"]
    key = named(POLICY, call.account, call.region, resource, name)
    old = call.rooms.records.get(key)
    kind = request.get("PolicyType") or (old.body["PolicyType"] if old else STEP)
    if old and old.body["PolicyType"] != kind:
        raise ValidationException(f"The policy type can't be changed from {old.body['PolicyType']} to {kind}.")
    configuration = check_policy({**request, "PolicyType": kind})
    place = f"scalingPolicy:{call.rooms.clock.uuid()}:resource/sagemaker/{resource}:policyName/{name}"
    arn = old.body["PolicyARN"] if old else make_arn("autoscaling", call.region, call.account, place)
    alarms = policy_alarms.requests(call, resource, name, arn, configuration) if kind == TRACKING else []
    body = {
        "PolicyARN": arn,
        "PolicyName": name,
        "ServiceNamespace": target["ServiceNamespace"],
        "ResourceId": resource,
        "ScalableDimension": target["ScalableDimension"],
        "PolicyType": kind,
        CONFIGURATIONS[kind]: configuration,
        "Alarms": policy_alarms.names(call, alarms),
    }
    call.rooms.records.put(key, body)  # before its alarms, which may call it at once
    policy_alarms.put(call, alarms)
    if old:
        gone = [row for row in old.body["Alarms"] if row not in body["Alarms"]]
        policy_alarms.delete(call.rooms, call.account, call.region, gone)
    watch(call.rooms)
    return {"PolicyARN": arn, "Alarms": body["Alarms"]}


@operation
def describe_scaling_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the policies."""

    def show(record: Record) -> dict[str, Any]:
        body = record.body
        alarms = body["Alarms"] or _alarms_of(call, body["PolicyARN"])
        return {**body, "Alarms": alarms, "CreationTime": record.created}

    return listing.describe(call, POLICY, request, "ScalingPolicies", show, ("PolicyNames", "PolicyName"))


def _alarms_of(call: Call, arn: str) -> list[dict[str, str]]:
    """The alarms that a person gave this policy as an action."""
    alarms = alarm_state.every(call.rooms, call.account, call.region)
    return [
        {"AlarmName": alarm.key.name, "AlarmARN": alarm.body["AlarmArn"]}
        for alarm in alarms
        if any(arn in alarm.body[member] for member in ACTION_MEMBERS.values())
    ]


@operation
def delete_scaling_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a policy and the alarms that were made for it."""
    check(request)
    key = named(POLICY, call.account, call.region, request["ResourceId"], request["PolicyName"])
    policy = call.rooms.records.get(key)
    if policy is None:
        raise ObjectNotFound(
            f"No scaling policy found for service namespace: {request['ServiceNamespace']}, resource ID: "
            f"{request['ResourceId']}, scalable dimension: {request['ScalableDimension']}, policy name: "
            f"{request['PolicyName']}"
        )
    policy_alarms.delete(call.rooms, call.account, call.region, policy.body["Alarms"])
    call.rooms.records.delete(key)
    return {}
