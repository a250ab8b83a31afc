"""Makes the files of a query part of S3 and of the catalog, so that a server that is killed finishes it later.

Its files are hashed and synced; then a journal of all that is to be done is stored with the execution. The files become
objects under keys that the journal names, all at once, the catalog is changed, and the execution ends; each of these
can be done again. Until the journal is stored nothing of the query is visible, and the query runs again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from clary.errors import ServiceError
from clary.jobs.host import Scope
from clary.queries import Outcome
from clary.services.athena import executions
from clary.services.athena.define_partitions import partition_input, path_of
from clary.services.athena.kinds import ROWS
from clary.services.athena.result_files import put_manifest, put_metadata
from clary.services.athena.result_location import split_location
from clary.services.athena.session import StatementFailed, check_names, error_of, find_table
from clary.services.athena.writes import Writing, table_input
from clary.services.glue import inside as glue
from clary.services.s3 import inside as objects
from clary.store.records import Key, Record
from clary.tables.partition_paths import NULL

if TYPE_CHECKING:
    from clary.wire import Rooms

_UPDATES = {"create_table": "CREATE TABLE", "insert": "INSERT", "unload": "UNLOAD"}


class File(msgspec.Struct):
    """One file: where it lies, and the object that it becomes."""

    path: str
    bucket: str
    key: str


class Journal(msgspec.Struct):
    """All that is to be done."""

    id: str
    kind: str
    database: str
    table: str
    files: list[File]
    rows: int
    statistics: dict[str, int]
    table_input: dict[str, Any] | None = None
    partitions: list[dict[str, Any]] = []


def commit(rooms: Rooms, key: Key, writing: Writing, outcome: Outcome) -> None:
    """Make visible what a query has written that has ended well, unless its execution has ended already."""
    journal = _journal(rooms, key, writing, outcome)

    def note(record: Record) -> None:
        record.body["Commit"] = msgspec.to_builtins(journal)

    with objects.taking_files(rooms, _places(journal)) as put:
        if executions.change(rooms, key, note):
            finish_commit(rooms, key, put)


def _journal(rooms: Rooms, key: Key, writing: Writing, outcome: Outcome) -> Journal:
    scope = Scope(key.account, key.region)
    journal = Journal(
        id=key.name,
        kind=writing.kind,
        database=writing.database,
        table=writing.table,
        files=[],
        rows=outcome.rows,
        statistics=statistics_of(outcome),
    )
    if writing.kind == "create_table":
        check_names(outcome.columns)
        journal.table_input = table_input(writing, key.name, outcome.columns, rooms.clock.now())
    homes = _homes(rooms, scope, writing, journal, outcome)
    for written in outcome.written:
        bucket, prefix = homes[tuple(written.partition)]
        folder, _, name = written.name.rpartition("/")
        # Of a partition the folder is known; what an UNLOAD writes has its own.
        place = name if writing.kind != "unload" else f"{folder}/{name}".lstrip("/")
        journal.files.append(File(written.path, bucket, f"{prefix}{place}"))
    return journal


def finish_commit(rooms: Rooms, key: Key, put: Callable[[], None] | None = None) -> None:
    """Do what a stored journal says, from wherever it was left; what can't be done is taken back.

    `put` makes objects of the files where they are taken already.
    """
    record = rooms.records.get(key)
    if record is None or "Commit" not in record.body:
        return
    journal = msgspec.convert(record.body["Commit"], Journal)
    try:
        put() if put else _put_files(rooms, journal)
        _change_catalog(rooms, Scope(key.account, key.region), journal)
    except (ServiceError, StatementFailed, OSError) as problem:
        _take_back(rooms, journal)
        reason = problem.message if isinstance(problem, ServiceError) else str(problem)
        executions.fail(rooms, key, f"HIVE_WRITER_CLOSE_ERROR: {reason}", error_of(reason), journal.statistics)
        return
    update = _UPDATES[journal.kind], journal.rows
    put_metadata(rooms, record.body, ROWS, update=update)
    statistics: dict[str, Any] = {**record.body["Statistics"], **journal.statistics}
    if journal.files:
        manifest = f"{record.body['ResultConfiguration']['OutputLocation']}-manifest.csv"
        put_manifest(rooms, manifest, [f"s3://{file.bucket}/{file.key}" for file in journal.files])
        statistics["DataManifestLocation"] = manifest
    result = {"UpdateType": update[0], "UpdateCount": update[1], "Statistics": statistics}
    executions.succeed(rooms, key, result)


def statistics_of(outcome: Outcome) -> dict[str, int]:
    """The figures of a query that has ended."""
    return {
        "EngineExecutionTimeInMillis": outcome.engine_ms,
        "DataScannedInBytes": outcome.scanned_bytes,
        "QueryPlanningTimeInMillis": outcome.planning_ms,
        "QueryQueueTimeInMillis": outcome.queue_ms,
    }


def _homes(
    rooms: Rooms, scope: Scope, writing: Writing, journal: Journal, outcome: Outcome
) -> dict[tuple[str | None, ...], tuple[str, str]]:
    """The bucket and prefix of each partition's files; new partitions come into the journal."""
    homes: dict[tuple[str | None, ...], tuple[str, str]] = {(): (writing.bucket, writing.prefix)}
    keys = writing.target.partitioned_by
    if not keys or writing.kind == "unload":
        return homes | {tuple(written.partition): homes[()] for written in outcome.written}
    table = journal.table_input or find_table(rooms, scope, writing.database, writing.table)
    if table is None:
        raise StatementFailed(f"TABLE_NOT_FOUND: Table '{writing.database}.{writing.table}' does not exist any more")
    for written in outcome.written:
        if tuple(written.partition) in homes:
            continue
        values = [NULL if value is None else value for value in written.partition]
        found = None if journal.table_input else _find_partition(rooms, scope, writing, values)
        if found is None:
            found = partition_input(table, values, f"{writing.location}{path_of(keys, values)}")
            journal.partitions.append(found)
        homes[tuple(written.partition)] = split_location(found["StorageDescriptor"]["Location"], "Location")
    return homes


def _find_partition(rooms: Rooms, scope: Scope, writing: Writing, values: list[str]) -> dict[str, Any] | None:
    try:
        return glue.get_partition(rooms, scope, writing.database, writing.table, values)
    except ServiceError as error:
        if error.code == "EntityNotFoundException":
            return None
        raise


def _change_catalog(rooms: Rooms, scope: Scope, journal: Journal) -> None:
    if journal.table_input:
        try:
            glue.create_table(rooms, scope, journal.database, journal.table_input)
        except ServiceError as error:
            ours = error.code == "AlreadyExistsException" and _is_ours(rooms, scope, journal)
            if not ours:
                raise
    if journal.partitions:
        glue.create_partitions(rooms, scope, journal.database, journal.table, journal.partitions)


def _is_ours(rooms: Rooms, scope: Scope, journal: Journal) -> bool:
    found = find_table(rooms, scope, journal.database, journal.table)
    return bool(found) and (found or {}).get("Parameters", {}).get("trino_query_id") == journal.id


def _put_files(rooms: Rooms, journal: Journal) -> None:
    with objects.taking_files(rooms, _places(journal)) as put:
        put()


def _places(journal: Journal) -> list[tuple[str, str, Path]]:
    return [(file.bucket, file.key, Path(file.path)) for file in journal.files]


def _take_back(rooms: Rooms, journal: Journal) -> None:
    for file in journal.files:
        objects.delete_object(rooms, file.bucket, file.key)
