"""Executions of pipelines."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from clary import pipelines
from clary.services.sagemaker import listing, pipeline_driver, pipeline_request, pipeline_selection, resources, roles
from clary.services.sagemaker.errors import ConflictException, ValidationException
from clary.services.sagemaker.holding import hold
from clary.services.sagemaker.not_done import refuse
from clary.services.sagemaker.pipeline_state import (
    ENDED,
    EXECUTION_KIND,
    child,
    date_time,
    describe_execution,
    describe_step,
    execution_arn,
    execution_id,
    execution_key,
    execution_not_found,
    find_execution,
    parsed,
    pipeline_key,
    version_not_found,
    version_of,
)
from clary.services.sagemaker.resources import PIPELINE
from clary.store.records import Draft, Key, Query, Record, RecordExists
from clary.wire import Call, Rooms, operation

MOST_ROWS = 100  # of a page; the SDKs ask for one page of steps, and for no number

_ORDERS = {"CreationTime": "created", "PipelineExecutionArn": "name"}
_TOLD = ("PipelineExecutionDisplayName", "PipelineExecutionDescription", "ParallelismConfiguration")


@operation
def start_pipeline_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write one record, and have it driven; the same request again starts nothing."""
    refuse(request, pipeline_request.NOT_DONE)
    pipeline = resources.find(call, PIPELINE, request["PipelineName"])
    key = child(pipeline.key, EXECUTION_KIND, execution_id(pipeline.key, request["ClientRequestToken"]))
    body = _new_body(call, pipeline, key, request)

    def draft(pipeline: Record) -> Draft:
        if pipeline.status != "Active":
            raise resources.not_found(pipeline.key)
        pipeline.body["LastRunTime"] = call.rooms.clock.now()
        return Draft(key, body, "Executing")

    try:
        if call.rooms.records.create_under(pipeline.key, draft) is None:
            raise resources.not_found(pipeline.key)
    except RecordExists:
        existing = call.rooms.records.get(key)
        if existing is None or existing.body["RequestDigest"] != body["RequestDigest"]:
            raise ConflictException("This ClientRequestToken was used before, in another request.") from None
    pipeline_driver.wake(call.rooms, execution_arn(key))
    return {"PipelineExecutionArn": execution_arn(key)}


def _new_body(call: Call, pipeline: Record, key: Key, request: dict[str, Any]) -> dict[str, Any]:
    version = request.get("PipelineVersionId", pipeline.body["PipelineVersionId"])
    text = version_definition(call, pipeline.key, version)
    pipeline_request.check(text)  # what it asks for may be more than this server has: another one may have taken it
    role = request.get("RoleArn", pipeline.body["RoleArn"])
    roles.check(call, role)
    definition, now = parsed(text), call.rooms.clock.now()
    body = {
        PIPELINE.arn: pipeline.body[PIPELINE.arn],
        "PipelineExecutionArn": execution_arn(key),
        "PipelineExecutionDisplayName": f"execution-{int(now * 1000)}",
        "PipelineVersionId": version,
        "Version": str(version),
        "RoleArn": role,
        "ParallelismConfiguration": pipeline.body.get("ParallelismConfiguration"),
        **{member: request[member] for member in _TOLD if member in request},
        "Parameters": pipeline_request.parameter_values(definition, request.get("PipelineParameters", [])),
        "Execution": _variables(pipeline, key, now),
        "Steps": {},
        "CreatedBy": resources.caller(call),
        "LastModifiedBy": resources.caller(call),
        "RequestDigest": hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest(),
    }
    body["PipelineExperimentConfig"] = _experiment(definition, body)
    if "SelectiveExecutionConfig" in request:
        body |= pipeline_selection.select(call, pipeline.key, definition, request["SelectiveExecutionConfig"])
    return body


def version_definition(call: Call, pipeline: Key, version: int) -> str:
    """The definition of a version, or AWS's error."""
    found = version_of(call.rooms, pipeline, version)
    if found is None:
        raise version_not_found(pipeline, version)
    return str(found["PipelineDefinition"])


def _variables(pipeline: Record, key: Key, now: float) -> dict[str, str]:
    """The values of execution variables that stay as they are."""
    return {
        "PipelineName": pipeline.body["PipelineName"],
        "PipelineArn": pipeline.body[PIPELINE.arn],
        "PipelineExecutionId": key.name.partition("/")[2],
        "PipelineExecutionArn": execution_arn(key),
        "StartDateTime": date_time(now),
    }


def _experiment(definition: pipelines.Definition, body: dict[str, Any]) -> dict[str, str] | None:
    """The experiment that a definition asks for, its names worked out."""
    scope = pipelines.Scope(body["Parameters"], body["Execution"], {}, lambda _: {}, lambda *_: "", lambda _: None)
    try:
        return pipelines.resolve(definition.experiment, scope) or None
    except pipelines.ExpressionError as error:
        raise ValidationException(f"PipelineExperimentConfig: {error}.") from None


@operation
async def describe_pipeline_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The execution as it stands; a client that only waits for its end gets the answer when there is one."""
    arn = request["PipelineExecutionArn"]
    key = execution_key(arn)
    own = key is not None and (key.account, key.region) == (call.account, call.region)
    record = await hold(call, key, lambda record: record.status in ENDED) if key and own else None
    if record is None:
        raise execution_not_found(arn)
    return describe_execution(record)


@operation
def describe_pipeline_definition_for_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The definition that an execution follows."""
    record = find_execution(call, request["PipelineExecutionArn"])
    text = version_definition(call, pipeline_key(record.key), record.body["PipelineVersionId"])
    return {"PipelineDefinition": text, "CreationTime": record.created}


