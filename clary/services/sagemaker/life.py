"""What reaches SageMaker from the job and hosting rooms, and what it takes up again when the server starts."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import (
    async_requests,
    endpoint_rollout,
    endpoint_state,
    inference_experiment_driver,
    pipeline,
    pipeline_state,
    processing_state,
    resources,
    training_state,
    transform_state,
    tuning_driver,
    tuning_state,
)
from clary.services.sagemaker.endpoint_deployment import to_spec as to_endpoint_spec
from clary.services.sagemaker.processing_spec import to_spec as to_processing_spec
from clary.services.sagemaker.resources import (
    ENDPOINT,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
    record_kind,
)
from clary.services.sagemaker.training_spec import to_spec as to_job_spec
from clary.services.sagemaker.transform_spec import to_spec as to_transform_spec

if TYPE_CHECKING:
    from clary.store.records import Record
    from clary.wire import Rooms

log = logging.getLogger("clary.sagemaker")

_MOVES = {
    TRAINING_JOB: training_state.move,
    PROCESSING_JOB: processing_state.move,
    ENDPOINT: endpoint_state.move,
    TRANSFORM_JOB: transform_state.move,
}
_JOBS = {TRAINING_JOB: to_job_spec, PROCESSING_JOB: to_processing_spec}
"""What the job room runs."""


def state_changed(rooms: Rooms, id: str, change: dict[str, Any]) -> None:  # noqa: A002 - the rooms' word for it
    """Write what changed of a job or endpoint (`id` is its ARN) into its record; may be told more than once."""
    key = resources.key_of_arn(id)
    assert key is not None, id
    move = _MOVES[resources.kind_of(key)]
    record = rooms.records.change(key, lambda record: move(record, change))
    if record is None:
        log.info("%s changed after its record was deleted: %s", id, change)
    rooms.changes.notify(key)
    if record is not None and "TuningJobArn" in record.body and record.status in training_state.ENDED:
        tuning_driver.wake(rooms, record.body["TuningJobArn"])
    if record is not None and resources.kind_of(key) is ENDPOINT:
        inference_experiment_driver.endpoint_changed(rooms, record)


def recover(rooms: Rooms) -> None:
    """Take up what a former server left: jobs that run or wait, endpoints that serve, deletions half done."""
    rooms.jobs.recover()
    for record in _jobs_to_do(rooms):
        _recover_job(rooms, record)
    rooms.transforms.recover()
    for record in list(rooms.records.every(record_kind(TRANSFORM_JOB))):
        if record.status not in transform_state.ENDED:
            _recover_transform(rooms, record)
    for record in list(rooms.records.every(record_kind(ENDPOINT))):
        _recover_endpoint(rooms, record)
    tuning_driver.recover(rooms)
    pipeline.recover(rooms)
    inference_experiment_driver.recover(rooms)


def _recover_job(rooms: Rooms, record: Record) -> None:
    """Finish what the server died over: between the record and the job's folder, or between a stop and its effect."""
    kind = resources.kind_of(record.key)
    arn, stopping = record.body[kind.arn], record.status == "Stopping"
    if rooms.jobs.knows(arn):
        if stopping:
            rooms.jobs.stop(arn)
    elif stopping:
        state_changed(rooms, arn, {"SecondaryStatus": "Stopped", "Time": rooms.clock.now()})
    else:
        rooms.jobs.submit(_JOBS[kind](record))


def _recover_transform(rooms: Rooms, record: Record) -> None:
    """The same for a transform."""
    arn, stopping = record.body["TransformJobArn"], record.status == "Stopping"
    if rooms.transforms.knows(arn):
        if stopping:
            rooms.transforms.stop(arn)
    elif stopping:
        state_changed(rooms, arn, {"TransformJobStatus": "Stopped", "TransformEndTime": rooms.clock.now()})
    else:
        rooms.transforms.submit(to_transform_spec(record))


def running(rooms: Rooms) -> dict[str, int]:
    """How much there is to do, over all accounts and regions: jobs of every kind, searches, pipelines, endpoints."""

    def count(kind: str, over: Collection[str]) -> int:
        return sum(record.status not in over for record in rooms.records.every(kind))

    return {
        "jobs running": len(_jobs_to_do(rooms)) + count(record_kind(TRANSFORM_JOB), transform_state.ENDED),
        "tuning jobs": count(record_kind(TUNING_JOB), tuning_state.ENDED),
        "pipelines": count(pipeline_state.EXECUTION_KIND, pipeline_state.ENDED),
        "endpoints": count(record_kind(ENDPOINT), ("Failed",)),
    }


def _jobs_to_do(rooms: Rooms) -> list[Record]:
    records = (record for kind in _JOBS for record in rooms.records.every(record_kind(kind)))
    return [record for record in records if record.status not in training_state.ENDED]


def _recover_endpoint(rooms: Rooms, record: Record) -> None:
    """Serve again what was served; then go on with an update that was under way."""
    if record.status == "Deleting":
        async_requests.drop(rooms, record.key)
        rooms.records.delete(record.key)
        return
    if record.status == "Failed":
        return
    if record.status == "RollingBack":
        record = resources.change(rooms, record.key, endpoint_state.give_up)
    deployment, pending = record.body.get("Deployment"), record.body.get("Pending")
    if deployment is None:
        rooms.hosting.create(to_endpoint_spec(record, record.body["Pending"]))
        async_requests.attend(rooms, record)
        return
    if pending:
        rooms.records.change(record.key, lambda record: record.body.update(Recovering=True, Stage=None))
    rooms.hosting.recover([to_endpoint_spec(record, deployment)])
    async_requests.attend(rooms, record, recovered=True)
    if pending:
        rooms.hosting.update(to_endpoint_spec(record, pending), endpoint_rollout.to_rollout(pending))
