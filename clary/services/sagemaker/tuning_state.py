"""The record of a tuning job: how it begins, its trials, and how both are described.

A trial is planned in the record before its training job is created, and its outcome is noted there when that ends. So
the record says all there is to know, and whoever takes it up after a crash plans no trial twice and forgets none.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import resources, tuning_definition
from clary.services.sagemaker.resources import TRAINING_JOB, record_kind
from clary.services.sagemaker.training_state import metric_definitions
from clary.store.records import Key
from clary.tuning import progress

if TYPE_CHECKING:
    from clary.store.records import Record

ENDED = frozenset({"Completed", "Failed", "Stopped"})

Trial = dict[str, Any]
"""TrainingJobName, Definition (its place), Values (texts), Planned (when) and, once it has ended, Outcome."""


def new_body(request: dict[str, Any], arn: str, seed: int, inherited: dict[str, Any]) -> dict[str, Any]:
    """The body of a new tuning job's record: what it inherits, no trials yet, and the request with AWS's defaults.

    The SDK builds its objects from a description and looks for every member of a definition that is set here.
    """
    body = deepcopy(request)
    body["HyperParameterTuningJobConfig"].setdefault("TrainingJobEarlyStoppingType", "Off")
    for definition in tuning_definition.all_of(body):
        for member in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
            definition.setdefault(member, False)
        definition["ResourceConfig"] = tuning_definition.resources_of(definition)
        specification = definition["AlgorithmSpecification"]
        own = metric_definitions(tuning_definition.image_of(definition))
        specification["MetricDefinitions"] = own or specification.get("MetricDefinitions", [])
        static = definition.setdefault("StaticHyperParameters", {})
        static[tuning_definition.OBJECTIVE] = tuning_definition.objective_of(body, definition)["MetricName"]
    return {**body, **inherited, "HyperParameterTuningJobArn": arn, "Seed": seed, "Trials": []}


def outcome_of(training: Record, metric: str) -> dict[str, Any]:
    """What became of a trial, by the record of its training job, which has ended."""
    body = training.body
    values = {row["MetricName"]: row["Value"] for row in body.get("FinalMetricDataList", [])}
    kept = ("TrainingStartTime", "TrainingEndTime", "FailureReason")
    return {
        "TrainingJobStatus": training.status,
        "Created": training.created,
        "Value": None if training.status == "Failed" else values.get(metric),
        "HasModel": "ModelArtifacts" in body,
        **{member: body[member] for member in kept if member in body},
    }


def outcome_without_job(status: str, now: float) -> dict[str, Any]:
    """The outcome of a trial that has no training job: it could not be created, or was not any more."""
    return {"TrainingJobStatus": status, "Created": now, "TrainingEndTime": now, "Value": None, "HasModel": False}


def is_ending(record: Record) -> bool:
    """Whether no more trials are to begin and those that run are to stop."""
    return record.status == "Stopping" or "Ending" in record.body


def running(body: dict[str, Any]) -> list[Trial]:
    """The trials that have not ended."""
    return [trial for trial in body["Trials"] if "Outcome" not in trial]


def cost_of(body: dict[str, Any], trial: Trial) -> float | None:
    """A trial's objective as a cost, the lower the better; None where it has none."""
    value = trial.get("Outcome", {}).get("Value")
    if value is None:
        return None
    definition = tuning_definition.all_of(body)[trial["Definition"]]
    return float(value) if tuning_definition.objective_of(body, definition)["Type"] == "Minimize" else -float(value)


def costs(body: dict[str, Any]) -> list[float]:
    """The costs of all trials that have one, in the order in which they ended."""
    ended = [(trial["Outcome"].get("TrainingEndTime", 0.0), cost_of(body, trial)) for trial in _evaluated(body)]
    return [cost for _, cost in sorted(ended, key=lambda pair: pair[0]) if cost is not None]


def best_of(body: dict[str, Any]) -> Trial | None:
    """The trial with the lowest cost, the first of several, among those that left a model."""
    found = [trial for trial in _evaluated(body) if trial["Outcome"]["HasModel"]]
    return min(found, key=lambda trial: cost_of(body, trial) or 0.0, default=None)