@operation
def update_pipeline_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Rename or describe an execution, or change how many of its steps run at a time."""
    key = find_execution(call, request["PipelineExecutionArn"]).key
    changes = {member: request[member] for member in _TOLD if member in request} | {
        "LastModifiedBy": resources.caller(call)
    }
    _change(call, key, lambda record: record.body.update(changes))
    pipeline_driver.wake(call.rooms, execution_arn(key))
    return {"PipelineExecutionArn": execution_arn(key)}


@operation
def stop_pipeline_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Begin no more steps and stop those that run: the end is written when they have."""
    key = find_execution(call, request["PipelineExecutionArn"]).key

    def stop(record: Record) -> None:
        if record.status == "Executing":
            record.status = "Stopping"
        elif record.status not in ("Stopping", "Stopped"):  # the same request again is answered as the first was
            raise ValidationException(
                f"Pipeline execution '{execution_arn(key)}' is in status {record.status}: only one that is Executing "
                "can be stopped."
            )

    _change(call, key, stop)
    pipeline_driver.wake(call.rooms, execution_arn(key))
    return {"PipelineExecutionArn": execution_arn(key)}


@operation
def retry_pipeline_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Go on with an execution that failed or was stopped: what succeeded stays, the rest is begun anew."""
    key = find_execution(call, request["PipelineExecutionArn"]).key
    token = request["ClientRequestToken"]

    def retry(record: Record) -> None:
        if record.body.get("RetryToken") == token:
            return  # the same request again
        steps = record.body["Steps"]
        if record.status not in ("Failed", "Stopped") or any("ErrorMessage" in state for state in steps.values()):
            raise ValidationException(
                f"Pipeline execution '{execution_arn(key)}' can't be retried: only one that is Failed or Stopped can, "
                "and none that a Fail step ended."
            )
        record.status, record.body["RetryToken"] = "Executing", token
        record.body["Steps"] = {name: state for name, state in steps.items() if state["Status"] == "Succeeded"}
        record.body.pop("FailureReason", None)
        if "ParallelismConfiguration" in request:
            record.body["ParallelismConfiguration"] = request["ParallelismConfiguration"]

    _change(call, key, retry)
    pipeline_driver.wake(call.rooms, execution_arn(key))
    return {"PipelineExecutionArn": execution_arn(key)}


def _change(call: Call, key: Key, function: Any) -> None:
    if call.rooms.records.change(key, function) is None:
        raise execution_not_found(execution_arn(key))
    call.rooms.changes.notify(key)


@operation
def list_pipeline_executions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the executions of a pipeline, filtered and sorted."""
    refuse(request, pipeline_request.NOT_DONE)
    pipeline = resources.find(call, PIPELINE, request["PipelineName"])
    query = Query(
        name_prefix=f"{pipeline.key.name}/",
        created_after=request.get("CreatedAfter"),
        created_before=request.get("CreatedBefore"),
        order_by=_ORDERS[request.get("SortBy", "CreationTime")],
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=request.get("MaxResults", listing.DEFAULT_PAGE),
        token=request.get("NextToken", ""),
    )
    found = call.rooms.records.find(EXECUTION_KIND, call.account, call.region, query)
    return listing.answer("PipelineExecutionSummaries", found, _summary)


def _summary(record: Record) -> dict[str, Any]:
    return {
        **describe_execution(record),
        "StartTime": record.created,
        "PipelineExecutionFailureReason": record.body.get("FailureReason"),
    }


@operation
def list_pipeline_execution_steps(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The steps that have begun, the latest first."""
    if "PipelineExecutionArn" not in request:
        raise ValidationException("PipelineExecutionArn is required.")
    record = find_execution(call, request["PipelineExecutionArn"])
    text = version_definition(call, pipeline_key(record.key), record.body["PipelineVersionId"])
    shown = [describe_step(parsed(text), name, state) for name, state in record.body["Steps"].items()]
    shown.sort(key=lambda step: step["StartTime"])
    if request.get("SortOrder", "Descending") == "Descending":
        shown.reverse()
    return cut("PipelineExecutionSteps", shown, request)


@operation
def list_pipeline_parameters_for_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """All parameters with the values that they have in this execution."""
    values = find_execution(call, request["PipelineExecutionArn"]).body["Parameters"]
    rows = [{"Name": name, "Value": pipelines.as_text(value)} for name, value in values.items()]
    return cut("PipelineParameters", rows, request)


def cut(member: str, rows: list[dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    """One page of what a List operation found."""
    shown, token = listing.cut(rows, request, MOST_ROWS)
    return {member: shown, "NextToken": token}


def running(rooms: Rooms, pipeline: Key) -> bool:
    """Whether any execution of a pipeline has not ended."""
    queries = [Query(name_prefix=f"{pipeline.name}/", status=status, limit=1) for status in ("Executing", "Stopping")]
    return any(
        rooms.records.find(EXECUTION_KIND, pipeline.account, pipeline.region, query).records for query in queries
    )
