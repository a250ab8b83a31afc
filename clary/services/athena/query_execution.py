"""Executions: start, get, list, stop."""

from __future__ import annotations

from typing import Any

from clary.jobs.host import Scope
from clary.services.athena import executions, life, reuse, workgroups
from clary.services.athena.errors import InvalidRequestException, page_of
from clary.services.athena.kinds import KINDS
from clary.services.athena.plans import plan
from clary.services.athena.tokens import keep_token
from clary.sql.statements import parse
from clary.store.records import Query, Record, RecordExists
from clary.wire import Call, operation


@operation
def start_query_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Run a statement; the same ClientRequestToken gives the same execution."""
    body = plan(call, request)
    context = request.get("QueryExecutionContext") or {}
    said = {
        "QueryString": request["QueryString"],
        "Catalog": context.get("Catalog"),
        "Database": context.get("Database"),
        "OutputLocation": (request.get("ResultConfiguration") or {}).get("OutputLocation"),
    }
    id_ = keep_token(call, request.get("ClientRequestToken"), said)
    place = KINDS[type(parse(body["Text"]))].place % id_
    body["ResultConfiguration"]["OutputLocation"] += place
    body["QueryExecutionId"] = id_
    body["Fingerprint"] = reuse.fingerprint(body)
    body["Status"] = {"State": "QUEUED", "SubmissionDateTime": call.rooms.clock.now()}
    key = executions.key_of(Scope(call.account, call.region), id_)
    try:
        record = call.rooms.records.create(key, body, status="QUEUED")
    except RecordExists:
        return {"QueryExecutionId": id_}  # the request was sent twice
    life.begin(call.rooms, record)
    return {"QueryExecutionId": id_}


@operation
def get_query_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One execution as it stands."""
    return {"QueryExecution": _require(call, request).body}


@operation
def batch_get_query_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Several executions, and which of them there aren't."""
    scope = Scope(call.account, call.region)
    found: list[dict[str, Any]] = []
    missing = []
    for id_ in dict.fromkeys(request["QueryExecutionIds"]):
        try:
            found.append(executions.require_execution(call.rooms, scope, id_).body)
        except InvalidRequestException as problem:
            reason = problem.fields["AthenaErrorCode"]
            missing.append({"QueryExecutionId": id_, "ErrorCode": reason, "ErrorMessage": problem.message})
    return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}


@operation
def list_query_executions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the ids of what ran in a workgroup, the newest first."""
    workgroup = request.get("WorkGroup", workgroups.PRIMARY)
    workgroups.require_workgroup(call.rooms, Scope(call.account, call.region), workgroup)
    page = page_of(call, executions.KIND, request, Query(where={"WorkGroup": workgroup}))
    return {"QueryExecutionIds": [record.key.name for record in page.records], "NextToken": page.next_token or None}


@operation
def stop_query_execution(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """End an execution; one that has ended, or whose files are just becoming visible, stays as it is."""
    record = _require(call, request)
    stopped = False

    def stop(found: Record) -> None:
        nonlocal stopped
        if "Commit" not in found.body:
            executions.set_state(found, "CANCELLED", call.rooms.clock.now(), executions.CANCELLED_BY_USER)
            stopped = True

    executions.change(call.rooms, record.key, stop)
    if stopped:
        call.rooms.queries.cancel(record.key.name)
    return {}


@operation
def get_query_runtime_statistics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Times and rows of an execution that has ended."""
    record = _require(call, request)
    if record.status not in executions.ENDED:
        raise InvalidRequestException(
            f"Query has not yet finished. Current state: {record.status}", "INVALID_QUERY_EXECUTION_STATE"
        )
    statistics = record.body["Statistics"]
    rows = {
        "InputBytes": statistics.get("DataScannedInBytes", 0),
        "OutputRows": record.body.get("Rows", record.body.get("UpdateCount", 0)),
    }
    return {"QueryRuntimeStatistics": {"Timeline": statistics, "Rows": rows}}


def _require(call: Call, request: dict[str, Any]) -> Record:
    return executions.require_execution(call.rooms, Scope(call.account, call.region), request["QueryExecutionId"])
