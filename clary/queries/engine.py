"""One query, from its text to its outcome, in the process that is its own."""

from __future__ import annotations

import re
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from clary.errors import ClientError
from clary.queries import results, write
from clary.queries.cutoff import Cutoff
from clary.queries.declared import read_declared
from clary.queries.lake import Lake
from clary.queries.remote import make_external
from clary.queries.spec import Outcome, QuerySpec, Written
from clary.sql.prepare import prepare
from clary.sql.run_time import run_time_error
from clary.sql.translate import translate
from clary.tables.duck_types import literals

if TYPE_CHECKING:
    from clary.queries.front import Front
    from clary.queries.places import Places

_SHARE = 0.7  # of the memory, for DuckDB's own: Python, Arrow and what DuckDB doesn't count need the rest
_SPILL = "spill"
_NAMED = re.compile(r"\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+: .*?)(?:\. Detail: Python exception|\s+At:\n|\Z)", re.DOTALL)
_MEMORY = "EXCEEDED_LOCAL_MEMORY_LIMIT: Query exhausted resources at this scale factor"
_TOO_DEEP = "STACK_OVERFLOW: statement is too large: it, or the type of a column, is nested too deep"
_CUT_OFF = "Bytes scanned limit was exceeded"
_KINDS = {
    duckdb.ConversionException: "INVALID_CAST_ARGUMENT",
    duckdb.OutOfRangeException: "NUMERIC_VALUE_OUT_OF_RANGE",
    duckdb.InvalidInputException: "INVALID_FUNCTION_ARGUMENT",
    duckdb.NotImplementedException: "NOT_SUPPORTED",
    duckdb.IOException: "HIVE_CURSOR_ERROR",
}


def run(spec: QuerySpec, front: Front, places: Places, connection: duckdb.DuckDBPyConnection) -> Outcome:
    """Run the query in this folder; whatever is wrong with it or its data is told in the outcome."""
    run = Run(spec, front, places, connection)
    try:
        return run.outcome()
    except ClientError as problem:
        return run.failed(str(problem))
    except duckdb.OutOfMemoryException:
        return run.failed(_MEMORY)
    except duckdb.Error as problem:
        return run.failed(worded(problem, run.lake.names))
    except MemoryError:
        return run.failed(_MEMORY)
    except RecursionError:
        return run.failed(_TOO_DEEP)
    finally:
        shutil.rmtree(_SPILL, ignore_errors=True)


class Run:
    """A query under way."""

    def __init__(self, spec: QuerySpec, front: Front, places: Places, connection: duckdb.DuckDBPyConnection) -> None:
        self._spec = spec
        self._front = front
        self._connection = connection
        self._began = time.monotonic()
        self._planned = self._began
        self._places = places
        self._cutoff: Cutoff | None = None
        self.lake = Lake(spec, front, connection, places)

    def outcome(self) -> Outcome:
        """Translate, open the tables, run, write."""
        spec = self._spec
        self._connection.execute("SET preserve_insertion_order = " + str(spec.target is None).lower())
        declared, begins = read_declared(spec.query)
        found = translate(
            spec.query[begins:],
            self.lake,
            catalog_name=spec.catalog,
            database=spec.database,
            parameters=spec.parameters,
            at=spec.at + begins,
            whole=spec.statement or spec.query,
            external=declared,
            now=datetime.fromtimestamp(spec.submitted, UTC),
        )
        prepare(self._connection, found.sql)
        for function in found.external:
            make_external(self._connection, self._front, spec, function)
        for use in found.tables:
            self.lake.open(use)
        lock(self._connection, self._places)
        columns = found.columns
        self._planned = time.monotonic()
        self._cutoff = Cutoff(spec.most_bytes, self.lake.scanned_bytes, lambda: self._front.report(self._cut_off()))
        written: list[Written] = []
        if spec.target is None:
            rows = results.write_csv(self._connection, found.sql, columns)
        else:
            written, rows = write.write(self._connection, found.sql, columns, spec.target, spec)
        if self._cutoff.end():
            return self._cut_off()
        return Outcome(
            ok=True,
            columns=[(column.name, column.type) for column in columns],
            rows=rows,
            result="" if spec.target else results.FILE,
            written=written,
            **self._figures(),
        )

    def _cut_off(self) -> Outcome:
        return Outcome(ok=False, error_kind="CUTOFF", message=_CUT_OFF, **self._figures())

    def failed(self, message: str) -> Outcome:
        """The outcome of a query that can't be run."""
        return Outcome(ok=False, error_kind="USER", message=message, **self._figures())

    def _figures(self) -> dict[str, Any]:
        now = time.monotonic()
        planned = max(self._planned, self._began)
        return {
            "scanned_bytes": self._cutoff.scanned() if self._cutoff else self.lake.scanned_bytes,
            "planning_ms": int((planned - self._began) * 1000),
            "engine_ms": int((now - self._began) * 1000),
            "tables": self.lake.used,
        }


def connect(memory_bytes: int) -> duckdb.DuckDBPyConnection:
    """A DuckDB for one query."""
    Path(_SPILL).mkdir(exist_ok=True)
    connection = duckdb.connect(
        config={
            "temp_directory": str(Path(_SPILL).absolute()),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    if memory_bytes:
        connection.execute(f"SET memory_limit = '{int(memory_bytes * _SHARE)}B'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def lock(connection: duckdb.DuckDBPyConnection, places: Places) -> None:
    """From now on it reaches no file but those of the query's folders."""
    folders = [places.staged, str(Path.cwd())]
    connection.execute(f"SET allowed_directories = {literals([folder + '/' for folder in folders])}")
    connection.execute("SET enable_external_access = false")


def worded(problem: duckdb.Error, names: dict[str, str]) -> str:
    """What DuckDB says, with an error name of Athena's and the objects in place of their local copies."""
    known = run_time_error(problem)
    if known is not None:
        return str(known)
    text = str(problem)
    if "Max expression depth" in text:
        return _TOO_DEEP
    for path, name in names.items():
        text = text.replace(path, name)
    named = _NAMED.search(text)
    if named:
        return named[1].strip()
    if "s3://" in text or "arrow_scan" in text:  # it was reading a table's file
        return f"HIVE_CURSOR_ERROR: {text.partition('Error: ')[2] or text}"
    kind = next((name for error, name in _KINDS.items() if isinstance(problem, error)), "GENERIC_USER_ERROR")
    text = text.partition("\n\nLINE ")[0]
    return f"{kind}: {text.partition('Error: ')[2] or text}"
