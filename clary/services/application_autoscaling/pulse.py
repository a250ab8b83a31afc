"""What is done on the minute: zeros for variants that nobody asked, scheduled actions that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.application_autoscaling import scheduled_action
from clary.services.application_autoscaling.kinds import ACTION, POLICY, TARGET, of_resource
from clary.services.application_autoscaling.policy_request import CONFIGURATIONS, TRACKING
from clary.services.application_autoscaling.removal import remove
from clary.services.application_autoscaling.variant import VariantName, parse
from clary.services.sagemaker import endpoint_capacity
from clary.store.metrics import Datum

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Rooms

_MINUTE = 60


def beat(rooms: Rooms) -> None:
    """Do what this minute wants: of targets whose variant is gone, of scheduled actions, of idle variants."""
    for target in list(rooms.records.every(TARGET)):
        name = parse(target.body["ResourceId"])
        account, region = target.key.account, target.key.region
        capacity = endpoint_capacity.find(rooms, account, region, name.endpoint, name.variant)
        if capacity is None:
            remove(rooms, account, region, target.body["ResourceId"])
        elif capacity.current and _is_tracked(rooms, target):
            _put_zero(rooms, target)
    for action in list(rooms.records.every(ACTION)):
        if action.body["Next"] <= rooms.clock.now():
            scheduled_action.do(rooms, action)


def _is_tracked(rooms: Rooms, target: Record) -> bool:
    policies = of_resource(rooms, POLICY, target.key.account, target.key.region, target.body["ResourceId"])
    configurations = [policy.body.get(CONFIGURATIONS[TRACKING], {}) for policy in policies]
    return any("PredefinedMetricSpecification" in configuration for configuration in configurations)


def _put_zero(rooms: Rooms, target: Record) -> None:
    """A scaled variant that got no request in the last minute had zero of them, as SageMaker puts it."""
    account, region, name = target.key.account, target.key.region, parse(target.body["ResourceId"])
    end = int(rooms.clock.now()) // _MINUTE * _MINUTE
    dimensions = _dimensions(name)
    series = ("AWS/SageMaker", "InvocationsPerInstance", dimensions)
    if not rooms.metrics.statistics(account, region, series, end - _MINUTE, end, _MINUTE):
        zero = Datum("InvocationsPerInstance", dimensions, 0.0, end - _MINUTE)
        rooms.metrics.put(account, region, "AWS/SageMaker", [zero])


def _dimensions(name: VariantName) -> dict[str, str]:
    return {row["Name"]: row["Value"] for row in name.dimensions}
