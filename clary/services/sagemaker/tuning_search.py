"""Which trials a tuning job plans next."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import tuning_definition, tuning_state
from clary.tuning import Known, Space, suggest
from clary.tuning.ranges import as_text

if TYPE_CHECKING:
    from clary.services.sagemaker.tuning_state import Trial
    from clary.wire import Rooms


def most_trials(body: dict[str, Any]) -> int:
    """How many trials a tuning job has in all: what its limits say, or all combinations of its grids."""
    limits = body["HyperParameterTuningJobConfig"]["ResourceLimits"]
    if "MaxNumberOfTrainingJobs" in limits:
        return int(limits["MaxNumberOfTrainingJobs"])
    return sum(space.combinations for space in spaces_of(body))


def spaces_of(body: dict[str, Any]) -> list[Space]:
    """What is searched, definition by definition."""
    return [tuning_definition.space_of(body, definition) for definition in tuning_definition.all_of(body)]


def next_trials(rooms: Rooms, body: dict[str, Any]) -> list[Trial]:
    """The trials that may begin now, by the limits of the tuning job."""
    limits = body["HyperParameterTuningJobConfig"]["ResourceLimits"]
    free = limits["MaxParallelTrainingJobs"] - len(tuning_state.running(body))
    left = most_trials(body) - len(body["Trials"])
    planned: list[Trial] = []
    spaces = spaces_of(body) if min(free, left) > 0 else []
    for _ in range(min(free, left)):
        planned.append(_next_trial(rooms, body, spaces, planned))
    return planned


def _next_trial(rooms: Rooms, body: dict[str, Any], spaces: Sequence[Space], planned: Sequence[Trial]) -> Trial:
    number = len(body["Trials"]) + len(planned)
    strategy = body["HyperParameterTuningJobConfig"]["Strategy"]
    place, within = _definition_of(number, spaces, grid=strategy == "Grid")
    known = _known(body, place, spaces[place], planned) if strategy == "Bayesian" else []
    values = suggest(strategy, spaces[place], seed=body["Seed"] + place, number=within, known=known)
    return {
        "TrainingJobName": f"{body['HyperParameterTuningJobName']}-{number + 1:03d}-{rooms.clock.hex(8)}",
        "Definition": place,
        "Values": {name: as_text(value) for name, value in values.items()},
        "Planned": rooms.clock.now(),
    }


def _definition_of(number: int, spaces: Sequence[Space], *, grid: bool) -> tuple[int, int]:
    """Whose turn it is, and the trial's number among its own: definitions take turns, grids come one after another."""
    if not grid:
        return number % len(spaces), number // len(spaces)
    place = 0
    while number >= spaces[place].combinations:
        number -= spaces[place].combinations
        place += 1
    return place, number


def _known(body: dict[str, Any], place: int, space: Space, planned: Sequence[Trial]) -> list[Known]:
    """The trials of a definition, and those it inherits from its parents, as far as they lie in its ranges."""
    own = [trial for trial in body["Trials"] if trial["Definition"] == place and _counts(body, trial)]
    groups = [[(row["Values"], row["Cost"]) for row in parent] for parent in body["Inherited"]]
    groups.append([(trial["Values"], tuning_state.cost_of(body, trial)) for trial in own])
    if body.get("WarmStartConfig", {}).get("WarmStartType") == "TransferLearning":
        groups = [_standardised(group) for group in groups]
    groups.append([(trial["Values"], None) for trial in planned if trial["Definition"] == place])
    found = [(space.read(texts), cost) for group in groups for texts, cost in group]
    return [Known(values, cost) for values, cost in found if values is not None]


def _counts(body: dict[str, Any], trial: Trial) -> bool:
    return "Outcome" not in trial or tuning_state.cost_of(body, trial) is not None


def _standardised(group: list[tuple[dict[str, str], float | None]]) -> list[tuple[dict[str, str], float | None]]:
    """Costs as distances from the group's mean: on other data the same values cost more or less."""
    costs = [cost for _, cost in group if cost is not None]
    mean = statistics.fmean(costs) if costs else 0.0
    deviation = statistics.pstdev(costs) if costs else 0.0
    return [(values, None if cost is None else (cost - mean) / (deviation or 1.0)) for values, cost in group]
