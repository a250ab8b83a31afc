"""Training jobs."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import experiment_config, images, listing, resources, roles, training_request
from clary.services.sagemaker.errors import ResourceInUse, ValidationException
from clary.services.sagemaker.holding import hold
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.resources import TRAINING_JOB
from clary.services.sagemaker.training_spec import to_spec
from clary.services.sagemaker.training_state import ENDED, describe, move, new_body
from clary.store.records import Key, Record, RecordExists
from clary.wire import Call, Rooms, operation

UPDATE_NOT_DONE = (
    NotDone("ProfilerConfig.ProfilingParameters", "the profiler"),
    NotDone("ProfilerConfig.ProfilingIntervalInMilliseconds", "the profiler"),
    NotDone("ProfilerRuleConfigurations", "the profiler"),
    NotDone("ResourceConfig.KeepAlivePeriodInSeconds", "a warm pool"),
    NotDone("RemoteDebugConfig", "remote debugging"),
)

SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
    "SecondaryStatus",
)


@operation
def create_training_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check what the model cannot say, write one record, hand the job to the job room."""
    image = check(call, request)
    key = resources.key_of(call, TRAINING_JOB, request["TrainingJobName"])
    record = start(call.rooms, key, request, image)
    experiment_config.attach(call, record)
    return {"TrainingJobArn": record.body["TrainingJobArn"]}


def check(call: Call, request: dict[str, Any]) -> images.Image:
    """The image of a job that may run; ValidationException for another."""
    image = images.resolve_specification(request.get("AlgorithmSpecification", {}), request.get("HyperParameters", {}))
    training_request.check(call, request, image)
    experiment_config.check(call, request)
    roles.check(call, request["RoleArn"])
    return image


def start(rooms: Rooms, key: Key, request: dict[str, Any], image: images.Image) -> Record:
    """Write the record of a job and hand it to the job room; ResourceInUse where the name is taken."""
    record = _create_record(rooms, key, request, image)
    submitted = False
    try:
        rooms.jobs.submit(to_spec(record))
        submitted = True
    finally:
        if not submitted:
            rooms.records.delete(record.key)
    return record


def _create_record(rooms: Rooms, key: Key, request: dict[str, Any], image: images.Image) -> Record:
    arn = resources.arn_of(key)
    try:
        return rooms.records.create(key, new_body(request, arn, image), status="InProgress")
    except RecordExists:
        raise ResourceInUse(
            "Training job names must be unique within an AWS account and region, and a training job with this name "
            f"already exists ({arn})"
        ) from None


@operation
async def describe_training_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The job as it stands; a client that only waits for its end gets the answer when there is one."""
    key = resources.key_of(call, TRAINING_JOB, request["TrainingJobName"])
    record = await hold(call, key, lambda record: record.status in ENDED)
    if record is None:
        raise resources.not_found(key)
    return describe(record)


@operation
def list_training_jobs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries. As AWS documents it, StatusEquals with MaxResults filters a page after it was cut."""
    if request.get("WarmPoolStatusEquals") or request.get("TrainingPlanArnEquals"):
        return listing.answer("TrainingJobSummaries", listing.NOTHING, _summary)  # no job here has either
    status = request.get("StatusEquals", "")
    if "MaxResults" not in request:
        found = listing.page(call, TRAINING_JOB, request, status=status)
        return listing.answer("TrainingJobSummaries", found, _summary)
    found = listing.page(call, TRAINING_JOB, request)
    kept = [record for record in found.records if not status or record.status == status]
    return listing.answer("TrainingJobSummaries", found._replace(records=kept), _summary)


def _summary(record: Record) -> dict[str, Any]:
    described = describe(record)
    return {member: described.get(member) for member in SUMMARY}


@operation
def stop_training_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask a running job to stop: its end is written when it has."""
    stop(call.rooms, resources.key_of(call, TRAINING_JOB, request["TrainingJobName"]))
    return {}


def stop(rooms: Rooms, key: Key) -> None:
    """Ask a running job to stop; ValidationException for one that doesn't run."""

    def change(record: Record) -> None:
        if record.status != "InProgress":
            raise ValidationException(
                f"The request was rejected because the training job is in status {record.status}."
            )
        move(record, {"SecondaryStatus": "Stopping", "Time": rooms.clock.now()})

    record = resources.change(rooms, key, change)
    rooms.jobs.stop(record.body["TrainingJobArn"])


@operation
def delete_training_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a job that has ended; its name is free again."""
    record = resources.find(call, TRAINING_JOB, request["TrainingJobName"])
    if record.status not in ENDED:
        raise ResourceInUse(
            f"The training job {record.body['TrainingJobArn']} is in status {record.status}; only one that is "
            f"{', '.join(sorted(ENDED))} can be deleted."
        )
    call.rooms.jobs.forget(record.body["TrainingJobArn"])
    resources.delete(call, TRAINING_JOB, request["TrainingJobName"])
    return {}


@operation
def update_training_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Store what asks for nothing; all that could be changed in a running job is not supported yet."""
    refuse(request, UPDATE_NOT_DONE)
    key = resources.key_of(call, TRAINING_JOB, request["TrainingJobName"])

    def update(record: Record) -> None:
        if record.status != "InProgress":
            raise ValidationException(
                f"The request was rejected because the training job is in status {record.status}."
            )
        record.body.update({name: request[name] for name in ("ProfilerConfig", "RemoteDebugConfig") if name in request})

    record = resources.change(call.rooms, key, update)
    return {"TrainingJobArn": record.body["TrainingJobArn"]}
