"""Putting the points of a trial component's metrics, and getting them as curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from clary.services.sagemaker import resources, trial_component_metrics, trial_component_source
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import TRIAL_COMPONENT
from clary.services.sagemaker.trial_component_metrics import Point
from clary.store.records import Key
from clary.wire import Call, operation

OLDEST, NEWEST = 14 * 86_400.0, 2 * 3_600.0  # seconds before and after now that a point may lie
LARGEST = 2.0**360  # as in CloudWatch, where the points go on AWS; NaN is no value there either
_SECONDS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}


@operation
def batch_put_metrics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the points; one too far from now, or of no value, is an error of its own and keeps no other back."""
    key = resources.key_of(call, TRIAL_COMPONENT, request["TrialComponentName"])
    now = call.rooms.clock.now()
    taken, errors = [], []
    for index, datum in enumerate(request["MetricData"]):
        if now - OLDEST <= datum["Timestamp"] <= now + NEWEST and abs(datum["Value"]) <= LARGEST:
            taken.append((datum["MetricName"], Point(datum["Timestamp"], datum.get("Step"), datum["Value"])))
        else:
            errors.append({"Code": "VALIDATION_ERROR", "MetricIndex": index})
    if taken:
        trial_component_metrics.put(call.rooms, key, taken)
    elif call.rooms.records.get(key) is None:
        raise resources.not_found(key)
    return {"Errors": errors} if errors else {}


@operation
def batch_get_metrics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A curve for each query; a query that can't be answered says why in its own result."""
    return {"MetricQueryResults": [_answer(call, query) for query in request["MetricQueries"]]}


def _answer(call: Call, query: dict[str, Any]) -> dict[str, Any]:
    try:
        xs, values = _curve(query, _points(call, query))
    except ValidationException as problem:
        return {"Status": "ValidationError", "Message": problem.message, "XAxisValues": [], "MetricValues": []}
    return {"Status": "Complete", "XAxisValues": xs, "MetricValues": values}


def _points(call: Call, query: dict[str, Any]) -> list[Point]:
    """The points of the component or job that the query names, less those outside its time."""
    key = resources.key_of_arn(query["ResourceArn"])
    if key is None or (key.account, key.region) != (call.account, call.region):
        raise ValidationException(f"{query['ResourceArn']} is not the ARN of a resource here that has metrics.")
    record = call.rooms.records.get(key)
    if record is None:
        raise ValidationException(resources.not_found(key).message)
    points = _read(call, key, query["MetricName"])
    source = resources.key_of_arn(record.body.get("Source", {}).get("SourceArn", ""))
    if not points and source is not None:
        points = _read(call, source, query["MetricName"])
    first, last = query.get("Start", float("-inf")), query.get("End", float("inf"))
    return [point for point in points if first <= point.time <= last]


def _read(call: Call, key: Key, name: str) -> list[Point]:
    if resources.kind_of(key) is TRIAL_COMPONENT:
        return trial_component_metrics.points_of(call.rooms, key, name)
    return trial_component_source.job_points(call.rooms, key, name)


def _curve(query: dict[str, Any], points: Sequence[Point]) -> tuple[list[int], list[float]]:
    """The statistic of every step or period, in their order."""
    by_step, over_steps = query["Period"] == "IterationNumber", query["XAxisType"] == "IterationNumber"
    if over_steps and not by_step:
        raise ValidationException(f"XAxisType IterationNumber needs the Period IterationNumber, not {query['Period']}.")
    place: Callable[[Point], int | None]
    if by_step:
        points = [point for point in points if point.step is not None]
        place = lambda point: point.step  # noqa: E731
    else:
        seconds = _SECONDS[query["Period"]]
        place = lambda point: int(point.time // seconds * seconds)  # noqa: E731
    groups: dict[Any, list[Point]] = {}
    for point in points:
        groups.setdefault(place(point), []).append(point)
    ordered = sorted(groups.items())
    xs = [int(group[0].time) if by_step and not over_steps else x for x, group in ordered]
    return xs, [trial_component_metrics.statistic(group, query["MetricStat"]) for _, group in ordered]
