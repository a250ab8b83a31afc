"""The record of a training job: how it begins, what the job room's changes do to it, how it is described."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from clary import algorithms
from clary.services.sagemaker.training_request import DEFAULT_MAX_RUNTIME

if TYPE_CHECKING:
    from clary.services.sagemaker.images import Image
    from clary.store.records import Record

ENDED = frozenset({"Completed", "Failed", "Stopped"})

_STATUS_OF = {
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "MaxWaitTimeExceeded": "Stopped",
    "Stopping": "Stopping",
}
"""Secondary status -> status; every other one is InProgress, or stays Stopping."""

_BEFORE_STOPPING = ("Starting", "Pending", "Downloading", "Training", "Interrupted")
"""What a job may still come to while the order to stop is on its way; it is Stopping all the same."""

_MESSAGES = {
    "Starting": "Starting the training job",
    "Pending": "Waiting for cores and memory",
    "Downloading": "Downloading input data",
    "Training": "Training in-progress",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}

_REPORTED = (
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingTimeInSeconds",
    "BillableTimeInSeconds",
    "FinalMetricDataList",
    "ModelArtifacts",
)

_MAX_REASON = 1024


def new_body(request: dict[str, Any], arn: str, image: Image) -> dict[str, Any]:
    """The body of a new job's record: the request with AWS's defaults, as DescribeTrainingJob shows it."""
    body = deepcopy(request)
    body["TrainingJobArn"] = arn
    body["Algorithm"] = image.algorithm
    body["Warnings"] = image.warnings
    specification = body["AlgorithmSpecification"]
    specification["MetricDefinitions"] = metric_definitions(image) or specification.get("MetricDefinitions", [])
    specification.setdefault("EnableSageMakerMetricsTimeSeries", False)
    for channel in body.get("InputDataConfig", []):
        channel.setdefault("CompressionType", "None")
        channel.setdefault("RecordWrapperType", "None")
        channel["DataSource"]["S3DataSource"].setdefault("S3DataDistributionType", "FullyReplicated")
    body["OutputDataConfig"] = {"KmsKeyId": "", "CompressionType": "GZIP", **body["OutputDataConfig"]}
    body["StoppingCondition"] = {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME, **body.get("StoppingCondition", {})}
    for member in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"):
        body.setdefault(member, False)
    body.setdefault("HyperParameters", {})
    body["SecondaryStatus"] = "Starting"
    body["SecondaryStatusTransitions"] = []
    return body


def metric_definitions(image: Image) -> list[dict[str, str]]:
    """The metrics that an algorithm's log holds; none where a script runs, whose metrics the request defines."""
    if not image.algorithm:
        return []
    return [{"Name": metric.name, "Regex": metric.pattern} for metric in algorithms.load(image.algorithm).metrics]


def move(record: Record, change: dict[str, Any]) -> None:
    """Write one change of a job's state into its record; a change that was written before does nothing."""
    if record.status in ENDED:
        return
    secondary = change.get("SecondaryStatus")
    if secondary:
        record.status = _STATUS_OF.get(secondary, record.status)
        _advance(record, secondary, change)
    record.body.update({member: change[member] for member in _REPORTED if change.get(member) is not None})
    if change.get("FailureReason"):
        record.body["FailureReason"] = change["FailureReason"][:_MAX_REASON]
    if record.status in ENDED:
        _close(record.body, change["Time"])


def _advance(record: Record, secondary: str, change: dict[str, Any]) -> None:
    """Append a transition, unless it is told again, or is older than what is known."""
    body, transitions = record.body, _transitions(record)
    new, last = _transition(secondary, change["Time"], change.get("StatusMessage", "")), transitions[-1]
    again = (last["Status"], last["StatusMessage"]) == (new["Status"], new["StatusMessage"])
    overtaken = record.status == "Stopping" and secondary in _BEFORE_STOPPING
    if again or overtaken or new["StartTime"] < last["StartTime"]:
        return
    last["EndTime"] = new["StartTime"]
    body["SecondaryStatusTransitions"] = [*transitions, new]
    body["SecondaryStatus"], body["LastModifiedTime"] = secondary, new["StartTime"]


def _transitions(record: Record) -> list[dict[str, Any]]:
    """The transitions so far; the first begins with the record itself."""
    return record.body["SecondaryStatusTransitions"] or [_transition("Starting", record.created, "")]


def _close(body: dict[str, Any], now: float) -> None:
    """The members that only a job that has ended has."""
    body["SecondaryStatusTransitions"][-1]["EndTime"] = now
    body.setdefault("TrainingEndTime", now)
    if "TrainingStartTime" in body:
        seconds = max(1, math.ceil(body["TrainingEndTime"] - body["TrainingStartTime"]))
        body.setdefault("TrainingTimeInSeconds", seconds)
        body.setdefault("BillableTimeInSeconds", seconds)


def _transition(status: str, time: float, message: str) -> dict[str, Any]:
    return {"Status": status, "StartTime": time, "StatusMessage": message or _MESSAGES.get(status, status)}


def describe(record: Record) -> dict[str, Any]:
    """DescribeTrainingJob's answer."""
    return {
        **record.body,
        "TrainingJobStatus": record.status,
        "CreationTime": record.created,
        "LastModifiedTime": record.body.get("LastModifiedTime", record.created),
        "SecondaryStatusTransitions": _transitions(record),
        "ProfilingStatus": "Disabled",
    }
