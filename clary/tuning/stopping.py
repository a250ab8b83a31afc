"""When a trial that runs is not worth going on with: its costs so far against those of others, one an epoch."""

import statistics
from collections.abc import Sequence

ENOUGH = 5
"""Trials that must have ended before their median says anything."""
KEPT = 3
"""Of so many trials that reach a rung, Hyperband lets one go on."""


def is_below_median(costs: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """SageMaker's rule: the last cost is worse than the median of the others' running averages up to that epoch."""
    others = [other for other in others if other]
    if not costs or len(others) < ENOUGH:
        return False
    averages = [statistics.fmean(other[: len(costs)]) for other in others]
    return costs[-1] > statistics.median(averages)


def rungs(least: int, most: int, bracket: int) -> list[int]:
    """The epochs at which trials are compared: from `least` on, three times as many each; later in later brackets."""
    found = []
    epoch = least * KEPT**bracket
    while epoch < most:
        found.append(epoch)
        epoch *= KEPT
    return found


def brackets(least: int, most: int) -> int:
    """How many brackets Hyperband cycles through: the last compares nobody."""
    return len(rungs(least, most, 0)) + 1


def is_left_behind(costs: Sequence[float], others: Sequence[Sequence[float]], rungs: Sequence[int], most: int) -> bool:
    """Hyperband's rule, asynchronous: at the last rung it reached, a trial is not among the best third so far.

    others: the costs of the trials of the same bracket; at most `most` epochs are given to anyone
    """
    if len(costs) >= most:
        return True
    reached = [rung for rung in rungs if rung <= len(costs)]
    if not reached:
        return False
    at = [min(other[: reached[-1]]) for other in others if len(other) >= reached[-1]]
    better = sum(cost < min(costs[: reached[-1]]) for cost in at)
    return better >= max(1, (len(at) + 1) // KEPT)
