"""The life of a crawl: READY, RUNNING, perhaps STOPPING, READY. A server that ends takes its crawls with it.

Crawlers that have a schedule are started when they are due.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from clary.errors import ServiceError
from clary.jobs.host import Scope
from clary.services.glue.crawler_catalog import Changes
from clary.services.glue.crawler_errors import CrawlFailed, already_started
from clary.services.glue.crawler_log import CrawlLog
from clary.services.glue.crawler_record import (
    CRAWL,
    CRAWLER,
    LOG_GROUP,
    READY,
    RUNNING,
    SCHEDULED,
    STOPPING,
    crawl_key,
    key_of,
    log_stream,
    not_found,
    oldest_crawl,
)
from clary.services.glue.crawler_request import parse_schedule
from clary.services.glue.crawler_work import work
from clary.store.records import Key, Record
from clary.tables.infer_process import Stopped
from clary.wire import Rooms

log = logging.getLogger(__name__)

_WATCH = "glue crawlers"
_LONGEST_SLEEP = 60.0
_REMEMBERED = 50  # crawls whose time goes into the median
_LONGEST_SUMMARY = 255
_LONGEST_MESSAGE = 2048
_ENDED = "The server ended during the crawl. Start the crawler again: it mends what is half done."
_HISTORY = {"SUCCEEDED": "COMPLETED", "FAILED": "FAILED", "CANCELLED": "STOPPED"}


def begin(rooms: Rooms, scope: Scope, name: str) -> None:
    """Start a crawl."""
    now, crawl_id = rooms.clock.now(), rooms.clock.uuid()

    def change(record: Record) -> None:
        if record.status != READY:
            raise already_started(name)
        record.status = RUNNING
        record.body["Run"] = {"Id": crawl_id, "Started": now}

    key = key_of(scope, name)
    record = rooms.records.change(key, change)
    if record is None:
        raise not_found(name)
    rooms.records.delete_below(CRAWL, *scope, f"{name}\n", before=oldest_crawl(key, now))
    rooms.records.put(crawl_key(key, now, crawl_id), _history(key, record.body["Run"], "RUNNING"))
    changes = Changes()
    crawl_log = CrawlLog(rooms, key, crawl_id)
    rooms.crawls.start(
        key,
        partial(work, rooms, record, crawl_log, changes),
        partial(_end, rooms, record, crawl_log, changes),
    )
    found = rooms.records.get(key)
    if found is not None and found.status == STOPPING:  # it was stopped before it was known here
        rooms.crawls.stop(key)


def _end(rooms: Rooms, record: Record, crawl_log: CrawlLog, changes: Changes, problem: BaseException | None) -> None:
    """Note how a crawl ended."""
    if isinstance(problem, Stopped):
        status, message = "CANCELLED", ""
        if rooms.crawls.closed:  # the next server notes that it was cut off
            return
    elif problem is None:
        status, message = "SUCCEEDED", ""
    else:
        status, message = "FAILED", _describe(problem)
        crawl_log.error(message)
    crawl_log.benchmark("Crawler has finished running and is in state READY")
    _note(rooms, record.key, record.body["Run"], status, message, changes)


def _describe(problem: BaseException) -> str:
    if isinstance(problem, ServiceError):
        bucket = problem.fields.get("BucketName")
        return f"{problem.message}: {bucket}" if bucket else problem.message
    if isinstance(problem, CrawlFailed):
        return str(problem)
    log.error("a crawl failed", exc_info=problem)
    return "Internal Service Exception"


def _note(rooms: Rooms, key: Key, run: dict[str, Any], status: str, message: str, changes: Changes) -> None:
    now = rooms.clock.now()
    error = {"ErrorMessage": message[:_LONGEST_MESSAGE]} if message else {}

    def change(record: Record) -> None:
        record.status = READY
        shared = {name: value for name, value in _shared(key, run).items() if name != "CrawlId"}
        record.body["LastCrawl"] = {"Status": status, **error, **shared}
        record.body["Took"] = [*record.body.get("Took", []), now - run["Started"]][-_REMEMBERED:]
        record.body["Tables"] = {kind: len(names) for kind, names in changes.tables.items()}
        record.body.pop("Run", None)

    rooms.records.change(key, change)
    history = {**_history(key, run, _HISTORY[status]), **error, "EndTime": now, "Summary": _summarize(changes)}
    rooms.records.put(crawl_key(key, run["Started"], run["Id"]), history)
    rooms.changes.notify(key)
    watch(rooms)


def _history(key: Key, run: dict[str, Any], state: str) -> dict[str, Any]:
    return {"State": state, **_shared(key, run)}


def _shared(key: Key, run: dict[str, Any]) -> dict[str, Any]:
    return {
        "CrawlId": run["Id"],
        "StartTime": run["Started"],
        "LogGroup": LOG_GROUP,
        "LogStream": log_stream(key.name),
        "MessagePrefix": run["Id"],
    }


def _summarize(changes: Changes) -> str:
    """What a crawl changed, as JSON; without the names where it would be longer than a summary may be."""
    summary: dict[str, Any] = {}
    for kind, rows in (("TABLE", changes.tables), ("PARTITION", changes.partitions)):
        for change, names in rows.items():
            row: dict[str, Any] = {"Count": names if isinstance(names, int) else len(names)}
            if not isinstance(names, int):
                row["Details"] = {"names": names}
            summary.setdefault(kind, {})[change] = row
    text = msgspec.json.encode(summary).decode()
    if len(text) > _LONGEST_SUMMARY:
        for rows in summary.values():
            for row in rows.values():
                row.pop("Details", None)
        text = msgspec.json.encode(summary).decode()
    return text


def watch(rooms: Rooms) -> None:
    """See to the crawlers that are due from now on, as long as one has a schedule; may be asked for at any time."""
    times = [record.body["Next"] for record in rooms.records.every(CRAWLER) if record.body.get("Next")]
    if times:
        seconds = min(max(min(times) - rooms.clock.now(), 0.0), _LONGEST_SLEEP)
        rooms.background.run_later(_WATCH, partial(start_due, rooms), seconds)


def start_due(rooms: Rooms) -> None:
    """Start the crawlers whose time has come; one that runs already is left to it."""
    now = rooms.clock.now()
    for record in list(rooms.records.every(CRAWLER)):
        if record.body.get("Next") and record.body["Next"] <= now:
            rooms.records.change(record.key, lambda found: _move_on(found, now))
            if record.status == READY:
                with suppress(ServiceError):  # somebody was quicker
                    begin(rooms, Scope(record.key.account, record.key.region), record.key.name)
    watch(rooms)


def _move_on(record: Record, now: float) -> None:
    schedule = record.body.get("Schedule")
    if schedule and schedule["State"] == SCHEDULED:
        record.body["Next"] = parse_schedule(schedule["ScheduleExpression"]).after(now)


def recover(rooms: Rooms) -> None:
    """At a server's start: the crawls that the last one left are over; the schedules go on."""
    for record in list(rooms.records.every(CRAWLER)):
        if record.status != READY:
            run = record.body["Run"]
            CrawlLog(rooms, record.key, run["Id"]).benchmark("Crawler has finished running and is in state READY")
            _note(rooms, record.key, run, "FAILED", _ENDED, Changes())
    watch(rooms)


def running(rooms: Rooms) -> dict[str, int]:
    """For `clary status`."""
    return {"crawlers": sum(record.status != READY for record in rooms.records.every(CRAWLER))}


def close(rooms: Rooms) -> None:
    """At a server's end: the crawls stop where they are."""
    rooms.crawls.close()
