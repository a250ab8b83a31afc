"""What is asked of a query, and what came of it."""

from typing import Literal

import msgspec

Scope = tuple[str, str]  # account, region


class Target(msgspec.Struct, kw_only=True):
    """Where the rows of a CREATE TABLE AS, an INSERT or an UNLOAD go: files that the server is then to commit."""

    kind: Literal["create_table", "insert", "unload"]
    format: str = "PARQUET"  # PARQUET, ORC, AVRO, JSON, TEXTFILE
    compression: str = ""  # "" for the format's default
    partitioned_by: list[str] = []
    bucketed_by: list[str] = []
    bucket_count: int = 0
    columns: list[tuple[str, str]] = []  # name and Hive type, partition keys last; empty: those of the query
    given: list[str] = []  # of an insert: the columns that the query's are for, the others are null; empty: all
    field_delimiter: str = "\x01"
    properties: dict[str, str] = {}  # of the table that is inserted into: its SerDe's parameters
    with_data: bool = True


class QuerySpec(msgspec.Struct, kw_only=True):
    """One query. `query` is the SELECT alone, which begins at `at` of the user's whole `statement`."""

    id: str
    scope: Scope
    query: str
    statement: str = ""
    at: int = 0
    catalog: str = "awsdatacatalog"
    database: str = "default"
    parameters: list[str] = []
    target: Target | None = None
    submitted: float = 0.0  # seconds since the epoch: what now() and current_date are
    memory_bytes: int = 0  # 0: the room's share
    seconds: float = 1800.0
    most_bytes: int = 0  # that it may scan; 0: as many as there are


class Written(msgspec.Struct, frozen=True):
    """A file to commit."""

    path: str
    name: str  # below the table's location, partition folders included
    rows: int
    bytes: int
    partition: list[str | None] = []


class Outcome(msgspec.Struct, tag="outcome", kw_only=True):
    """How a query ended. Where it failed, `message` is what Athena shows as the reason."""

    ok: bool
    error_kind: Literal["", "USER", "SYSTEM", "CANCELLED", "CUTOFF"] = ""  # CUTOFF: it scanned more than it may
    message: str = ""
    columns: list[tuple[str, str]] = []  # name and type in Trino's spelling
    rows: int = 0
    scanned_bytes: int = 0
    planning_ms: int = 0
    engine_ms: int = 0
    queue_ms: int = 0
    result: str = ""  # the CSV file
    written: list[Written] = []
    tables: list[tuple[str, str, str]] = []  # catalog, database and name of those read
