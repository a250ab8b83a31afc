"""Pipelines, and the versions of their definitions."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from clary.services.sagemaker import listing, pipeline_driver, pipeline_execution, pipeline_request, resources, roles
from clary.services.sagemaker.errors import ConflictException, ValidationException
from clary.services.sagemaker.not_done import refuse
from clary.services.sagemaker.pipeline_state import (
    CACHE_KIND,
    EXECUTION_KIND,
    VERSION_KIND,
    child,
    version_not_found,
    version_of,
)
from clary.services.sagemaker.resources import PIPELINE, record_kind
from clary.store.records import Draft, Key, Query, Record, RecordExists
from clary.wire import Call, Rooms, operation

_ORDERS = {"Name": "name", "CreationTime": "created"}
_TOLD = ("PipelineVersionDisplayName", "PipelineVersionDescription")
_OF_A_VERSION = ("PipelineDefinition", "PipelineVersionId", "VersionTime", *_TOLD)


@operation
def create_pipeline(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Check the definition and write one record; the same request again changes nothing."""
    key = resources.key_of(call, PIPELINE, request["PipelineName"])
    text = pipeline_request.definition_text(call.rooms, request)
    roles.check(call, request["RoleArn"])
    now, digest = call.rooms.clock.now(), hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest()
    body = {
        "PipelineDisplayName": request["PipelineName"],
        **{member: value for member, value in request.items() if member != "PipelineDefinitionS3Location"},
        "PipelineDefinition": text,
        "PipelineVersionId": 1,
        "VersionTime": now,
        PIPELINE.arn: resources.arn_of(key),
        "LastModifiedTime": now,
        "CreatedBy": resources.caller(call),
        "LastModifiedBy": resources.caller(call),
        "RequestDigest": digest,
    }
    try:
        call.rooms.records.create(key, body, status="Active")
    except RecordExists:
        existing = call.rooms.records.get(key)
        if existing is None or existing.body["RequestDigest"] != digest:
            raise ValidationException(
                "Pipeline names must be unique within an AWS account and region. Pipeline with name "
                f"({request['PipelineName']}) already exists."
            ) from None
    return {PIPELINE.arn: body[PIPELINE.arn]}


