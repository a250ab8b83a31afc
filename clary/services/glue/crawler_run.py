"""Crawls: start, stop, list, and what they took."""

import operator
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from clary.services.glue.crawler_errors import CrawlerNotRunningException, CrawlerStoppingException
from clary.services.glue.crawler_life import begin
from clary.services.glue.crawler_record import (
    CRAWL,
    CRAWLER,
    READY,
    RUNNING,
    STOPPING,
    key_of,
    not_found,
    oldest_crawl,
    require_crawler,
    walk,
)
from clary.services.glue.errors import InvalidInputException
from clary.services.glue.request import page_by_name, page_of, scope_of
from clary.store.records import Record
from clary.wire import Call, operation

_MOST = 20
_MOST_METRICS = 100
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
    "EQ": operator.eq,
    "NE": operator.ne,
}
_FIELDS = {"CRAWL_ID": "CrawlId", "STATE": "State", "START_TIME": "StartTime", "END_TIME": "EndTime"}


@operation
def start_crawler(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Start a crawl, whatever the schedule says."""
    begin(call.rooms, scope_of(call, request), request["Name"])
    return {}


@operation
def stop_crawler(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Have the crawl that runs end."""
    name, key = request["Name"], key_of(scope_of(call, request), request["Name"])

    def change(record: Record) -> None:
        if record.status == READY:
            raise CrawlerNotRunningException(f"Crawler with name {name} isn't running")
        if record.status == STOPPING:
            raise CrawlerStoppingException(f"Crawler with name {name} is stopping")
        record.status = STOPPING

    if call.rooms.records.change(key, change) is None:
        raise not_found(name)
    call.rooms.crawls.stop(key)
    return {}


@operation
def list_crawls(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a crawler's crawls, the last first."""
    scope, name = scope_of(call, request), request["CrawlerName"]
    require_crawler(call.rooms, scope, name)
    holds = [_condition(row) for row in request.get("Filters") or ()]
    oldest = oldest_crawl(key_of(scope, name), call.rooms.clock.now())

    def rows(after: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for record in walk(call.rooms, scope, CRAWL, prefix=f"{name}\n", descending=True):
            if record.key.name < oldest:
                return
            if (not after or record.key.name < after) and all(condition(record.body) for condition in holds):
                yield record.key.name, record.body

    found, token = page_of(call, request, rows, request.get("MaxResults") or _MOST)
    return {"Crawls": found, "NextToken": token}


def _condition(row: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    name, sign, value = row.get("FieldName", ""), row.get("FilterOperator", "EQ"), row.get("FieldValue", "")
    if name not in _FIELDS:
        raise InvalidInputException(f"Filters: FieldName {name!r} is not supported by Clary.")
    wanted: Any = value
    if name.endswith("TIME"):
        try:
            wanted = float(value) / 1000
        except ValueError:
            raise InvalidInputException(f"Filters: {name} {value!r} is not a number of milliseconds.") from None
    member, holds = _FIELDS[name], _SIGNS[sign]
    return lambda body: member in body and holds(body[member], wanted)


@operation
def get_crawler_metrics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of what the crawlers' crawls took, and made of tables the last time."""
    wanted = set(request.get("CrawlerNameList") or ())
    rows = (
        (record.key.name, _metrics(record))
        for record in walk(call.rooms, scope_of(call, request), CRAWLER)
        if not wanted or record.key.name in wanted
    )
    found, token = page_by_name(call, request, rows, _MOST_METRICS)
    return {"CrawlerMetricsList": found, "NextToken": token}


def _metrics(record: Record) -> dict[str, Any]:
    took, tables = record.body.get("Took", []), record.body.get("Tables", {})
    return {
        "CrawlerName": record.key.name,
        "TimeLeftSeconds": 0.0,
        "StillEstimating": record.status == RUNNING,
        "LastRuntimeSeconds": took[-1] if took else 0.0,
        "MedianRuntimeSeconds": median(took) if took else 0.0,
        "TablesCreated": tables.get("ADD", 0),
        "TablesUpdated": tables.get("UPDATE", 0),
        "TablesDeleted": tables.get("DELETE", 0),
    }
