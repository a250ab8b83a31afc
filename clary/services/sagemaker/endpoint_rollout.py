"""DeploymentConfig: what an update of an endpoint may ask for, and the rollout that it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.hosting import PLAIN, Rollout, Step
from clary.services.cloudwatch.alarm_state import alarm_state
from clary.services.sagemaker.errors import ValidationException

if TYPE_CHECKING:
    from clary.wire import Call

_SIZE_OF_TYPE = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}

# Percent of a variant's instances that a step may take.
_BOUNDS = {"CanarySize": (1, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}
_ROLLBACK_BOUNDS = (1, 100)
_SLACK = 1e-6


def check(config: dict[str, Any] | None, deployment: dict[str, Any]) -> None:
    """Raise ValidationException for policies that don't make sense for this deployment."""
    if not config:
        return
    if any(variant.get("Serverless") for variant in deployment["Variants"]):
        raise ValidationException("DeploymentConfig: a serverless endpoint has no instances that could take turns.")
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise ValidationException(
            "DeploymentConfig: only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be given."
        )
    if blue_green:
        _check_routing(blue_green["TrafficRoutingConfiguration"])
    counts = _counts(deployment)
    for name, size in _sizes(config).items():
        _check_size(name, size, counts)
    limit = (blue_green or rolling or {}).get("MaximumExecutionTimeoutInSeconds")
    waits = sum(step.seconds for step in _steps(config, counts))
    if limit is not None and limit <= waits:
        raise ValidationException(
            f"DeploymentConfig: MaximumExecutionTimeoutInSeconds is {limit}, and must be more than the {waits:g} "
            "seconds that the deployment waits in all."
        )


def check_alarms(call: Call, config: dict[str, Any] | None) -> None:
    """Raise ValidationException for alarms that don't exist: they would guard nothing."""
    for name in _alarms(config or {}):
        if alarm_state(call.rooms, call.account, call.region, name) is None:
            raise ValidationException(
                f"DeploymentConfig.AutoRollbackConfiguration: the CloudWatch alarm {name!r} does not exist."
            )


def to_rollout(deployment: dict[str, Any]) -> Rollout:
    """A deployment's way of taking over, as the hosting room needs it."""
    config, counts = deployment.get("DeploymentConfig"), _counts(deployment)
    if not config:
        return PLAIN
    policy = config.get("BlueGreenUpdatePolicy") or config.get("RollingUpdatePolicy") or {}
    limit, size_back = policy.get("MaximumExecutionTimeoutInSeconds"), policy.get("RollbackMaximumBatchSize")
    return Rollout(
        steps=tuple(_steps(config, counts)),
        until=None if limit is None else deployment["StartTime"] + limit,
        alarms=tuple(_alarms(config)),
        rolling="RollingUpdatePolicy" in config,
        step_back=min(1.0, _share(size_back, counts)) if size_back else 1.0,
    )


def _steps(config: dict[str, Any], counts: list[int]) -> list[Step]:
    """Between two steps there is a wait; the last bakes for TerminationWaitInSeconds, or as all do in a rolling one."""
    if rolling := config.get("RollingUpdatePolicy"):
        size, wait = _share(rolling["MaximumBatchSize"], counts), rolling["WaitIntervalInSeconds"]
        return [*_even_steps(size, wait), Step(1.0, wait)]
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    wait, last = routing.get("WaitIntervalInSeconds", 0), policy.get("TerminationWaitInSeconds", 0)
    if routing["Type"] == "CANARY":
        return [Step(_share(routing["CanarySize"], counts), wait), Step(1.0, last)]
    if routing["Type"] == "LINEAR":
        return [*_even_steps(_share(routing["LinearStepSize"], counts), wait), Step(1.0, last)]
    return [Step(1.0, wait + last)]


def _even_steps(size: float, wait: float) -> list[Step]:
    """All but the last."""
    steps: list[Step] = []
    while size * (len(steps) + 1) < 1 - _SLACK:
        steps.append(Step(size * (len(steps) + 1), wait))
    return steps


def _share(size: dict[str, Any], counts: list[int]) -> float:
    """A CapacitySize as a share of the fleet; a number of instances is one of the largest variant's."""
    value: int = size["Value"]
    return value / 100 if size["Type"] == "CAPACITY_PERCENT" else value / max(counts)


def _check_routing(routing: dict[str, Any]) -> None:
    wanted = _SIZE_OF_TYPE.get(routing["Type"])
    for member in _SIZE_OF_TYPE.values():
        if (member in routing) != (member == wanted):
            verb = "needs" if member == wanted else "takes no"
            raise ValidationException(
                f"DeploymentConfig: a TrafficRoutingConfiguration of Type {routing['Type']} {verb} {member}."
            )


def _sizes(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All sizes that it gives, by their names."""
    routing = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    members = {**routing, **config.get("RollingUpdatePolicy", {})}
    return {name: members[name] for name in (*_BOUNDS, "RollbackMaximumBatchSize") if name in members}


def _check_size(name: str, size: dict[str, Any], counts: list[int]) -> None:
    least, most = _BOUNDS.get(name, _ROLLBACK_BOUNDS)
    value = size["Value"]
    percents = [value] if size["Type"] == "CAPACITY_PERCENT" else [100 * value / count for count in counts]
    if any(not least <= percent <= most for percent in percents):
        raise ValidationException(
            f"DeploymentConfig: {name} is {value} of type {size['Type']}, and must be {least} to {most} percent of "
            "each variant's instances."
        )


def _alarms(config: dict[str, Any]) -> list[str]:
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return [alarm["AlarmName"] for alarm in alarms if alarm.get("AlarmName")]


def _counts(deployment: dict[str, Any]) -> list[int]:
    """At least 1 each: an asynchronous endpoint may have been scaled to none."""
    return [max(1, variant["DesiredInstanceCount"]) for variant in deployment["Variants"]]
