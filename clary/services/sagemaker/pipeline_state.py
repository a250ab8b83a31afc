"""The records of pipelines and their executions: keys, how they begin, how they are described."""

from __future__ import annotations

import base64
import functools
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clary import pipelines
from clary.names import parse_arn
from clary.services.sagemaker import resources
from clary.services.sagemaker.errors import ResourceNotFound
from clary.services.sagemaker.pipeline_jobs import JOBS
from clary.services.sagemaker.resources import PIPELINE, record_kind
from clary.store.records import Key

if TYPE_CHECKING:
    from clary.pipelines import Definition
    from clary.store.records import Record
    from clary.wire import Call, Rooms

EXECUTION_KIND = "sagemaker/pipeline-execution"
VERSION_KIND = "sagemaker/pipeline-version"
"""Definitions that an update has replaced; the one in force is in the pipeline's own record."""
CACHE_KIND = "sagemaker/pipeline-cache"
ENDED = frozenset({"Stopped", "Failed", "Succeeded"})
STEP_FAILED = "Step failure: One or multiple steps failed."

MOST_REASON = 1024

State = dict[str, Any]
"""What the record of an execution knows of one step that has begun."""


def child(pipeline: Key, kind: str, name: str) -> Key:
    """The key of a record that belongs to a pipeline."""
    return pipeline._replace(kind=kind, name=f"{pipeline.name}/{name}")


def execution_id(pipeline: Key, token: str) -> str:
    """The id of the execution that a request with this token starts: the same request never starts two."""
    digest = hashlib.sha256(f"{resources.arn_of(pipeline)} {token}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:12]


def execution_arn(key: Key) -> str:
    """The ARN of an execution."""
    pipeline, _, name = key.name.partition("/")
    return f"{resources.arn_of(key._replace(kind=record_kind(PIPELINE), name=pipeline))}/execution/{name}"


def execution_key(arn: str) -> Key | None:
    """The key of the execution that an ARN names; None where it is none of an execution."""
    parts = parse_arn(arn)
    pieces = parts.resource.split("/") if parts and parts.service == "sagemaker" else []
    if parts is None or len(pieces) != 4 or (pieces[0], pieces[2]) != ("pipeline", "execution"):
        return None
    return Key(EXECUTION_KIND, parts.account, parts.region, f"{pieces[1]}/{pieces[3]}".lower())


def find_execution(call: Call, arn: str) -> Record:
    """The record of an execution of the caller's, or AWS's error."""
    key = execution_key(arn)
    own = key is not None and (key.account, key.region) == (call.account, call.region)
    record = call.rooms.records.get(key) if key and own else None
    if record is None:
        raise execution_not_found(arn)
    return record


def execution_not_found(arn: str) -> ResourceNotFound:
    """AWS's error for an execution that doesn't exist."""
    return ResourceNotFound(f"Pipeline execution '{arn}' does not exist.")


def pipeline_key(execution: Key) -> Key:
    """The key of the pipeline that an execution is of."""
    return execution._replace(kind=record_kind(PIPELINE), name=execution.name.partition("/")[0])


def version_of(rooms: Rooms, pipeline: Key, version: int) -> dict[str, Any] | None:
    """What a version of a pipeline is: its PipelineDefinition and times; None where there is no such version."""
    record = rooms.records.get(pipeline)
    if record is not None and record.body["PipelineVersionId"] == version:
        return record.body
    former = rooms.records.get(child(pipeline, VERSION_KIND, str(version)))
    return former.body if former else None


def version_not_found(pipeline: Key, version: int) -> ResourceNotFound:
    """The error for a version that doesn't exist."""
    return ResourceNotFound(f"Version {version} of pipeline '{resources.arn_of(pipeline)}' does not exist.")


@functools.lru_cache(maxsize=16)
def parsed(text: str) -> Definition:
    """A definition that was checked when it came."""
    return pipelines.parse(text)


def date_time(seconds: float) -> str:
    """A time as execution variables have it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def describe_execution(record: Record) -> dict[str, Any]:
    """DescribePipelineExecution's answer."""
    return {
        **record.body,
        "PipelineExecutionStatus": record.status,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
    }


def active(body: dict[str, Any]) -> dict[str, State]:
    """The steps that have begun and not ended."""
    return {name: state for name, state in body["Steps"].items() if state["Status"] not in ENDED}


def outcomes(body: dict[str, Any]) -> dict[str, bool | None]:
    """The steps that succeeded, and how the conditions among them came out."""
    return {
        name: state["Outcome"] == "True" if "Outcome" in state else None
        for name, state in body["Steps"].items()
        if state["Status"] == "Succeeded"
    }


def describe_step(definition: Definition, name: str, state: State) -> dict[str, Any]:
    """A step as ListPipelineExecutionSteps shows it."""
    step = definition.steps[name]
    shown = {
        "StepName": name,
        "StepDisplayName": step.display_name or None,
        "StepDescription": step.description or None,
        "StepStatus": state["Status"],
        "AttemptCount": state.get("Tries", 1),
        "Metadata": _metadata(step.type, state),
    }
    told = ("StartTime", "EndTime", "FailureReason", "CacheHitResult", "SelectiveExecutionResult")
    return shown | {member: state.get(member) for member in told}


def _metadata(kind: str, state: State) -> dict[str, Any] | None:
    if kind == "Condition":
        return {"Condition": {"Outcome": state["Outcome"]}} if "Outcome" in state else None
    if kind == "Fail":
        return {"Fail": {"ErrorMessage": state.get("ErrorMessage", "")}}
    return {JOBS[kind].metadata: {"Arn": state["Arn"]}} if "Arn" in state else None
