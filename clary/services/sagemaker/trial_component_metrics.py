"""The metrics of trial components: every point as it was put, and their summaries in the component's record."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.services.sagemaker import resources
from clary.store.records import Draft, Key, Query, Record

if TYPE_CHECKING:
    from clary.wire import Rooms

_BATCHES = "sagemaker/trial-component-metrics"


class Point(NamedTuple):
    """A value at a time, and at a step of the run where it was put with one."""

    time: float
    step: int | None
    value: float


def put(rooms: Rooms, key: Key, points: Sequence[tuple[str, Point]]) -> None:
    """Keep points, by metric name, of the component with that key; durable when it returns."""

    def make(component: Record) -> Draft:
        summaries = component.body.setdefault("MetricSummaries", {})
        for name, point in points:
            summaries[name] = _added(summaries.get(name), point)
        place = key._replace(kind=_BATCHES, name=f"{key.name}/{rooms.clock.hex(16)}")
        return Draft(place, {"Points": [[name, *point] for name, point in points]})

    if rooms.records.create_under(key, make) is None:
        raise resources.not_found(key)


def _added(summary: dict[str, Any] | None, point: Point) -> dict[str, Any]:
    """A summary with one more value, by Welford's way of keeping a variance."""
    if summary is None:
        summary = {"Count": 0, "Avg": 0.0, "Squares": 0.0, "Min": point.value, "Max": point.value}
    count = summary["Count"] + 1
    distance = point.value - summary["Avg"]
    average = summary["Avg"] + distance / count
    return {
        "Count": count,
        "Avg": average,
        "Squares": summary["Squares"] + distance * (point.value - average),
        "Min": min(summary["Min"], point.value),
        "Max": max(summary["Max"], point.value),
        "Last": point.value,
        "TimeStamp": point.time,
    }


def summaries(record: Record) -> list[dict[str, Any]]:
    """What DescribeTrialComponent says of the metrics that were put."""
    return [describe(name, row, record) for name, row in record.body.get("MetricSummaries", {}).items()]


def describe(name: str, summary: dict[str, Any], record: Record) -> dict[str, Any]:
    """One metric's summary as AWS shows it."""
    source = record.body.get("Source", {}).get("SourceArn") or resources.arn_of(record.key)
    deviation = math.sqrt(summary["Squares"] / summary["Count"])
    return {"MetricName": name, "SourceArn": source, "StdDev": deviation, **summary}


def summarise(points: Sequence[Point]) -> dict[str, Any]:
    """The summary of some points; there must be one."""
    summary: dict[str, Any] | None = None
    for point in points:
        summary = _added(summary, point)
    assert summary is not None
    return summary


def statistic(points: Sequence[Point], name: str) -> float:
    """One of Count, Avg, StdDev, Min, Max and Last of some points."""
    summary = summarise(points)
    return math.sqrt(summary["Squares"] / summary["Count"]) if name == "StdDev" else float(summary[name])


def points_of(rooms: Rooms, key: Key, name: str) -> list[Point]:
    """All points of a metric, in the order in which they were put."""
    found = []
    for batch in _batches(rooms, key):
        found += [Point(*point) for metric, *point in batch.body["Points"] if metric == name]
    return found


def forget(rooms: Rooms, key: Key) -> None:
    """Delete all points of a component that is gone."""
    for batch in list(_batches(rooms, key)):
        rooms.records.delete(batch.key)


def _batches(rooms: Rooms, key: Key) -> Iterator[Record]:
    query = Query(name_prefix=f"{key.name}/", descending=False, limit=1000)
    return rooms.records.walk(_BATCHES, key.account, key.region, query)
