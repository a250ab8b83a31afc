"""GetQueryResults: pages of the rows that lie in the result file."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.jobs.host import Scope
from clary.services.athena import executions
from clary.services.athena.columns import column_info
from clary.services.athena.errors import InvalidRequestException, refuse
from clary.services.athena.kinds import ROWS
from clary.services.athena.result_files import place_of
from clary.services.s3 import inside as objects
from clary.store.pages import BadToken, seal, unseal
from clary.store.records import Record
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.wire import Rooms

_MOST = 1000
_MOST_BYTES = 256 << 20
_FIELD = re.compile(rb'(?:^|,)("(?:[^"]|"")*+"|)')

Row = list[str | None]


@operation
def get_query_results(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A page of rows; the first of a SELECT names the columns. A full page is always followed by another one."""
    scope, id_ = Scope(call.account, call.region), request["QueryExecutionId"]
    record = executions.require_execution(call.rooms, scope, id_)
    if request.get("QueryResultType", "DATA_ROWS") != "DATA_ROWS":
        refuse({"QueryResultType DATA_MANIFEST": True}, "QueryResultType DATA_MANIFEST")
    if _hive_failure(record):
        return {"ResultSet": {"Rows": []}}
    _check_state(record)
    body, token = record.body, request.get("NextToken")
    most = request.get("MaxResults", _MOST)
    start = _start(token, id_)
    if "UpdateType" in body:
        return {"UpdateCount": body["UpdateCount"], "ResultSet": _result_set([], column_info(ROWS))}
    try:
        if body.get("Lines"):
            rows, end = _lines(call.rooms, body, start, most)
        else:
            rows, end = _rows(call.rooms, body, start, most)
    except ServiceError:
        raise _no_results() from None
    return {
        "UpdateCount": body.get("UpdateCount"),
        "ResultSet": _result_set(rows, column_info(body["Columns"], lines=bool(body.get("Lines")))),
        "NextToken": seal([end], id_) if len(rows) == most else None,
    }


def _check_state(record: Record) -> None:
    if record.status == "CANCELLED":
        raise _no_results()
    reason = "INVALID_QUERY_EXECUTION_STATE"
    if record.status == "FAILED":
        raise InvalidRequestException("Query did not finish successfully. Final query state: FAILED", reason)
    if record.status != "SUCCEEDED":
        raise InvalidRequestException(f"Query has not yet finished. Current state: {record.status}", reason)


def _hive_failure(record: Record) -> bool:
    """Whether Hive has failed: its results are there, and empty."""
    return record.status == "FAILED" and record.body["Status"]["StateChangeReason"].startswith("FAILED: ")


def _start(token: str | None, id_: str) -> int:
    if token is None:
        return 0
    try:
        [start] = unseal(token, id_)
    except BadToken:
        raise InvalidRequestException(f"Malformed nextPageToken {token}") from None
    assert isinstance(start, int)
    return start


def _lines(rooms: Rooms, body: dict[str, Any], start: int, most: int) -> tuple[list[Row], int]:
    """The lines from a number on."""
    content, _ = objects.read_object(rooms, *place_of(body["ResultConfiguration"]["OutputLocation"]), _MOST_BYTES)
    lines = content.decode().split("\n") if content else []
    page: list[Row] = [[line] for line in lines[start : start + most]]
    return page, start + len(page)


def _rows(rooms: Rooms, body: dict[str, Any], start: int, most: int) -> tuple[list[Row], int]:
    """The rows of a CSV from a byte on, and where they end."""
    with tempfile.TemporaryDirectory(prefix="results-", dir=rooms.settings.data_dir / "queries") as folder:
        copy = Path(folder, "result.csv")  # a link, but for small ones
        objects.fetch_object(rooms, *place_of(body["ResultConfiguration"]["OutputLocation"]), copy)
        return read_rows(copy, start, most)


def read_rows(path: Path, start: int, most: int) -> tuple[list[Row], int]:
    """Up to `most` rows of a result's CSV from a byte on, and where they end; a field without quotes is null."""
    rows: list[Row] = []
    with path.open("rb") as file:
        file.seek(start)
        while len(rows) < most and (line := file.readline()):
            while line.count(b'"') % 2 and (more := file.readline()):
                line += more
            start += len(line)
            fields = _FIELD.findall(line.removesuffix(b"\n"))
            rows.append([field[1:-1].replace(b'""', b'"').decode() if field else None for field in fields])
    return rows, start


def _result_set(rows: list[Row], info: list[dict[str, Any]]) -> dict[str, Any]:
    shown = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows]
    return {"Rows": shown, "ResultSetMetadata": {"ColumnInfo": info}}


def _no_results() -> InvalidRequestException:
    return InvalidRequestException("Could not find results", "RESULT_NOT_FOUND")
