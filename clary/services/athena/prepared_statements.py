"""Prepared statements of a workgroup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.errors import ClientError
from clary.jobs.host import Scope
from clary.services.athena.errors import InvalidRequestException, ResourceNotFoundException, page_of
from clary.services.athena.syntax import check_syntax
from clary.services.athena.workgroups import require_workgroup
from clary.sql.statements import parse
from clary.store.records import Key, Query, Record, RecordExists
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.wire import Rooms

KIND = "athena:prepared-statement"


@operation
def create_prepared_statement(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a statement under a name of the workgroup."""
    scope = Scope(call.account, call.region)
    require_workgroup(call.rooms, scope, request["WorkGroup"])
    _check(request["QueryStatement"])
    create_statement(
        call.rooms,
        scope,
        request["WorkGroup"],
        request["StatementName"],
        request["QueryStatement"],
        request.get("Description", ""),
    )
    return {}


@operation
def get_prepared_statement(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One statement."""
    scope = Scope(call.account, call.region)
    require_workgroup(call.rooms, scope, request["WorkGroup"])
    record = require_statement(call.rooms, scope, request["WorkGroup"], request["StatementName"])
    return {"PreparedStatement": _described(record)}


@operation
def batch_get_prepared_statement(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Several statements, and which of them there aren't."""
    scope, workgroup = Scope(call.account, call.region), request["WorkGroup"]
    require_workgroup(call.rooms, scope, workgroup)
    found: list[dict[str, Any]] = []
    missing = []
    for name in dict.fromkeys(request["PreparedStatementNames"]):
        try:
            found.append(_described(require_statement(call.rooms, scope, workgroup, name)))
        except ResourceNotFoundException as problem:
            missing.append({"StatementName": name, "ErrorCode": "STATEMENT_NOT_FOUND", "ErrorMessage": problem.message})
    return {"PreparedStatements": found, "UnprocessedPreparedStatementNames": missing}


@operation
def list_prepared_statements(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a workgroup's statements by name."""
    workgroup = request["WorkGroup"]
    require_workgroup(call.rooms, Scope(call.account, call.region), workgroup)
    page = page_of(call, KIND, request, Query(name_prefix=f"{workgroup}/", order_by="name", descending=False))
    return {
        "PreparedStatements": [_described(record) for record in page.records],
        "NextToken": page.next_token or None,
    }


@operation
def update_prepared_statement(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change a statement."""
    scope, workgroup, name = Scope(call.account, call.region), request["WorkGroup"], request["StatementName"]
    require_workgroup(call.rooms, scope, workgroup)
    _check(request["QueryStatement"])

    def change(record: Record) -> None:
        record.body["QueryStatement"] = request["QueryStatement"]
        record.body["Description"] = request.get("Description", record.body.get("Description", ""))

    if call.rooms.records.change(_key(scope, workgroup, name), change) is None:
        raise _not_found(name)
    return {}


@operation
def delete_prepared_statement(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a statement."""
    scope = Scope(call.account, call.region)
    require_workgroup(call.rooms, scope, request["WorkGroup"])
    delete_statement(call.rooms, scope, request["WorkGroup"], request["StatementName"])
    return {}


def create_statement(rooms: Rooms, scope: Scope, workgroup: str, name: str, text: str, description: str = "") -> None:
    """Keep a statement; refused where its name is taken."""
    body = {
        "StatementName": name,
        "WorkGroupName": workgroup,
        "QueryStatement": text,
        "Description": description,
    }
    try:
        rooms.records.create(_key(scope, workgroup, name), body)
    except RecordExists:
        raise InvalidRequestException(f"Prepared statement {name} already exists in workGroup {workgroup}") from None


def require_statement(rooms: Rooms, scope: Scope, workgroup: str, name: str) -> Record:
    """A statement of a workgroup."""
    found = rooms.records.get(_key(scope, workgroup, name))
    if found is None:
        raise _not_found(name)
    return found


def delete_statement(rooms: Rooms, scope: Scope, workgroup: str, name: str) -> None:
    """Forget a statement; refused where there is none."""
    if rooms.records.delete(_key(scope, workgroup, name)) is None:
        raise _not_found(name)


def has_statements(rooms: Rooms, scope: Scope, workgroup: str) -> bool:
    """Whether a workgroup has any."""
    return bool(rooms.records.find(KIND, *scope, Query(name_prefix=f"{workgroup}/", limit=1)).records)


def delete_statements(rooms: Rooms, scope: Scope, workgroup: str) -> None:
    """Forget all statements of a workgroup."""
    rooms.records.delete_below(KIND, *scope, f"{workgroup}/")


def _check(text: str) -> None:
    try:
        check_syntax(text, parse(text))
    except ClientError as problem:
        raise InvalidRequestException(str(problem), "MALFORMED_QUERY") from None


def _described(record: Record) -> dict[str, Any]:
    return {**record.body, "Description": record.body.get("Description") or None, "LastModifiedTime": record.modified}


def _key(scope: Scope, workgroup: str, name: str) -> Key:
    # EXECUTE minds no case, as no name of a statement does.
    return Key(KIND, scope.account, scope.region, f"{workgroup}/{name.lower()}")


def _not_found(name: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"PreparedStatement {name} was not found", name)
