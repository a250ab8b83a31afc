"""Processing jobs."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import experiment_config, listing, processing_request, resources, roles
from clary.services.sagemaker.errors import ResourceInUse, ValidationException
from clary.services.sagemaker.holding import hold
from clary.services.sagemaker.processing_spec import to_spec
from clary.services.sagemaker.processing_state import ENDED, describe, new_body
from clary.services.sagemaker.resources import PROCESSING_JOB
from clary.store.records import Record, RecordExists
from clary.wire import Call, operation

SUMMARY = (
    "ProcessingJobName",
    "ProcessingJobArn",
    "CreationTime",
    "ProcessingEndTime",
    "LastModifiedTime",
    "ProcessingJobStatus",
    "FailureReason",
    "ExitMessage",
)


@operation
def create_processing_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check what the model cannot say, write one record, hand the job to the job room."""
    processing_request.check(call, request)
    experiment_config.check(call, request)
    roles.check(call, request["RoleArn"])
    record = _create_record(call, request)
    submitted = False
    try:
        call.rooms.jobs.submit(to_spec(record))
        submitted = True
    finally:
        if not submitted:
            call.rooms.records.delete(record.key)
    experiment_config.attach(call, record)
    return {"ProcessingJobArn": record.body["ProcessingJobArn"]}


def _create_record(call: Call, request: dict[str, Any]) -> Record:
    key = resources.key_of(call, PROCESSING_JOB, request["ProcessingJobName"])
    arn = resources.arn_of(key)
    own = processing_request.has_environment(call, request["AppSpecification"]["ImageUri"])
    body = {**new_body(request, arn), "HasEnvironment": own}
    try:
        return call.rooms.records.create(key, body, status="InProgress")
    except RecordExists:
        raise ResourceInUse(
            "Processing job names must be unique within an AWS account and region, and a processing job with this name "
            f"already exists ({arn})"
        ) from None


@operation
async def describe_processing_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The job as it stands; a client that only waits for its end gets the answer when there is one."""
    key = resources.key_of(call, PROCESSING_JOB, request["ProcessingJobName"])
    record = await hold(call, key, lambda record: record.status in ENDED)
    if record is None:
        raise resources.not_found(key)
    return describe(record)


@operation
def list_processing_jobs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the processing jobs of the account and region, filtered and sorted."""
    found = listing.page(call, PROCESSING_JOB, request, status=request.get("StatusEquals", ""))
    return listing.answer("ProcessingJobSummaries", found, _summary)


def _summary(record: Record) -> dict[str, Any]:
    described = describe(record)
    return {member: described.get(member) for member in SUMMARY}


@operation
def stop_processing_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask a running job to stop: its end is written when it has."""

    def change(record: Record) -> None:
        if record.status != "InProgress":
            raise ValidationException(
                f"The request was rejected because the processing job is in status {record.status}."
            )
        record.status = "Stopping"

    record = resources.change(call.rooms, resources.key_of(call, PROCESSING_JOB, request["ProcessingJobName"]), change)
    call.rooms.jobs.stop(record.body["ProcessingJobArn"])
    return {}


@operation
def delete_processing_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a job that has ended; its name is free again."""
    record = resources.find(call, PROCESSING_JOB, request["ProcessingJobName"])
    arn = record.body["ProcessingJobArn"]
    if record.status not in ENDED:
        raise ResourceInUse(
            f"The processing job {arn} is in status {record.status}; only one that is {', '.join(sorted(ENDED))} can "
            "be deleted."
        )
    call.rooms.jobs.forget(arn)
    resources.delete(call, PROCESSING_JOB, request["ProcessingJobName"])
    return {}
