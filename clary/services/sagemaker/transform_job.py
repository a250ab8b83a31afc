"""Batch transform jobs."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import experiment_config, listing, multi_model, resources, transform_request
from clary.services.sagemaker.endpoint_deployment import new_container
from clary.services.sagemaker.errors import ResourceInUse, ValidationException
from clary.services.sagemaker.holding import hold
from clary.services.sagemaker.resources import MODEL, TRANSFORM_JOB
from clary.services.sagemaker.transform_spec import to_spec
from clary.services.sagemaker.transform_state import ENDED, describe, with_defaults
from clary.store.records import Record, RecordExists
from clary.wire import Call, operation

SUMMARY = ("TransformJobName", "TransformJobArn", "TransformEndTime", "TransformJobStatus", "FailureReason")


@operation
def create_transform_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check what the model cannot say, write one record, hand the job to the transform room."""
    body = with_defaults(request)
    transform_request.check(call, body)
    experiment_config.check(call, request)
    record = _create_record(call, {**body, **_served(call, request)})
    submitted = False
    try:
        call.rooms.transforms.submit(to_spec(record))
        submitted = True
    finally:
        if not submitted:
            call.rooms.records.delete(record.key)
    experiment_config.attach(call, record)
    return {"TransformJobArn": record.body["TransformJobArn"]}


def _served(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The model as it is now, and the names of the instances: kept in the record, whatever becomes of the model."""
    model = resources.find(call, MODEL, request["ModelName"]).body
    containers = model.get("Containers") or [model["PrimaryContainer"]]
    multi_model.check_transform(model, containers)
    clock, count = call.rooms.clock, request["TransformResources"]["InstanceCount"]
    return {
        "Containers": [new_container(container) for container in containers],
        "NetworkIsolation": model["EnableNetworkIsolation"],
        "Role": model.get("ExecutionRoleArn", ""),
        "Instances": [f"i-{clock.hex(17)}-{int(clock.now())}" for _ in range(count)],
    }


def _create_record(call: Call, body: dict[str, Any]) -> Record:
    key = resources.key_of(call, TRANSFORM_JOB, body["TransformJobName"])
    arn = resources.arn_of(key)
    try:
        return call.rooms.records.create(key, {**body, "TransformJobArn": arn}, status="InProgress")
    except RecordExists:
        raise ResourceInUse(
            "Transform job names must be unique within an AWS account and region, and a transform job with this name "
            f"already exists ({arn})"
        ) from None


@operation
async def describe_transform_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The job as it stands; a client that only waits for its end gets the answer when there is one."""
    key = resources.key_of(call, TRANSFORM_JOB, request["TransformJobName"])
    record = await hold(call, key, lambda record: record.status in ENDED)
    if record is None:
        raise resources.not_found(key)
    return describe(record)


@operation
def list_transform_jobs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the transform jobs of the account and region, filtered and sorted."""
    found = listing.page(call, TRANSFORM_JOB, request, status=request.get("StatusEquals", ""))
    return listing.answer("TransformJobSummaries", found, _summary)


def _summary(record: Record) -> dict[str, Any]:
    described = describe(record)
    times = {"CreationTime": record.created, "LastModifiedTime": record.modified}
    return {**{member: described.get(member) for member in SUMMARY}, **times}


@operation
def stop_transform_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask a running job to stop: its end is written when it has."""

    def change(record: Record) -> None:
        if record.status != "InProgress":
            raise ValidationException(
                f"The request was rejected because the transform job is in status {record.status}."
            )
        record.status = "Stopping"

    record = resources.change(call.rooms, resources.key_of(call, TRANSFORM_JOB, request["TransformJobName"]), change)
    call.rooms.transforms.stop(record.body["TransformJobArn"])
    return {}
