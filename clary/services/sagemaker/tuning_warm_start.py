"""Warm starts: what a tuning job learns from its parents, written into its own record when it is created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import resources, tuning_definition, tuning_state
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import TUNING_JOB
from clary.tuning import allowed

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Call

MOST_CHANGES = 10
"""Of static hyperparameters; each counts twice, as AWS counts them."""


def inherit(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Inherited and ParentBests of a new tuning job's body; ValidationException where it can't have these parents."""
    warm = request.get("WarmStartConfig")
    if not warm:
        return {"Inherited": []}
    if not request.get("TrainingJobDefinition"):
        raise ValidationException("WarmStartConfig is for a single TrainingJobDefinition.")
    strategy = request["HyperParameterTuningJobConfig"]["Strategy"]
    if strategy not in ("Bayesian", "Random"):
        raise ValidationException(f"WarmStartConfig is for the strategies Bayesian and Random, not for {strategy}.")
    names = [row.get("HyperParameterTuningJobName", "") for row in warm["ParentHyperParameterTuningJobs"]]
    if len({name.lower() for name in names}) < len(names):
        raise ValidationException("WarmStartConfig names a parent more than once.")
    parents = [resources.find(call, TUNING_JOB, name) for name in names]
    for parent in parents:
        _check_parent(request, parent, identical=warm["WarmStartType"] == "IdenticalDataAndAlgorithm")
    return {"Inherited": [_trials(parent) for parent in parents], "ParentBests": _bests(parents)}


def _check_parent(request: dict[str, Any], parent: Record, *, identical: bool) -> None:
    body, name = parent.body, parent.body["HyperParameterTuningJobName"]
    if parent.status not in tuning_state.ENDED:
        raise ValidationException(f"The parent tuning job {name} is in status {parent.status}; it must have ended.")
    if not body.get("TrainingJobDefinition"):
        raise ValidationException(f"The parent tuning job {name} has several training job definitions.")
    new, old = request["TrainingJobDefinition"], body["TrainingJobDefinition"]
    if tuning_definition.objective_of(request, new) != tuning_definition.objective_of(body, old):
        raise ValidationException(f"The objective metric must be the same as that of the parent tuning job {name}.")
    _check_hyperparameters(request, body)
    if identical:
        _check_identical(new, old, name)


def _check_identical(new: dict[str, Any], old: dict[str, Any], name: str) -> None:
    same = {
        "AlgorithmSpecification": tuning_definition.specification_of(new) == tuning_definition.specification_of(old),
        "InputDataConfig": new.get("InputDataConfig") == old.get("InputDataConfig"),
    }
    for member, is_same in same.items():
        if not is_same:
            raise ValidationException(
                f"WarmStartType IdenticalDataAndAlgorithm: {member} must be the same as in the parent tuning job "
                f"{name}."
            )


def _check_hyperparameters(request: dict[str, Any], parent: dict[str, Any]) -> None:
    name = parent["HyperParameterTuningJobName"]
    (new_static, new_kinds), (old_static, old_kinds) = _hyperparameters(request), _hyperparameters(parent)
    if len(new_static) + len(new_kinds) != len(old_static) + len(old_kinds):
        raise ValidationException(
            "The number of static and tunable hyperparameters must be the same as in the parent tuning job "
            f"{name}: {len(old_static) + len(old_kinds)}, not {len(new_static) + len(new_kinds)}."
        )
    for tuned in new_kinds.keys() & old_kinds.keys():
        if new_kinds[tuned] != old_kinds[tuned]:
            raise ValidationException(f"The type of {tuned} must be the same as in the parent tuning job {name}.")
    changes = 2 * sum(old_static.get(static) != value for static, value in new_static.items())
    if changes > MOST_CHANGES:
        raise ValidationException(
            f"At most {MOST_CHANGES} changes of static hyperparameters, each counted twice, are allowed against the "
            f"parent tuning job {name}; these are {changes}."
        )


def _hyperparameters(body: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The static hyperparameters of a tuning job, and the kind of range of each that is tuned."""
    definition = body["TrainingJobDefinition"]
    ranges = tuning_definition.ranges_of(body, definition)
    kinds = (allowed.INTEGER, allowed.CONTINUOUS, allowed.CATEGORICAL)
    static = definition.get("StaticHyperParameters", {})
    return (
        {name: value for name, value in static.items() if name != tuning_definition.OBJECTIVE},
        {entry["Name"]: kind for kind in kinds for entry in ranges.get(kind, [])},
    )


def _trials(parent: Record) -> list[dict[str, Any]]:
    """The values, static ones too, and the costs of a parent's trials."""
    body = parent.body
    static = body["TrainingJobDefinition"]["StaticHyperParameters"]
    found = [({**static, **trial["Values"]}, tuning_state.cost_of(body, trial)) for trial in body["Trials"]]
    return [{"Values": values, "Cost": cost} for values, cost in found if cost is not None]


def _bests(parents: list[Record]) -> list[dict[str, Any]]:
    found = [(parent, tuning_state.best_of(parent.body)) for parent in parents]
    return [
        {
            "Cost": tuning_state.cost_of(parent.body, best),
            "Summary": {
                **tuning_state.summary_of_trial(parent, best),
                "TuningJobName": parent.body["HyperParameterTuningJobName"],
            },
        }
        for parent, best in found
        if best
    ]
