"""The executions of statements: their records, and how they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clary.jobs.host import Scope
from clary.services.athena.errors import InvalidRequestException
from clary.services.athena.workgroups import records_of
from clary.store.records import Key, Record

if TYPE_CHECKING:
    from clary.wire import Rooms

KIND = "athena:execution"
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
_FIGURES = (  # of every execution that has ended: reports sum them over all
    "DataScannedInBytes",
    "EngineExecutionTimeInMillis",
    "QueryQueueTimeInMillis",
)
CANCELLED_BY_USER = "Query cancelled by user"


def key_of(scope: Scope, id_: str) -> Key:
    """Where an execution is kept."""
    return Key(KIND, scope.account, scope.region, id_)


def require_execution(rooms: Rooms, scope: Scope, id_: str) -> Record:
    """An execution."""
    found = rooms.records.get(key_of(scope, id_))
    if found is None:
        raise not_found(id_)
    return found


def not_found(id_: str) -> InvalidRequestException:
    """The answer where there is no such execution."""
    return InvalidRequestException(f"QueryExecution {id_} was not found", "QUERY_EXECUTION_NOT_FOUND")


def set_state(record: Record, state: str, now: float, reason: str = "") -> None:
    """Change the state of an execution in its record."""
    record.status = state
    status = record.body["Status"]
    status["State"] = state
    if reason:
        status["StateChangeReason"] = reason
    if state in ENDED:
        status["CompletionDateTime"] = now
        statistics = record.body["Statistics"] = {**dict.fromkeys(_FIGURES, 0), **record.body["Statistics"]}
        whole = int((now - status["SubmissionDateTime"]) * 1000)
        known = statistics["QueryQueueTimeInMillis"] + statistics["EngineExecutionTimeInMillis"]
        statistics["TotalExecutionTimeInMillis"] = max(whole, known)
        statistics["ServiceProcessingTimeInMillis"] = max(whole - known, 0)


def change(rooms: Rooms, key: Key, function: Callable[[Record], None]) -> bool:
    """Let a function change an execution that has not ended; False where it has, or is gone."""
    changed = False

    def apply(record: Record) -> None:
        nonlocal changed
        if record.status not in ENDED:
            function(record)
            changed = True

    rooms.records.change(key, apply)
    return changed


def succeed(rooms: Rooms, key: Key, result: dict[str, Any]) -> bool:
    """An execution has done its work; `result` are members of its record."""

    def end(record: Record) -> None:
        record.body.update(result)
        record.body.pop("Commit", None)
        set_state(record, "SUCCEEDED", rooms.clock.now())

    return change(rooms, key, end)


def fail(rooms: Rooms, key: Key, reason: str, error: dict[str, Any], statistics: dict[str, Any] | None = None) -> bool:
    """An execution could not do its work; `error` are members of AthenaError beside its message."""

    def end(record: Record) -> None:
        record.body.pop("Commit", None)
        record.body["Statistics"].update(statistics or {})
        record.body["Status"]["AthenaError"] = {"Retryable": False, "ErrorMessage": reason, **error}
        set_state(record, "FAILED", rooms.clock.now(), reason)

    return change(rooms, key, end)


def has_executions(rooms: Rooms, scope: Scope, workgroup: str) -> bool:
    """Whether anything ever ran in a workgroup."""
    return next(records_of(rooms, scope, KIND, workgroup), None) is not None


def delete_executions(rooms: Rooms, scope: Scope, workgroup: str) -> None:
    """Forget all that ran in a workgroup; what runs is stopped."""
    for record in list(records_of(rooms, scope, KIND, workgroup)):
        rooms.queries.cancel(record.key.name)
        rooms.records.delete(record.key)
