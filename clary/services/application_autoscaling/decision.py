"""How many instances a policy wants."""

from __future__ import annotations

import math
from typing import Any

from clary.services.application_autoscaling.policy_request import interval

_SLACK = 1e-9  # of an instance


def tracked(count: int, value: float, target: float) -> int:
    """As many as bring a metric, whose value falls as instances are added, to its target."""
    return math.ceil(count * value / target - _SLACK)


def stepped(count: int, value: float, threshold: float, configuration: dict[str, Any]) -> int | None:
    """As the step wants it in whose interval the breach of the alarm's threshold lies; None where it is in none."""
    breach = value - threshold
    for step in configuration["StepAdjustments"]:
        low, high = interval(step)
        # Above the threshold the lower bound belongs to the interval, below it the upper one.
        if low <= breach < high if breach >= 0 else low < breach <= high:
            return _adjusted(count, step["ScalingAdjustment"], configuration)
    return None


def _adjusted(count: int, adjustment: int, configuration: dict[str, Any]) -> int:
    least: int = configuration.get("MinAdjustmentMagnitude", 0)
    kind = configuration["AdjustmentType"]
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return count + adjustment
    change = count * adjustment / 100
    # Rounded down from 1 on, and up to 1 below it, towards more or fewer alike.
    whole = math.floor(abs(change)) if abs(change) >= 1 else math.ceil(abs(change))
    return count + max(whole, least) * (1 if adjustment > 0 else -1)
