"""When a tuning job has come to its end before all of its trials have run."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import tuning_definition, tuning_state
from clary.tuning import progress

ATTEMPTS = 5
"""Trials after which a tuning job gives up that has seen no objective."""

Ending = dict[str, str]
"""Status, and FailureReason where it is Failed."""


def ending_of(body: dict[str, Any], created: float, now: float, most: int) -> Ending | None:
    """Why a tuning job is to end now; None while it should go on."""
    config = body["HyperParameterTuningJobConfig"]
    costs = tuning_state.costs(body)
    if not costs and (reason := _failure(body, most)):
        return {"Status": "Failed", "FailureReason": reason}
    reached = costs and _criterion_met(body, config.get("TuningJobCompletionCriteria", {}), costs)
    if reached or now >= deadline_of(body, created) or _all_ended(body, most):
        return {"Status": "Completed"}
    return None


def deadline_of(body: dict[str, Any], created: float) -> float:
    """When MaxRuntimeInSeconds is over; infinity where none is set."""
    limits = body["HyperParameterTuningJobConfig"]["ResourceLimits"]
    return created + float(limits.get("MaxRuntimeInSeconds", "inf"))


def _all_ended(body: dict[str, Any], most: int) -> bool:
    return len(body["Trials"]) >= most and not tuning_state.running(body)


def _failure(body: dict[str, Any], most: int) -> str:
    """AWS's sentence for a search in which nothing worked; empty while there is hope."""
    outcomes = [trial["Outcome"] for trial in body["Trials"] if "Outcome" in trial]
    if len(outcomes) < ATTEMPTS and not _all_ended(body, most):
        return ""
    if any(outcome["TrainingJobStatus"] == "Completed" for outcome in outcomes):
        return (
            f"No objective metrics found after running {len(outcomes)} training jobs. Please ensure that the custom "
            "algorithm is emitting the objective metric as defined by the regular expression provided."
        )
    if len(outcomes) >= ATTEMPTS:
        return (
            f"No training job succeeded after {len(outcomes)} attempts. Please take a look at the training job "
            "failures to get more details."
        )
    return "All training jobs failed. Please take a look at the training job failures to get more details."


def _criterion_met(body: dict[str, Any], criteria: dict[str, Any], costs: list[float]) -> bool:
    patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    if patience and progress.not_improving(costs) >= patience:
        return True
    converging = criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"
    if converging and progress.has_converged(costs):
        return True
    target = criteria.get("TargetObjectiveMetricValue")
    if target is None:
        return False
    first = tuning_definition.all_of(body)[0]
    sign = 1 if tuning_definition.objective_of(body, first)["Type"] == "Minimize" else -1
    return min(costs) <= sign * float(target)
