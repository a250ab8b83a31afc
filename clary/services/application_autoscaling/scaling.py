"""Scaling: what an alarm's action or the clock asks for, within bounds and cooldowns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from clary.errors import ServiceError
from clary.services.application_autoscaling import activity
from clary.services.application_autoscaling.decision import stepped, tracked
from clary.services.application_autoscaling.errors import ObjectNotFound
from clary.services.application_autoscaling.kinds import POLICY, TARGET, named, of_resource
from clary.services.application_autoscaling.policy_request import CONFIGURATIONS, COOLDOWN, TRACKING
from clary.services.application_autoscaling.variant import parse
from clary.services.cloudwatch.alarm_state import alarm_state, latest_value
from clary.services.sagemaker import endpoint_capacity
from clary.store.records import Key, Record

if TYPE_CHECKING:
    from clary.wire import Rooms


class _Scene(NamedTuple):
    """What a policy decides by."""

    rooms: Rooms
    target: Record
    policy: Record
    alarm: Record
    now: int  # instances
    history: list[Record]  # of activities, the youngest first

    @property
    def configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = self.policy.body[CONFIGURATIONS[self.policy.body["PolicyType"]]]
        return found

    def cooling(self, member: str, *, out: bool) -> Record | None:
        """The last activity in this direction, where it is so young that it holds up the next."""
        for done in self.history:
            if (done.body["To"] > done.body["From"]) == out and done.body["StatusCode"] == "Successful":
                seconds = self.configuration.get(member, COOLDOWN)
                return done if self.rooms.clock.now() < done.body["EndTime"] + seconds else None
        return None


def act(rooms: Rooms, action: str, alarm: Record) -> bool:
    """Do what a policy says now that an alarm has called it; whether anything was scaled."""
    account, region = alarm.key.account, alarm.key.region
    _, _, place = action.partition(":resource/sagemaker/")
    resource, _, name = place.partition(":policyName/")
    policy = rooms.records.get(named(POLICY, account, region, resource, name))
    target = rooms.records.get(Key(TARGET, account, region, resource))
    if policy is None or target is None or policy.body["PolicyARN"] != action:
        raise ObjectNotFound(f"No scaling policy found with the ARN {action}.")
    variant = parse(resource)
    capacity = endpoint_capacity.find(rooms, account, region, variant.endpoint, variant.variant)
    if capacity is None:
        raise ObjectNotFound(f"Could not find {resource}.")
    if capacity.changing:
        return False
    scene = _Scene(rooms, target, policy, alarm, capacity.current, activity.settled(rooms, target))
    wanted = _tracking(scene) if policy.body["PolicyType"] == TRACKING else _stepping(scene)
    cause = f"monitor alarm {alarm.key.name} in state {alarm.status} triggered policy {name}"
    return wanted is not None and scale(rooms, target, capacity.current, wanted, cause)


def scale(rooms: Rooms, target: Record, count: int, wanted: int, cause: str) -> bool:
    """Give the target so many instances; whether it began."""
    if wanted == count:
        return False
    name, account, region = parse(target.body["ResourceId"]), target.key.account, target.key.region
    noted = activity.begin(rooms, target, count, wanted, cause)
    try:
        endpoint_capacity.set_instance_count(rooms, account, region, name.endpoint, name.variant, wanted)
    except ServiceError as error:
        activity.fail(rooms, noted, f"Failed to set desired instance count to {wanted}. {error.message}")
        raise
    return True


def _tracking(scene: _Scene) -> int | None:
    """The number that a target tracking policy wants; None where it leaves it as it is."""
    value, target_value = latest_value(scene.rooms, scene.alarm), scene.configuration["TargetValue"]
    if value is None:
        return None
    if scene.alarm.body["ComparisonOperator"].startswith("Greater"):
        base = scene.now
        if before := scene.cooling("ScaleOutCooldown", out=True):
            base = before.body["From"]  # what was added since counts towards what is wanted now
        return _bounded(scene, tracked(base, value, target_value), out=True)
    if scene.configuration.get("DisableScaleIn") or scene.cooling("ScaleInCooldown", out=False):
        return None
    wanted = tracked(scene.now, value, target_value)
    return _bounded(scene, max([wanted, *_others_want(scene)]), out=False)


def _others_want(scene: _Scene) -> list[int]:
    """What the target's other tracking policies would keep: instances go only when all of them agree."""
    rooms, (_, account, region, _) = scene.rooms, scene.target.key
    found = []
    for policy in of_resource(rooms, POLICY, account, region, scene.target.body["ResourceId"]):
        configuration = policy.body.get(CONFIGURATIONS[TRACKING], {})
        if policy.key == scene.policy.key or not configuration or configuration.get("DisableScaleIn"):
            continue
        [low] = [row["AlarmName"] for row in policy.body["Alarms"] if "-AlarmLow-" in row["AlarmName"]]
        agrees = alarm_state(rooms, account, region, low) == "ALARM"
        alarm = rooms.records.get(Key(scene.alarm.key.kind, account, region, low))
        value = latest_value(rooms, alarm) if agrees and alarm else None
        found.append(scene.now if value is None else tracked(scene.now, value, configuration["TargetValue"]))
    return found


def _stepping(scene: _Scene) -> int | None:
    """The same of a step scaling policy."""
    value = latest_value(scene.rooms, scene.alarm)
    if value is None:
        return None
    wanted = stepped(scene.now, value, scene.alarm.body["Threshold"], scene.configuration)
    if wanted is None:
        return None
    out = wanted > scene.now
    if scene.cooling("Cooldown", out=out):
        return None
    return _bounded(scene, wanted, out=out)


def _bounded(scene: _Scene, wanted: int, *, out: bool) -> int | None:
    """Within the target's bounds, and in the direction that was asked for; None where scaling is suspended."""
    body = scene.target.body
    if body["SuspendedState"]["DynamicScalingOutSuspended" if out else "DynamicScalingInSuspended"]:
        return None
    wanted = min(max(wanted, body["MinCapacity"]), body["MaxCapacity"])
    return wanted if (wanted > scene.now) == out else None
