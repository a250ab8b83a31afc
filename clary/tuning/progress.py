"""How a search goes: since when nothing got better, and whether anything still will."""

from collections.abc import Sequence

WORTHWHILE = 0.01
"""By how much of itself the best cost must fall to count as better."""
PATIENCE = 10
"""Trials without an improvement after which a search has converged, or half of all trials where that is more."""


def not_improving(costs: Sequence[float]) -> int:
    """The trials since the best cost last fell by 1% or more; costs in the order in which the trials ended."""
    best, count = float("inf"), 0
    for cost in costs:
        if cost < best - WORTHWHILE * abs(best) or best == float("inf"):
            best, count = cost, 0
        else:
            count += 1
    return count


def has_converged(costs: Sequence[float]) -> bool:
    """Whether the latter half of the trials, and no fewer than ten, brought no improvement of 1%."""
    return not_improving(costs) >= max(PATIENCE, len(costs) / 2)
