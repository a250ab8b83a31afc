"""The life of an execution: begun, done by the catalog or by a query, ended; and what a server's start finds of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clary.errors import ClientError
from clary.jobs.host import Scope
from clary.queries import Outcome, QuerySpec, Target
from clary.services.athena import executions, history, metrics, reuse, views, writes
from clary.services.athena.catalogs import find_catalog
from clary.services.athena.commit import commit, finish_commit, statistics_of
from clary.services.athena.definitions import DEFINITIONS, define
from clary.services.athena.kinds import KINDS, VIEW_DESCRIBED
from clary.services.athena.parameters import check_count
from clary.services.athena.plans import session_of
from clary.services.athena.result_files import put_lines, put_metadata, put_rows
from clary.services.athena.session import CATALOG, SYSTEM, Session, StatementFailed, error_of
from clary.services.athena.writes import Writing
from clary.sql.statements import count_parameters, parse, tree
from clary.store.records import Key, Record

if TYPE_CHECKING:
    from clary.wire import Rooms

log = logging.getLogger(__name__)

_KILLED = (
    "GENERIC_INTERNAL_ERROR: the server ended while this statement changed the catalog; whether it was done "
    "the catalog tells"
)
_WRITERS = (tree.CreateTableAs, tree.Insert, tree.Unload)


def begin(rooms: Rooms, record: Record) -> None:
    """Run an execution: a definition at once, a query when its turn comes."""
    statement = parse(record.body["Text"])
    session = session_of(Scope(record.key.account, record.key.region), record.body)
    with _failing(rooms, record):
        if type(statement) in DEFINITIONS:
            _define(rooms, record, session, statement)
        elif not reuse.reuse(rooms, record, statement):
            _start_query(rooms, record, session, statement)


@contextmanager
def _failing(rooms: Rooms, record: Record, outcome: Outcome | None = None) -> Iterator[None]:
    """What goes wrong ends the execution: none goes on for ever."""
    try:
        yield
    except StatementFailed as problem:
        _fail(rooms, record, str(problem), outcome)
    except Exception as bug:
        log.exception("execution %s", record.key.name)
        executions.fail(rooms, record.key, f"GENERIC_INTERNAL_ERROR: {bug}", error_of("", SYSTEM))


def _define(rooms: Rooms, record: Record, session: Session, statement: tree.Statement) -> None:
    _set_running(rooms, record.key)
    begun = rooms.clock.now()
    lines = define(rooms, session, statement)
    milliseconds = int((rooms.clock.now() - begun) * 1000)
    kind = KINDS[type(statement)]
    if record.body["SubstatementType"] == VIEW_DESCRIBED.name:
        kind = VIEW_DESCRIBED
    put_lines(rooms, record.body, "\n".join(lines), kind.content_type)
    if kind.columns:
        put_metadata(rooms, record.body, kind.columns, lines=True, content_type=kind.content_type)
    result: dict[str, Any] = {"Columns": kind.columns, "Lines": True}
    if kind.counts:
        result["UpdateCount"] = 0
    statistics = {**record.body["Statistics"], "DataScannedInBytes": 0, "EngineExecutionTimeInMillis": milliseconds}
    executions.succeed(rooms, record.key, {**result, "Statistics": statistics})
    metrics.publish(rooms, record.key)


def _start_query(rooms: Rooms, record: Record, session: Session, statement: Any) -> None:
    body = record.body
    if wrong := check_count(body["Text"], len(body["Values"])):
        raise StatementFailed(wrong)
    catalog = _catalog_of(rooms, session.scope, statement, body)
    writing: Writing | None = None
    query = statement if isinstance(statement, tree.Query) else statement.query
    if isinstance(statement, _WRITERS):
        writing = _plan_writing(rooms, session, statement, body)
        if writing is None:
            executions.succeed(rooms, record.key, {"UpdateType": "CREATE TABLE", "UpdateCount": 0})
            return
    target = writing.target if writing else None
    if isinstance(statement, tree.CreateView):
        views.check_view(rooms, session, statement)
        target = Target(kind="create_table", with_data=False)  # the columns alone are wanted
    spec = QuerySpec(
        id=record.key.name,
        scope=(session.scope.account, session.scope.region),
        query=body["Text"] if query.functions else query.text,  # with the declarations
        statement=body["Text"],
        at=0 if query.functions else query.at,
        catalog=catalog,
        database=session.database,
        parameters=body["Values"] if count_parameters(body["Text"]) else [],  # AWS looks at none then
        target=target,
        submitted=record.created,
        most_bytes=body["Settings"].get("BytesScannedCutoffPerQuery") or 0,
    )

    def ended(outcome: Outcome) -> None:
        _end_query(rooms, record, session, statement, writing, outcome)

    rooms.queries.start(spec, ended, lambda: _set_running(rooms, record.key))


def _catalog_of(rooms: Rooms, scope: Scope, statement: Any, body: dict[str, Any]) -> str:
    """Where a query's tables are; views are made in the Glue catalog even where the context names one that isn't."""
    name: str = body["QueryExecutionContext"].get("Catalog", CATALOG)
    if isinstance(statement, tree.CreateView):
        return CATALOG
    if isinstance(statement, tree.CreateTableAs | tree.Insert) and find_catalog(rooms, scope, name) is None:
        raise StatementFailed(f"NOT_FOUND: Session property catalog does not exist: {name}")
    return name


def _plan_writing(rooms: Rooms, session: Session, statement: Any, body: dict[str, Any]) -> Writing | None:
    if isinstance(statement, tree.Insert):
        return writes.plan_insert(rooms, session, statement)
    if isinstance(statement, tree.Unload):
        return writes.plan_unload(rooms, session, statement)
    results = body["ResultConfiguration"]["OutputLocation"].rpartition("tables/")[0]
    enforced = bool(body["Settings"]["EnforceWorkGroupConfiguration"])
    return writes.plan_create(rooms, session, statement, results, enforced=enforced)


def _end_query(
    rooms: Rooms, record: Record, session: Session, statement: Any, writing: Writing | None, outcome: Outcome
) -> None:
    """What a query's process has left becomes the result of its execution."""
    if not outcome.ok and outcome.error_kind == "CANCELLED":
        # Either the user stopped it, which is noted, or the server is ending: then the next one runs it again.
        rooms.queries.discard(record.key.name)
        return
    with _failing(rooms, record, outcome):
        if outcome.error_kind == "CUTOFF":
            _cancel(rooms, record.key, outcome.message, outcome)
        elif not outcome.ok:
            _fail(rooms, record, outcome.message, outcome)
        elif writing is not None:
            commit(rooms, record.key, writing, outcome)
        elif isinstance(statement, tree.CreateView):
            views.keep_view(rooms, session, statement, outcome)
            put_lines(rooms, record.body, "", KINDS[tree.CreateView].content_type)
            executions.succeed(rooms, record.key, {"Columns": [], "Lines": True, **_with_statistics(record, outcome)})
        else:
            put_rows(rooms, record.body, Path(outcome.result), outcome.columns)
            result = {"Columns": outcome.columns, "UpdateCount": 0, "Rows": outcome.rows}
            executions.succeed(rooms, record.key, {**result, **_with_statistics(record, outcome)})
    rooms.queries.discard(record.key.name)
    metrics.publish(rooms, record.key)


