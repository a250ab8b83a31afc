"""Workgroups: create, get, list, update, delete."""

from typing import Any

from clary.jobs.host import Scope
from clary.services.athena import named_queries, prepared_statements, workgroups
from clary.services.athena.errors import InvalidRequestException, page_of
from clary.services.athena.executions import delete_executions, has_executions
from clary.services.athena.tags import merge_tags
from clary.services.athena.workgroup_configuration import new_configuration, update_configuration
from clary.services.athena.workgroups import KIND, PRIMARY, key_of
from clary.store.records import Query, Record, RecordExists
from clary.wire import Call, operation


@operation
def create_work_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new workgroup, enabled."""
    name, scope = request["Name"], Scope(call.account, call.region)
    workgroups.ensure_primary(call.rooms, scope)
    body = {
        "Name": name,
        "State": "ENABLED",
        "Description": request.get("Description", ""),
        "Configuration": new_configuration(request.get("Configuration") or {}),
        "Tags": merge_tags([], request.get("Tags") or []),
    }
    try:
        call.rooms.records.create(key_of(scope, name), body, status="ENABLED")
    except RecordExists:
        raise InvalidRequestException("WorkGroup is already created") from None
    return {}


@operation
def get_work_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One workgroup with its settings."""
    record = workgroups.require_workgroup(call.rooms, Scope(call.account, call.region), request["WorkGroup"])
    return {"WorkGroup": _described(record)}


@operation
def list_work_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the workgroups by name."""
    workgroups.ensure_primary(call.rooms, Scope(call.account, call.region))
    page = page_of(call, KIND, request, Query(order_by="name", descending=False))
    return {
        "WorkGroups": [
            {
                **_described(record),
                "Description": record.body.get("Description", ""),
                "EngineVersion": record.body["Configuration"]["EngineVersion"],
            }
            for record in page.records
        ],
        "NextToken": page.next_token or None,
    }


@operation
def update_work_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change a workgroup's settings, description or state."""
    scope, name = Scope(call.account, call.region), request["WorkGroup"]
    workgroups.require_workgroup(call.rooms, scope, name)

    def change(record: Record) -> None:
        update_configuration(record.body["Configuration"], request.get("ConfigurationUpdates") or {})
        if "Description" in request:
            record.body["Description"] = request["Description"]
        record.status = record.body["State"] = request.get("State", record.body["State"])

    if call.rooms.records.change(key_of(scope, name), change) is None:
        raise workgroups.not_found()
    return {}


@operation
def delete_work_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a workgroup; one that has queries only with RecursiveDeleteOption, and they go with it."""
    scope, name = Scope(call.account, call.region), request["WorkGroup"]
    if name == PRIMARY:
        raise InvalidRequestException("The primary workgroup cannot be deleted.")
    workgroups.require_workgroup(call.rooms, scope, name)
    used = (
        named_queries.has_queries(call.rooms, scope, name)
        or prepared_statements.has_statements(call.rooms, scope, name)
        or has_executions(call.rooms, scope, name)
    )
    if used and not request.get("RecursiveDeleteOption"):
        raise InvalidRequestException(f"WorkGroup {name} is not empty")
    named_queries.delete_queries(call.rooms, scope, name)
    prepared_statements.delete_statements(call.rooms, scope, name)
    delete_executions(call.rooms, scope, name)
    call.rooms.records.delete(key_of(scope, name))
    return {}


def _described(record: Record) -> dict[str, Any]:
    return {**record.body, "Description": record.body.get("Description") or None, "CreationTime": record.created}
