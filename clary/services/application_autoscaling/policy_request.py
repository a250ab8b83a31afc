"""What PutScalingPolicy may ask for."""

from __future__ import annotations

import math
from typing import Any

from clary.services.application_autoscaling.errors import ValidationException

PREDEFINED = "SageMakerVariantInvocationsPerInstance"
TRACKING, STEP = "TargetTrackingScaling", "StepScaling"
CONFIGURATIONS = {
    TRACKING: "TargetTrackingScalingPolicyConfiguration",
    STEP: "StepScalingPolicyConfiguration",
}
COOLDOWN = 300  # seconds; what AWS takes for endpoints where none is given

_ONE_METRIC = ("MetricName", "Namespace", "Statistic")


def check_policy(request: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the policy; ValidationException where it makes no sense or asks for what is not done."""
    kind = request["PolicyType"]
    if kind not in CONFIGURATIONS:
        raise ValidationException(
            f"PolicyType {kind} is not supported by Clary; it has {' and '.join(CONFIGURATIONS)}."
        )
    others = {*CONFIGURATIONS.values(), "PredictiveScalingPolicyConfiguration"} - {CONFIGURATIONS[kind]}
    if found := sorted(member for member in others if member in request):
        raise ValidationException(f"{found[0]} can't be given with the PolicyType {kind}.")
    configuration: dict[str, Any] | None = request.get(CONFIGURATIONS[kind])
    if configuration is None:
        raise ValidationException(f"{CONFIGURATIONS[kind]} is required with the PolicyType {kind}.")
    if kind == TRACKING:
        _check_tracking(configuration)
    else:
        _check_steps(configuration)
    for member in ("ScaleOutCooldown", "ScaleInCooldown", "Cooldown"):
        if configuration.get(member, 0) < 0:
            raise ValidationException(f"{member} must not be negative.")
    return configuration


def _check_tracking(configuration: dict[str, Any]) -> None:
    predefined = configuration.get("PredefinedMetricSpecification")
    customized = configuration.get("CustomizedMetricSpecification")
    if bool(predefined) == bool(customized):
        raise ValidationException(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given."
        )
    if configuration["TargetValue"] <= 0:
        raise ValidationException("TargetValue must be greater than 0.")
    if predefined:
        if predefined["PredefinedMetricType"] != PREDEFINED:
            raise ValidationException(
                f"PredefinedMetricType {predefined['PredefinedMetricType']} is not supported by Clary; it has "
                f"{PREDEFINED}."
            )
        if "ResourceLabel" in predefined:
            raise ValidationException(f"ResourceLabel can't be given with {PREDEFINED}.")
    elif customized:
        _check_customized(customized)


def _check_customized(metric: dict[str, Any]) -> None:
    given = [member for member in (*_ONE_METRIC, "Dimensions", "Unit") if member in metric]
    if metric.get("Metrics"):
        if given:
            raise ValidationException(f"CustomizedMetricSpecification: Metrics and {given[0]} can't both be given.")
        return
    for member in _ONE_METRIC:
        if member not in metric:
            raise ValidationException(f"CustomizedMetricSpecification.{member} is required.")


def _check_steps(configuration: dict[str, Any]) -> None:
    if "AdjustmentType" not in configuration:
        raise ValidationException("StepScalingPolicyConfiguration.AdjustmentType is required.")
    if configuration.get("MetricAggregationType", "Average") != "Average":
        raise ValidationException("MetricAggregationType can only be Average in Clary.")
    if "MinAdjustmentMagnitude" in configuration and configuration["AdjustmentType"] != "PercentChangeInCapacity":
        raise ValidationException("MinAdjustmentMagnitude can only be given with PercentChangeInCapacity.")
    if not configuration.get("StepAdjustments"):
        raise ValidationException("At least one step adjustment must be specified")
    before = -math.inf
    for low, high in sorted(interval(step) for step in configuration["StepAdjustments"]):
        if low >= high or low < before:
            raise ValidationException(
                "StepAdjustments must not overlap, and a lower bound must be below its upper one."
            )
        if before not in (-math.inf, low):
            raise ValidationException("There must be no gap between the intervals of StepAdjustments.")
        before = high


def interval(step: dict[str, Any]) -> tuple[float, float]:
    """The bounds of a step, relative to the alarm's threshold."""
    return step.get("MetricIntervalLowerBound", -math.inf), step.get("MetricIntervalUpperBound", math.inf)