def _with_statistics(record: Record, outcome: Outcome) -> dict[str, Any]:
    reused = {"ResultReuseInformation": {"ReusedPreviousResult": False}}
    return {"Statistics": {**record.body["Statistics"], **statistics_of(outcome), **reused}}


def _fail(rooms: Rooms, record: Record, reason: str, outcome: Outcome | None = None) -> None:
    if reason.startswith("FAILED: "):  # Hive writes the reason where the result would be
        put_lines(rooms, record.body, reason, "application/octet-stream")
    error = error_of(reason, SYSTEM) if outcome and outcome.error_kind == "SYSTEM" else error_of(reason)
    executions.fail(rooms, record.key, reason, error, statistics_of(outcome) if outcome else None)
    if outcome is None:
        metrics.publish(rooms, record.key)


def _cancel(rooms: Rooms, key: Key, reason: str, outcome: Outcome) -> None:
    def end(found: Record) -> None:
        found.body["Statistics"].update(statistics_of(outcome))
        executions.set_state(found, "CANCELLED", rooms.clock.now(), reason)

    executions.change(rooms, key, end)


def _set_running(rooms: Rooms, key: Key) -> None:
    executions.change(rooms, key, lambda found: executions.set_state(found, "RUNNING", rooms.clock.now()))


def recover(rooms: Rooms) -> None:
    """At a server's start: finish commits, run queries again, say of definitions that nobody knows, forget."""
    left = [record for record in rooms.records.every(executions.KIND) if record.status not in executions.ENDED]
    rooms.queries.recover(keep=[record.key.name for record in left if "Commit" in record.body])
    for record in left:
        if "Commit" in record.body:
            with _failing(rooms, record):
                finish_commit(rooms, record.key)
            rooms.queries.discard(record.key.name)
        elif _is_definition(record):
            executions.fail(rooms, record.key, _KILLED, error_of("", SYSTEM))
        else:
            begin(rooms, record)
    rooms.background.run("athena-history", lambda: history.forget_daily(rooms))


def _is_definition(record: Record) -> bool:
    try:
        return type(parse(record.body["Text"])) in DEFINITIONS
    except ClientError:  # written by a version that took it
        return True


def running(rooms: Rooms) -> dict[str, int]:
    """How many queries run and how many wait, over all accounts and regions."""
    busy, waiting = rooms.queries.counts()
    return {"queries": busy, "queued queries": waiting}
