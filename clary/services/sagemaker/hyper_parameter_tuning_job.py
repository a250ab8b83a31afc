"""Hyperparameter tuning jobs."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import (
    listing,
    resources,
    tuning_driver,
    tuning_request,
    tuning_state,
    tuning_warm_start,
)
from clary.services.sagemaker.errors import ResourceInUse, ValidationException
from clary.services.sagemaker.holding import hold
from clary.services.sagemaker.resources import TUNING_JOB
from clary.store.records import Record, RecordExists
from clary.wire import Call, operation

SUMMARY = (
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobArn",
    "HyperParameterTuningJobStatus",
    "CreationTime",
    "HyperParameterTuningEndTime",
    "LastModifiedTime",
    "TrainingJobStatusCounters",
    "ObjectiveStatusCounters",
)


@operation
def create_hyper_parameter_tuning_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check what the model cannot say, write one record, and have it driven."""
    tuning_request.check(call, request)
    inherited = tuning_warm_start.inherit(call, request)
    seed = request["HyperParameterTuningJobConfig"].get("RandomSeed", int(call.rooms.clock.hex(8), 16))
    key = resources.key_of(call, TUNING_JOB, request["HyperParameterTuningJobName"])
    arn = resources.arn_of(key)
    try:
        call.rooms.records.create(key, tuning_state.new_body(request, arn, seed, inherited), status="InProgress")
    except RecordExists:
        raise ResourceInUse(
            f"A hyperparameter tuning job with the name, {request['HyperParameterTuningJobName']}, already exists. "
            "Choose a different name."
        ) from None
    tuning_driver.wake(call.rooms, arn)
    return {TUNING_JOB.arn: arn}


@operation
async def describe_hyper_parameter_tuning_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tuning job as it stands; a client that only waits for its end gets the answer when there is one."""
    key = resources.key_of(call, TUNING_JOB, request["HyperParameterTuningJobName"])
    record = await hold(call, key, lambda record: record.status in tuning_state.ENDED)
    if record is None:
        raise resources.not_found(key)
    return tuning_state.describe(record, call.rooms.clock.now())


@operation
def list_hyper_parameter_tuning_jobs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries, filtered and sorted."""
    found = listing.page(call, TUNING_JOB, request, status=request.get("StatusEquals", ""))

    def summary(record: Record) -> dict[str, Any]:
        described = tuning_state.describe(record, call.rooms.clock.now())
        config = record.body["HyperParameterTuningJobConfig"]
        return {member: described.get(member) for member in SUMMARY} | {
            "Strategy": config["Strategy"],
            "ResourceLimits": config["ResourceLimits"],
        }

    return listing.answer("HyperParameterTuningJobSummaries", found, summary)


@operation
def stop_hyper_parameter_tuning_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Start no more trials and stop those that run: the end is written when they have."""
    key = resources.key_of(call, TUNING_JOB, request["HyperParameterTuningJobName"])

    def stop(record: Record) -> None:
        if record.status != "InProgress":
            raise ValidationException(
                f"The request was rejected because the hyperparameter tuning job is in status {record.status}."
            )
        record.status = "Stopping"

    resources.change(call.rooms, key, stop)
    tuning_driver.wake(call.rooms, resources.arn_of(key))
    return {}


@operation
def delete_hyper_parameter_tuning_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a tuning job that has ended; its training jobs stay."""
    record = resources.find(call, TUNING_JOB, request["HyperParameterTuningJobName"])
    if record.status not in tuning_state.ENDED:
        raise ValidationException(
            f"The request was rejected because the hyperparameter tuning job is in status {record.status}."
        )
    resources.delete(call, TUNING_JOB, request["HyperParameterTuningJobName"])
    return {}


@operation
def list_training_jobs_for_hyper_parameter_tuning_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The trials of a tuning job, filtered and sorted, a page at a time."""
    record = resources.find(call, TUNING_JOB, request["HyperParameterTuningJobName"])
    found = [_trial_summary(call, record, trial) for trial in record.body["Trials"]]
    if status := request.get("StatusEquals"):
        found = [summary for summary in found if summary["TrainingJobStatus"] == status]
    order = request.get("SortBy", "Name")
    if order == "FinalObjectiveMetricValue":
        found = [summary for summary in found if "FinalHyperParameterTuningJobObjectiveMetric" in summary]
    found.sort(key=lambda summary: _ORDERS[order](summary), reverse=request.get("SortOrder") == "Descending")
    shown, token = listing.cut(found, request)
    return {"TrainingJobSummaries": shown, "NextToken": token}


_ORDERS: dict[str, Any] = {
    "Name": lambda summary: summary["TrainingJobName"].lower(),
    "CreationTime": lambda summary: summary["CreationTime"],
    "Status": lambda summary: summary["TrainingJobStatus"],
    "FinalObjectiveMetricValue": lambda summary: summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
}


def _trial_summary(call: Call, record: Record, trial: tuning_state.Trial) -> dict[str, Any]:
    training = None if "Outcome" in trial else call.rooms.records.get(tuning_state.key_of_trial(record, trial))
    return tuning_state.summary_of_trial(record, trial, training)
