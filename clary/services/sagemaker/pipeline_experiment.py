"""The experiment that an execution reports to: made where there is none, and joined by each of its jobs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import pipeline_operations
from clary.services.sagemaker.errors import ValidationException

if TYPE_CHECKING:
    from clary.services.sagemaker.pipeline_jobs import Job
    from clary.services.sagemaker.pipeline_operations import Actor
    from clary.wire import Rooms

MEMBER = "ExperimentConfig"


def joined(body: dict[str, Any], job: Job, arguments: dict[str, Any]) -> dict[str, Any]:
    """A request for a job, as one of the execution's experiment and trial, where its kind of job can be that."""
    config, own = body.get("PipelineExperimentConfig"), arguments.get(MEMBER, {})
    if not config or not isinstance(own, dict) or MEMBER not in pipeline_operations.members(job.create)[0]:
        return arguments
    return {**arguments, MEMBER: {**own, **config}}


def ensure(rooms: Rooms, actor: Actor, config: Any) -> None:
    """Make the experiment and the trial that a job is to join; what stands in the way, the job's own request tells."""
    if not isinstance(config, dict):
        return
    for operation, members in (
        ("CreateExperiment", ("ExperimentName",)),
        ("CreateTrial", ("ExperimentName", "TrialName")),
    ):
        request = {member: config[member] for member in members if member in config}
        if len(request) == len(members):
            with suppress(ValidationException):  # it is there already
                pipeline_operations.do(rooms, actor, operation, request)