@operation
def update_pipeline(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change a pipeline; a new definition is its next version, and executions go on with theirs."""
    refuse(request, pipeline_request.NOT_DONE)
    key = resources.find(call, PIPELINE, request["PipelineName"]).key
    given = "PipelineDefinition" in request or "PipelineDefinitionS3Location" in request
    text = pipeline_request.definition_text(call.rooms, request) if given else None
    if "RoleArn" in request:
        roles.check(call, request["RoleArn"])
    plain = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
    changes = {member: request[member] for member in plain if member in request}
    changes |= {"LastModifiedTime": call.rooms.clock.now(), "LastModifiedBy": resources.caller(call)}
    if text is None:
        record = resources.change(call.rooms, key, lambda record: record.body.update(changes))
    else:
        record = _new_version(
            call.rooms, key, changes | {"PipelineDefinition": text, "VersionTime": changes["LastModifiedTime"]}
        )
    return {PIPELINE.arn: record.body[PIPELINE.arn], "PipelineVersionId": record.body["PipelineVersionId"]}


def _new_version(rooms: Rooms, key: Key, changes: dict[str, Any]) -> Record:
    """Put a new definition in force and keep the one before it, in one transaction."""

    def replace(record: Record) -> Draft:
        former = {member: record.body.pop(member) for member in _OF_A_VERSION if member in record.body}
        version = former["PipelineVersionId"]
        record.body.update(changes, PipelineVersionId=version + 1)
        return Draft(child(key, VERSION_KIND, str(version)), former)

    if rooms.records.create_under(key, replace) is None:
        raise resources.not_found(key)
    record = rooms.records.get(key)
    if record is None:
        raise resources.not_found(key)
    return record


@operation
def describe_pipeline(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The pipeline as it stands, or as it was in an earlier version."""
    refuse(request, pipeline_request.NOT_DONE)
    record = resources.find(call, PIPELINE, request["PipelineName"])
    version = request.get("PipelineVersionId", record.body["PipelineVersionId"])
    body = version_of(call.rooms, record.key, version)
    if body is None:
        raise version_not_found(record.key, version)
    told = {member: body.get(member) for member in _OF_A_VERSION}
    return {**record.body, **told, "PipelineStatus": record.status, "CreationTime": record.created}


@operation
def list_pipelines(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries, filtered and sorted."""
    if request.get("ManagedBy") == "AWS":
        return listing.answer("PipelineSummaries", listing.NOTHING, _summary)  # AWS manages none here
    query = Query(
        name_prefix=request.get("PipelineNamePrefix", "").lower(),
        created_after=request.get("CreatedAfter"),
        created_before=request.get("CreatedBefore"),
        order_by=_ORDERS[request.get("SortBy", "CreationTime")],
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=request.get("MaxResults", listing.DEFAULT_PAGE),
        token=request.get("NextToken", ""),
    )
    found = call.rooms.records.find(record_kind(PIPELINE), call.account, call.region, query)
    return listing.answer("PipelineSummaries", found, _summary)


def _summary(record: Record) -> dict[str, Any]:
    return {**record.body, "CreationTime": record.created, "LastExecutionTime": record.body.get("LastRunTime")}


@operation
def delete_pipeline(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a pipeline with all its executions, unless one of them runs."""
    key = resources.key_of(call, PIPELINE, request["PipelineName"])
    _set_status(call.rooms, key, "Deleting")  # from now on none starts
    if pipeline_execution.running(call.rooms, key):
        _set_status(call.rooms, key, "Active")
        raise ConflictException(
            f"Pipeline '{resources.arn_of(key)}' has executions that run; stop them before you delete it."
        )
    _remove(call.rooms, key)
    return {PIPELINE.arn: resources.arn_of(key)}


def _set_status(rooms: Rooms, key: Key, status: str) -> None:
    def change(record: Record) -> None:
        record.status = status

    resources.change(rooms, key, change)


def _remove(rooms: Rooms, key: Key) -> None:
    """Remove what belongs to a pipeline, then its own record."""
    for kind in (EXECUTION_KIND, VERSION_KIND, CACHE_KIND):
        query = Query(name_prefix=f"{key.name}/")
        while found := rooms.records.find(kind, key.account, key.region, query).records:
            for record in found:
                rooms.records.delete(record.key)
    rooms.records.delete(key)
    rooms.changes.notify(key)


def recover(rooms: Rooms) -> None:
    """At the server's start: go on with deletions that were begun and executions that have not ended."""
    for record in list(rooms.records.every(record_kind(PIPELINE))):
        if record.status == "Deleting":
            _remove(rooms, record.key)
    pipeline_driver.recover(rooms)


@operation
def list_pipeline_versions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of the versions of a pipeline, the latest first."""
    record = resources.find(call, PIPELINE, request["PipelineName"])
    latest = record.body["PipelineVersionId"]
    shown = [_version_summary(call.rooms, record, number) for number in range(latest, 0, -1)]
    after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
    kept = [
        row
        for row in shown
        if (after is None or row["CreationTime"] > after) and (before is None or row["CreationTime"] < before)
    ]
    if request.get("SortOrder") == "Ascending":
        kept.reverse()
    return pipeline_execution.cut("PipelineVersionSummaries", kept, request)


def _version_summary(rooms: Rooms, record: Record, number: int) -> dict[str, Any]:
    version = version_of(rooms, record.key, number)
    assert version is not None
    last = rooms.records.find(
        EXECUTION_KIND,
        record.key.account,
        record.key.region,
        Query(name_prefix=f"{record.key.name}/", where={"Version": str(number)}, limit=1),
    ).records
    return {
        PIPELINE.arn: record.body[PIPELINE.arn],
        **{member: version.get(member) for member in ("PipelineVersionId", *_TOLD)},
        "CreationTime": version["VersionTime"],
        "LastExecutionPipelineExecutionArn": last[0].body["PipelineExecutionArn"] if last else None,
    }


@operation
def update_pipeline_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Name or describe a version."""
    refuse(request, pipeline_request.NOT_DONE)
    pipeline, version = resources.find(call, PIPELINE, request[PIPELINE.arn]), request["PipelineVersionId"]
    changes = {member: request[member] for member in _TOLD if member in request}
    former = child(pipeline.key, VERSION_KIND, str(version))

    def describe(record: Record) -> None:
        if record.body["PipelineVersionId"] == version:
            record.body.update(changes)

    found = call.rooms.records.change(pipeline.key, describe)
    if found is None or found.body["PipelineVersionId"] != version:
        found = call.rooms.records.change(former, describe)
    if found is None:
        raise version_not_found(pipeline.key, version)
    return {PIPELINE.arn: pipeline.body[PIPELINE.arn], "PipelineVersionId": version}
