"""What a trial component shows of the job it stands for, read from the job's record whenever it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.services.sagemaker import (
    processing_state,
    resources,
    training_state,
    transform_state,
    trial_component_metrics,
)
from clary.services.sagemaker.resources import PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB
from clary.services.sagemaker.trial_component_metrics import Point

if TYPE_CHECKING:
    from clary.store.records import Key, Record
    from clary.wire import Rooms

_NAMESPACE = "/aws/sagemaker/TrainingJobs"


class Shown(NamedTuple):
    """How a kind of job is shown."""

    source_type: str
    describe: Callable[[Record], dict[str, Any]]
    prefix: str
    """Of the members with its status and times."""
    maps: Callable[[dict[str, Any]], dict[str, Any]]
    """Parameters, InputArtifacts and OutputArtifacts of a described job."""


def show(rooms: Rooms, component: Record) -> dict[str, Any]:
    """The members that come from the component's job; none where there is no job, or no more."""
    key = resources.key_of_arn(component.body.get("Source", {}).get("SourceArn", ""))
    job = rooms.records.get(key) if key is not None else None
    if job is None:
        return {}
    shown = SHOWN[resources.kind_of(job.key)]
    described = shown.describe(job)
    status = {"PrimaryStatus": job.status, "Message": described.get("FailureReason", "")}
    return {
        "Status": {name: value for name, value in status.items() if value},
        "StartTime": described.get(f"{shown.prefix}StartTime"),
        "EndTime": described.get(f"{shown.prefix}EndTime"),
        **shown.maps(described),
        "Metrics": _metrics(rooms, job, component),
    }


def _metrics(rooms: Rooms, job: Record, component: Record) -> list[dict[str, Any]]:
    found = []
    for definition in job.body.get("AlgorithmSpecification", {}).get("MetricDefinitions", []):
        if points := job_points(rooms, job.key, definition["Name"]):
            summary = trial_component_metrics.summarise(points)
            found.append(trial_component_metrics.describe(definition["Name"], summary, component))
    return found


def job_points(rooms: Rooms, key: Key, name: str) -> list[Point]:
    """The values of a training job's metric, in the order of their times; other jobs have none."""
    job = rooms.records.get(key)
    if job is None or resources.kind_of(key) is not TRAINING_JOB:
        return []
    series = (_NAMESPACE, name, {"TrainingJobName": job.body["TrainingJobName"]})
    start, end = int(job.created), int(rooms.clock.now()) + 1
    buckets = rooms.metrics.statistics(key.account, key.region, series, start, end, 1, samples=True)
    return [Point(bucket.time, None, value) for bucket in buckets for value, _ in bucket.summary.samples or []]


def _of_training(job: dict[str, Any]) -> dict[str, Any]:
    channels = job.get("InputDataConfig", [])
    model = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    return {
        "Parameters": {
            **_resources(job["AlgorithmSpecification"].get("TrainingImage", ""), job["ResourceConfig"]),
            **{name: _parameter(value) for name, value in job["HyperParameters"].items()},
        },
        "InputArtifacts": {
            channel["ChannelName"]: _artifact(
                channel["DataSource"]["S3DataSource"]["S3Uri"], channel.get("ContentType")
            )
            for channel in channels
        },
        "OutputArtifacts": {"SageMaker.ModelArtifact": _artifact(model)} if model else {},
    }


def _of_processing(job: dict[str, Any]) -> dict[str, Any]:
    inputs = {given["InputName"]: given["S3Input"]["S3Uri"] for given in job["ProcessingInputs"] if "S3Input" in given}
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return {
        "Parameters": _resources(job["AppSpecification"]["ImageUri"], job["ProcessingResources"]["ClusterConfig"]),
        "InputArtifacts": {name: _artifact(uri) for name, uri in inputs.items()},
        "OutputArtifacts": {
            output["OutputName"]: _artifact(output["S3Output"]["S3Uri"]) for output in outputs if "S3Output" in output
        },
    }


def _of_transform(job: dict[str, Any]) -> dict[str, Any]:
    given, made, resource = job["TransformInput"], job["TransformOutput"], job["TransformResources"]
    return {
        "Parameters": {
            "SageMaker.ModelName": {"StringValue": job["ModelName"]},
            **_resources("", {**resource, "VolumeSizeInGB": None}),
        },
        "InputArtifacts": {
            "SageMaker.TransformInput": _artifact(
                given["DataSource"]["S3DataSource"]["S3Uri"], given.get("ContentType")
            )
        },
        "OutputArtifacts": {"SageMaker.TransformOutput": _artifact(made["S3OutputPath"], made.get("Accept"))},
    }


def _resources(image: str, config: dict[str, Any]) -> dict[str, Any]:
    members = {
        "ImageUri": image,
        **{name: config.get(name) for name in ("InstanceType", "InstanceCount", "VolumeSizeInGB")},
    }
    return {f"SageMaker.{name}": _parameter(value) for name, value in members.items() if value}


def _parameter(value: Any) -> dict[str, Any]:
    """A number where it is one; "nan" and "inf" are words, for JSON has no such numbers."""
    try:
        number = float(value)
    except ValueError:
        return {"StringValue": str(value)}
    return {"NumberValue": number} if abs(number) < float("inf") else {"StringValue": str(value)}


def _artifact(uri: str, media_type: str | None = None) -> dict[str, str]:
    return {"MediaType": media_type, "Value": uri} if media_type else {"Value": uri}


SHOWN = {
    TRAINING_JOB: Shown("SageMakerTrainingJob", training_state.describe, "Training", _of_training),
    PROCESSING_JOB: Shown("SageMakerProcessingJob", processing_state.describe, "Processing", _of_processing),
    TRANSFORM_JOB: Shown("SageMakerTransformJob", transform_state.describe, "Transform", _of_transform),
}
