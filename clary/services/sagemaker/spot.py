"""Interrupting a spot job, as a shortage of AWS's spare machines would: what `clary spot interrupt` asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import TRAINING_JOB, record_kind

if TYPE_CHECKING:
    from clary.wire import Rooms


def interrupt(rooms: Rooms, job: str, grace: float | None = None) -> str:
    """Interrupt the running spot job of a name or ARN, whoever's it is; its ARN. ValidationException says why not."""
    found = [
        record
        for record in rooms.records.every(record_kind(TRAINING_JOB))
        if job.lower() in (record.key.name, record.body["TrainingJobArn"])
    ]
    if not found:
        raise ValidationException(f"There is no training job {job!r}.")
    if len(found) > 1:
        arns = ", ".join(record.body["TrainingJobArn"] for record in found)
        raise ValidationException(f"Several training jobs are called {job!r}; say which by its ARN: {arns}.")
    body = found[0].body
    arn: str = body["TrainingJobArn"]
    if not body["EnableManagedSpotTraining"]:
        raise ValidationException(f"{job} is no job of managed spot training: nothing interrupts it.")
    if not rooms.jobs.interrupt(arn, grace):
        status = body["SecondaryStatus"]
        raise ValidationException(f"{job} is {status}: it holds no machine that could be taken from it.")
    return arn
