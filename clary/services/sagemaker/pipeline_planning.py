"""How a step begins: its expressions worked out, its job named; or an earlier result in its place."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from clary import pipelines
from clary.services.s3.errors import NoSuchBucket, NoSuchKey
from clary.services.sagemaker import pipeline_experiment, pipeline_request, s3_locations
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.pipeline_jobs import JOBS, Job, cached_part, new_name
from clary.services.sagemaker.pipeline_state import CACHE_KIND, MOST_REASON, child, date_time, pipeline_key

if TYPE_CHECKING:
    from clary.pipelines import Definition, Step
    from clary.services.sagemaker.pipeline_state import State
    from clary.store.records import Key, Record
    from clary.wire import Rooms


def plan(rooms: Rooms, record: Record, definition: Definition, step: Step) -> State:
    """The first state of a step."""
    now = rooms.clock.now()
    begun: State = {"Status": "Executing", "StartTime": now}
    try:
        if step.type in JOBS:
            return begun | _planned_job(rooms, record, definition, step)
        scope = _scope(rooms, record, definition, {})
        values = pipelines.resolve(step.arguments, scope)
        if step.type == "Condition":
            outcome = "True" if pipelines.holds(values["Conditions"]) else "False"
            return begun | {"Status": "Succeeded", "EndTime": now, "Outcome": outcome, "Result": {"Outcome": outcome}}
        message = str(values.get("ErrorMessage", ""))
        return begun | {"Status": "Failed", "EndTime": now, "ErrorMessage": message, "FailureReason": message}
    except pipelines.ExpressionError as error:
        reason = f"ClientError: {error}"[:MOST_REASON]
        return begun | {"Status": "Failed", "EndTime": now, "FailureReason": reason}


def _planned_job(rooms: Rooms, record: Record, definition: Definition, step: Step) -> State:
    job, body = JOBS[step.type], record.body
    prefix = str(pipelines.resolve(step.arguments.get(job.name, ""), _scope(rooms, record, definition, {})))
    name = new_name(rooms.clock, job, body["Execution"]["PipelineExecutionId"], step.name, prefix)
    scope = _scope(rooms, record, definition, {f"{job.operation}Name": name})
    arguments = pipelines.resolve(step.arguments, scope)
    digest = _digest(job, arguments) if step.cached_for else ""
    if digest and (hit := _hit(rooms, record.key, step, digest)):
        return hit
    request = named(rooms, job, pipeline_experiment.joined(body, job, arguments), name)
    state: State = {"Prefix": prefix, "Name": name, "Arguments": request, "Tries": 1}
    return state | ({"Digest": digest} if digest else {})


def named(rooms: Rooms, job: Job, arguments: dict[str, Any], name: str) -> dict[str, Any]:
    """A Create request under a name of its own; of a model package's version, which has none, under a token."""
    if job.metadata == "RegisterModel" and "ModelPackageGroupName" in arguments:
        unnamed = {member: value for member, value in arguments.items() if member != job.name}
        return {**unnamed, "ClientToken": rooms.clock.uuid()}
    return {**arguments, job.name: name}


def _scope(rooms: Rooms, record: Record, definition: Definition, own: dict[str, str]) -> pipelines.Scope:
    body = record.body
    execution = {**body["Execution"], "CurrentDateTime": date_time(rooms.clock.now()), **own}
    return pipelines.Scope(
        parameters=body["Parameters"],
        execution=execution,
        experiment=body.get("PipelineExperimentConfig") or {},
        result=lambda step: body["Steps"][step].get("Result", {}),
        property_file=functools.partial(_property_file, body, definition),
        read_json=functools.partial(_read_json, rooms),
    )


def _property_file(body: dict[str, Any], definition: Definition, step: str, name: str) -> str:
    """Where a processing job has put a property file."""
    file = definition.steps[step].property_files[name]
    outputs = body["Steps"][step].get("Result", {}).get("ProcessingOutputConfig", {}).get("Outputs", [])
    folder = next((row["S3Output"]["S3Uri"] for row in outputs if row.get("OutputName") == file.output), None)
    if folder is None:
        raise pipelines.ExpressionError(f"Step {step} has no output {file.output!r} in S3, for property file {name}")
    return f"{folder.rstrip('/')}/{file.path.lstrip('/')}"


def _read_json(rooms: Rooms, uri: str) -> Any:
    try:
        bucket, key = s3_locations.parse(uri, "Std:JsonGet")
        return msgspec.json.decode(pipeline_request.read_object(rooms, bucket, key))
    except (NoSuchBucket, NoSuchKey, ValidationException) as error:
        raise pipelines.ExpressionError(f"{uri} can't be read: {error.message}") from None
    except (ValueError, RecursionError) as error:
        raise pipelines.ExpressionError(f"{uri} is no JSON: {error}") from None


def _digest(job: Job, arguments: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(cached_part(job, arguments), order="sorted")).hexdigest()


def _cache_key(execution: Key, step: str, digest: str) -> Key:
    return child(pipeline_key(execution), CACHE_KIND, f"{step}/{digest}")


def _hit(rooms: Rooms, execution: Key, step: Step, digest: str) -> State | None:
    """The state of a step that takes an earlier result."""
    found = rooms.records.get(_cache_key(execution, step.name, digest))
    now = rooms.clock.now()
    if found is None or now - found.body["Time"] > step.cached_for:
        return None
    source = {"SourcePipelineExecutionArn": found.body["PipelineExecutionArn"]}
    taken = {member: found.body[member] for member in ("Arn", "Result")}
    return {"Status": "Succeeded", "EndTime": now, "CacheHitResult": source, **taken}


def remember(rooms: Rooms, record: Record, step: Step, state: State) -> None:
    """Keep the result of a cached step for later executions."""
    body = {
        "PipelineExecutionArn": record.body["PipelineExecutionArn"],
        "Time": state["EndTime"],
        "Arn": state["Arn"],
        "Result": state["Result"],
    }
    rooms.records.put(_cache_key(record.key, step.name, state["Digest"]), body)
