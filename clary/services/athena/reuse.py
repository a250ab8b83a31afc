"""Results of earlier executions of the same query."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from clary.errors import ServiceError
from clary.services.athena import executions
from clary.services.athena.result_files import place_of, put_rows
from clary.services.s3 import inside as objects
from clary.sql.statements import tree
from clary.store.records import Query, Record

if TYPE_CHECKING:
    from clary.wire import Rooms

_CANDIDATES = 20


def fingerprint(body: dict[str, Any]) -> str:
    """What two executions have in common whose results are the same."""
    said = [body["Text"], body["Values"], body["QueryExecutionContext"], body["WorkGroup"]]
    return sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def reuse(rooms: Rooms, record: Record, statement: tree.Statement) -> bool:
    """Answer with an earlier result that is young enough, if reuse is asked for and there is one.

    Whether the data has changed since then is not looked at, as at AWS.
    """
    asked = record.body["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"]
    if not asked["Enabled"] or not isinstance(statement, tree.Query) or statement.functions:
        return False
    earlier = _find(rooms, record, asked["MaxAgeInMinutes"] * 60.0)
    if earlier is None:
        return False
    columns = earlier.body["Columns"]
    folder = rooms.settings.data_dir / "queries"
    with tempfile.TemporaryDirectory(prefix="reuse-", dir=folder) as place:
        copy = Path(place, "result.csv")
        try:
            objects.fetch_object(rooms, *place_of(earlier.body["ResultConfiguration"]["OutputLocation"]), copy)
        except ServiceError:
            return False  # it was deleted: run the query
        put_rows(rooms, record.body, copy, columns)
    statistics = {
        **record.body["Statistics"],
        "DataScannedInBytes": 0,
        "EngineExecutionTimeInMillis": 0,
        "ResultReuseInformation": {"ReusedPreviousResult": True},
    }
    result = {"Columns": columns, "UpdateCount": 0, "Rows": earlier.body["Rows"], "Statistics": statistics}
    executions.succeed(rooms, record.key, result)
    return True


def _find(rooms: Rooms, record: Record, seconds: float) -> Record | None:
    oldest = rooms.clock.now() - seconds
    wanted = {"Fingerprint": record.body["Fingerprint"], "WorkGroup": record.body["WorkGroup"]}
    query = Query(where=wanted, status="SUCCEEDED", limit=_CANDIDATES)
    found, _ = rooms.records.find(executions.KIND, record.key.account, record.key.region, query)
    for earlier in found:
        reused = earlier.body["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]
        if not reused and earlier.body["Status"]["CompletionDateTime"] >= oldest:
            return earlier
    return None
