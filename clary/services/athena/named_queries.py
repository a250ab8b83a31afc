"""Named queries: kept for whoever wants to run them again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from clary.jobs.host import Scope
from clary.services.athena.errors import InvalidRequestException, page_of
from clary.services.athena.tokens import keep_token
from clary.services.athena.workgroups import PRIMARY, records_of, require_workgroup
from clary.store.records import Key, Query, Record, RecordExists
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.wire import Rooms

KIND = "athena:named-query"


@operation
def create_named_query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a query; the same ClientRequestToken gives the same one."""
    workgroup = request.get("WorkGroup", PRIMARY)
    require_workgroup(call.rooms, Scope(call.account, call.region), workgroup)
    said: dict[str, Any] = {
        name: request[name] for name in ("Name", "Description", "Database", "QueryString") if name in request
    }
    id_ = keep_token(call, request.get("ClientRequestToken"), {**said, "WorkGroup": workgroup})
    body = {**said, "WorkGroup": workgroup, "NamedQueryId": id_}
    with suppress(RecordExists):  # the request was sent twice
        call.rooms.records.create(_key(call, id_), body)
    return {"NamedQueryId": id_}


@operation
def get_named_query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One query."""
    found = call.rooms.records.get(_key(call, request["NamedQueryId"]))
    if found is None:
        raise _not_found(request["NamedQueryId"])
    return {"NamedQuery": found.body}


@operation
def batch_get_named_query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Several queries, and which of them there aren't."""
    found: list[dict[str, Any]] = []
    missing = []
    for id_ in dict.fromkeys(request["NamedQueryIds"]):
        record = call.rooms.records.get(_key(call, id_))
        if record:
            found.append(record.body)
        else:
            problem = _not_found(id_)
            missing.append({"NamedQueryId": id_, "ErrorCode": "INVALID_INPUT", "ErrorMessage": problem.message})
    return {"NamedQueries": found, "UnprocessedNamedQueryIds": missing}


@operation
def list_named_queries(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the ids of a workgroup's queries, the newest first."""
    workgroup = request.get("WorkGroup", PRIMARY)
    require_workgroup(call.rooms, Scope(call.account, call.region), workgroup)
    page = page_of(call, KIND, request, Query(where={"WorkGroup": workgroup}))
    return {"NamedQueryIds": [record.key.name for record in page.records], "NextToken": page.next_token or None}


@operation
def update_named_query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change a query."""

    def change(record: Record) -> None:
        record.body.update({name: request[name] for name in ("Name", "Description", "QueryString") if name in request})

    if call.rooms.records.change(_key(call, request["NamedQueryId"]), change) is None:
        raise _not_found(request["NamedQueryId"])
    return {}


@operation
def delete_named_query(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a query."""
    if call.rooms.records.delete(_key(call, request["NamedQueryId"])) is None:
        raise _not_found(request["NamedQueryId"])
    return {}


def has_queries(rooms: Rooms, scope: Scope, workgroup: str) -> bool:
    """Whether a workgroup has any."""
    return next(records_of(rooms, scope, KIND, workgroup), None) is not None


def delete_queries(rooms: Rooms, scope: Scope, workgroup: str) -> None:
    """Forget all queries of a workgroup."""
    for record in list(records_of(rooms, scope, KIND, workgroup)):
        rooms.records.delete(record.key)


def _key(call: Call, id_: str) -> Key:
    return Key(KIND, call.account, call.region, id_)


def _not_found(id_: str) -> InvalidRequestException:
    return InvalidRequestException(f"NamedQuery {id_} was not found")