def _evaluated(body: dict[str, Any]) -> list[Trial]:
    return [trial for trial in body["Trials"] if cost_of(body, trial) is not None]


def key_of_trial(record: Record, trial: Trial) -> Key:
    """The key of a trial's training job."""
    return Key(record_kind(TRAINING_JOB), record.key.account, record.key.region, trial["TrainingJobName"].lower())


def summary_of_trial(record: Record, trial: Trial, training: Record | None = None) -> dict[str, Any]:
    """A HyperParameterTrainingJobSummary; `training` is the training job's record, for a trial that runs."""
    body, outcome = record.body, trial.get("Outcome", {})
    definition = tuning_definition.all_of(body)[trial["Definition"]]
    summary = {
        "TrainingJobDefinitionName": definition.get("DefinitionName"),
        "TrainingJobName": trial["TrainingJobName"],
        "TrainingJobArn": resources.arn_of(key_of_trial(record, trial)),
        "CreationTime": outcome.get("Created") or (training.created if training else trial["Planned"]),
        "TrainingJobStatus": outcome.get("TrainingJobStatus") or (training.status if training else "InProgress"),
        "TunedHyperParameters": trial["Values"],
        "ObjectiveStatus": objective_status(trial),
    }
    told = outcome or (training.body if training else {})
    summary |= {name: told.get(name) for name in ("TrainingStartTime", "TrainingEndTime", "FailureReason")}
    if outcome.get("Value") is not None:
        objective = tuning_definition.objective_of(body, definition)
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": outcome["Value"]}
    return {member: value for member, value in summary.items() if value is not None}


def objective_status(trial: Trial) -> str:
    """Whether the objective of a trial is known: Succeeded, Pending or Failed."""
    if "Outcome" not in trial:
        return "Pending"
    return "Failed" if trial["Outcome"]["Value"] is None else "Succeeded"


def _counter(trial: Trial) -> str:
    outcome = trial.get("Outcome")
    if outcome is None:
        return "InProgress"
    if outcome["TrainingJobStatus"] != "Failed":
        return str(outcome["TrainingJobStatus"])
    retryable = outcome.get("FailureReason", "").startswith("InternalServerError")
    return "RetryableError" if retryable else "NonRetryableError"


def counters(body: dict[str, Any]) -> dict[str, Any]:
    """TrainingJobStatusCounters and ObjectiveStatusCounters."""
    states = [_counter(trial) for trial in body["Trials"]]
    objectives = [objective_status(trial) for trial in body["Trials"]]
    names = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
    return {
        "TrainingJobStatusCounters": {name: states.count(name) for name in names},
        "ObjectiveStatusCounters": {name: objectives.count(name) for name in ("Succeeded", "Pending", "Failed")},
    }


def describe(record: Record, now: float) -> dict[str, Any]:
    """DescribeHyperParameterTuningJob's answer."""
    body = record.body
    answer = {
        **body,
        **counters(body),
        "HyperParameterTuningJobStatus": record.status,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
        "TuningJobCompletionDetails": {
            "NumberOfTrainingJobsObjectiveNotImproving": progress.not_improving(costs(body)),
            "ConvergenceDetectedTime": body.get("ConvergenceDetectedTime"),
        },
        "ConsumedResources": {
            "RuntimeInSeconds": int(body.get("HyperParameterTuningEndTime", now) - record.created),
        },
    }
    if best := best_of(body):
        answer["BestTrainingJob"] = summary_of_trial(record, best)
    if overall := _overall_best(body, best, answer.get("BestTrainingJob")):
        answer["OverallBestTrainingJob"] = overall
    return answer


def _overall_best(body: dict[str, Any], best: Trial | None, summary: dict[str, Any] | None) -> dict[str, Any] | None:
    """The best trial of a tuning job and of its parents, where they had the same data and algorithm."""
    if body.get("WarmStartConfig", {}).get("WarmStartType") != "IdenticalDataAndAlgorithm":
        return None
    candidates = [(row["Cost"], row["Summary"]) for row in body["ParentBests"]]
    if best and summary:
        candidates.append((cost_of(body, best), summary))
    return min(candidates, key=lambda pair: pair[0], default=(0.0, None))[1]
