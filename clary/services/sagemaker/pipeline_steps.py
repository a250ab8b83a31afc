"""A step that has begun: its job is created, watched, tried again, stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from clary import pipelines
from clary.errors import ServiceError
from clary.pipelines import retries
from clary.services.sagemaker import pipeline_experiment, pipeline_operations, pipeline_planning, resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.pipeline_jobs import JOBS, TRIALS, key_of_job, new_name, trials_request
from clary.services.sagemaker.pipeline_operations import Actor
from clary.services.sagemaker.pipeline_state import MOST_REASON

if TYPE_CHECKING:
    from clary.pipelines import Step
    from clary.services.sagemaker.pipeline_state import State
    from clary.store.records import Record
    from clary.wire import Rooms

Wake = Callable[[], None]

_JOB_ENDED = ("Completed", "Failed", "Stopped")

# What the reason of a job's failure begins with, or holds -> the type of the failure.
_REASONS = {
    "InternalServerError": retries.INTERNAL_ERROR,
    "CapacityError": retries.CAPACITY_ERROR,
    "InsufficientCapacity": retries.CAPACITY_ERROR,
    "ResourceLimitExceeded": retries.RESOURCE_LIMIT,
}
_CODES = {"ResourceLimitExceeded": retries.RESOURCE_LIMIT, "ThrottlingException": retries.THROTTLING}


def see_to(rooms: Rooms, record: Record, step: Step, state: State, wake: Wake) -> State:
    """The state of a step after all that can be done for it now; the same where that is nothing."""
    now, job = rooms.clock.now(), JOBS[step.type]
    if "RetryAt" in state:
        if now < state["RetryAt"]:
            rooms.background.run_later((record.body["PipelineExecutionArn"], step.name), wake, state["RetryAt"] - now)
            return state
        return _next_try(rooms, record, step, state)
    key = key_of_job(job, record.key, state["Name"])
    if job.lasts:
        rooms.changes.call_once(key, record.key, wake)  # before the look at the job, so that no change is missed
    found = rooms.records.get(key)
    if found is None and "Arn" in state:
        return _failed(rooms, step, state, "The job was deleted.", "")
    if found is None:
        return _create(rooms, record, step, state)
    state = {"Arn": resources.arn_of(key), **state}
    return _ended(rooms, record, step, state, found) if not job.lasts or found.status in _JOB_ENDED else state


def _actor(record: Record) -> Actor:
    return Actor(record.key.account, record.key.region, record.body["RoleArn"])


def _create(rooms: Rooms, record: Record, step: Step, state: State) -> State:
    """Create what the step is for; a failure is a failure of the step."""
    job, actor = JOBS[step.type], _actor(record)
    try:
        if group := state["Arguments"].get("ModelPackageGroupName"):
            _ensure_group(rooms, actor, group)
        if config := state["Arguments"].get(pipeline_experiment.MEMBER):
            pipeline_experiment.ensure(rooms, actor, config)
        answer = pipeline_operations.do(rooms, actor, job.create, state["Arguments"])
    except ServiceError as problem:
        kind = _CODES.get(problem.code, retries.SERVICE_FAULT if problem.status >= 500 else "")
        reason = f"Failed to invoke sagemaker:{job.create}. Error Details: {problem.message}"
        return _failed(rooms, step, state, reason, kind)
    state = {**state, "Arn": answer[job.arn]}
    return state if job.lasts else _succeeded(rooms, record, step, state)


def _ensure_group(rooms: Rooms, actor: Actor, name: str) -> None:
    """A pipeline makes the model package group that a version is registered in, where there is none."""
    with suppress(ValidationException):
        pipeline_operations.do(rooms, actor, "CreateModelPackageGroup", {"ModelPackageGroupName": name})


def _ended(rooms: Rooms, record: Record, step: Step, state: State, found: Record) -> State:
    if not JOBS[step.type].lasts or found.status == "Completed":
        return _succeeded(rooms, record, step, state)
    reason = found.body.get("FailureReason") or f"The job is {found.status}."
    kind = next((kind for words, kind in _REASONS.items() if words in reason), "")
    if step.type == "Tuning" and kind == retries.INTERNAL_ERROR:
        kind = ""  # a tuning job tries its trials again by itself
    return _failed(rooms, step, state, reason, kind)


def _succeeded(rooms: Rooms, record: Record, step: Step, state: State) -> State:
    job, actor = JOBS[step.type], _actor(record)
    name = state["Arn"] if job.metadata == "RegisterModel" else state["Name"]
    result = pipeline_operations.do(rooms, actor, job.describe, {job.name: name})
    if step.type == "Tuning":
        result |= pipeline_operations.do(rooms, actor, TRIALS, trials_request(result))
    state = {**state, "Status": "Succeeded", "EndTime": rooms.clock.now(), "Result": result}
    if "Digest" in state:
        pipeline_planning.remember(rooms, record, step, state)
    return state


def _failed(rooms: Rooms, step: Step, state: State, reason: str, kind: str) -> State:
    """The step's end, or a pause before its next try."""
    now = rooms.clock.now()
    told = {"FailureReason": f"ClientError: {reason}"[:MOST_REASON]}
    failure = retries.Failure(kind, state["Tries"], now - state["StartTime"])
    delay = pipelines.next_delay(step.policies, failure) if kind else None
    if delay is None:
        return {**state, **told, "Status": "Failed", "EndTime": now}
    return {**state, **told, "RetryAt": now + delay}


def _next_try(rooms: Rooms, record: Record, step: Step, state: State) -> State:
    """The step with a job of another name, to be created next."""
    job = JOBS[step.type]
    execution = record.body["Execution"]["PipelineExecutionId"]
    name = new_name(rooms.clock, job, execution, step.name, state["Prefix"])
    arguments = pipeline_planning.named(rooms, job, state["Arguments"], name)
    kept = {member: value for member, value in state.items() if member not in ("RetryAt", "Arn", "FailureReason")}
    return {**kept, "Name": name, "Arguments": arguments, "Tries": state["Tries"] + 1}


def stop(rooms: Rooms, record: Record, step: Step, state: State, wake: Wake) -> State:
    """Ask the job of a step to stop; the step is Stopped when the job has ended, or was never created."""
    job = JOBS[step.type]
    key = key_of_job(job, record.key, state["Name"])
    rooms.changes.call_once(key, record.key, wake)
    found = rooms.records.get(key) if job.lasts and "RetryAt" not in state else None
    if found is None:
        return {**state, "Status": "Stopped", "EndTime": rooms.clock.now()}
    state = {"Arn": resources.arn_of(key), **state}
    if found.status == "Stopped":
        return {**state, "Status": "Stopped", "EndTime": rooms.clock.now()}
    if found.status in _JOB_ENDED:
        return _ended(rooms, record, step, state, found)
    with suppress(ServiceError):  # it stops already, or has ended meanwhile
        pipeline_operations.do(rooms, _actor(record), f"Stop{job.operation}", {job.name: state["Name"]})
    return {**state, "Status": "Stopping"}
