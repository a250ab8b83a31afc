"""The record of a processing job: how it begins, what the job room's changes do to it, how it is described."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clary.store.records import Record

DEFAULT_MAX_RUNTIME = 86_400

ENDED = frozenset({"Completed", "Failed", "Stopped"})

_STATUS_OF = {**{status: status for status in (*ENDED, "Stopping")}, "MaxRuntimeExceeded": "Stopped"}
"""What the job room says -> status; everything else it says changes none."""

_REPORTED = {
    "TrainingStartTime": "ProcessingStartTime",
    "TrainingEndTime": "ProcessingEndTime",
    "FailureReason": "FailureReason",
    "ExitMessage": "ExitMessage",
}
"""The job room's words, which are those of a training job -> members."""


def new_body(request: dict[str, Any], arn: str) -> dict[str, Any]:
    """The body of a new job's record: the request with AWS's defaults, as DescribeProcessingJob shows it."""
    body = {"ProcessingInputs": [], **deepcopy(request), "ProcessingJobArn": arn}
    for given in body["ProcessingInputs"]:
        given.setdefault("AppManaged", False)
        if "S3Input" in given:
            defaults = {"S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"}
            given["S3Input"] = {**defaults, **given["S3Input"]}
    for output in body.get("ProcessingOutputConfig", {}).get("Outputs", []):
        output.setdefault("AppManaged", False)
    body["ProcessingResources"]["ClusterConfig"].setdefault("InstanceCount", 1)
    body["StoppingCondition"] = {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME, **body.get("StoppingCondition", {})}
    return body


def move(record: Record, change: dict[str, Any]) -> None:
    """Write one change of a job's state into its record; a change that was written before does nothing."""
    if record.status in ENDED:
        return
    record.status = _STATUS_OF.get(change["SecondaryStatus"], record.status)
    record.body.update({_REPORTED[name]: value for name, value in change.items() if name in _REPORTED and value})
    if record.status in ENDED:
        record.body.setdefault("ProcessingEndTime", change["Time"])


def describe(record: Record) -> dict[str, Any]:
    """DescribeProcessingJob's answer."""
    return {
        **record.body,
        "ProcessingJobStatus": record.status,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
    }
