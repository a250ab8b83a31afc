"""GetMetricStatistics and ListMetrics."""

from typing import Any

from clary.services.cloudwatch.errors import InvalidParameterCombination, InvalidParameterValue
from clary.services.cloudwatch.metric_data import dimensions_of
from clary.services.cloudwatch.statistic import SIMPLE, find_statistic
from clary.store.metrics import Bucket
from clary.store.pages import BadToken, seal, unseal
from clary.wire import Call, operation

_DAY = 86_400
_MOST_POINTS = 1440
_PAGE = 500
_LISTED_FOR = 14 * _DAY
_SHORT_PERIODS = (1, 5, 10, 20, 30)


@operation
def get_metric_statistics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Statistics of one metric in periods, oldest first."""
    simple, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
    if bool(simple) == bool(extended):
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    for number, name in enumerate(extended, 1):
        if name in SIMPLE or find_statistic(name) is None:
            raise InvalidParameterValue(
                f"The value {name} for parameter ExtendedStatistics.member.{number} is invalid."
            )
    period = request["Period"]
    if not is_period(period):
        raise InvalidParameterValue("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    start, end = int(request["StartTime"]), int(request["EndTime"])
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    start = round_start(start, period, call.rooms.clock.now())
    points = -(-(end - start) // period)
    if points > _MOST_POINTS:
        raise InvalidParameterCombination(
            f"You have requested up to {points:,} datapoints, which exceeds the limit of {_MOST_POINTS:,}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    dimensions = dimensions_of(request.get("Dimensions", []), "Dimensions")
    series = (request["Namespace"], request["MetricName"], dimensions)
    unit = request.get("Unit", "")
    buckets = call.rooms.metrics.statistics(
        call.account, call.region, series, start, end, period, unit=unit, samples=bool(extended)
    )
    points_shown = [_shown(bucket, simple, extended) for bucket in buckets]
    return {"Label": request["MetricName"], "Datapoints": [point for point in points_shown if point]}


@operation
def list_metrics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the metrics that got data in the last two weeks."""
    if request.get("IncludeLinkedAccounts") or request.get("OwningAccount", call.account) != call.account:
        raise InvalidParameterValue("IncludeLinkedAccounts is not supported by Clary: accounts are not linked.")
    recent = request.get("RecentlyActive")
    now = int(call.rooms.clock.now())
    filters = [(dimension["Name"], dimension.get("Value")) for dimension in request.get("Dimensions", [])]
    namespace, name = request.get("Namespace", ""), request.get("MetricName", "")
    binding = (call.operation, call.account, call.region, namespace, name, filters, recent)
    try:
        after = unseal(request["NextToken"], *binding) if "NextToken" in request else None
    except BadToken:
        raise InvalidParameterValue("Request parameter NextToken is invalid") from None
    found, more = call.rooms.metrics.series(
        call.account,
        call.region,
        namespace=namespace,
        name=name,
        dimensions=filters,
        since=now - (3 * 3600 if recent else _LISTED_FOR),
        after=after,
        limit=_PAGE,
    )
    metrics = [
        {
            "Namespace": series.namespace,
            "MetricName": series.name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in series.dimensions.items()],
        }
        for series in found
    ]
    return {"Metrics": metrics, "NextToken": seal(more, *binding) if more else None}


def is_period(seconds: int) -> bool:
    """Whether statistics can have this period."""
    return seconds in _SHORT_PERIODS or seconds % 60 == 0


def round_start(start: int, period: int, now: float) -> int:
    """Where the first period begins: the longer ago, the coarser, as AWS rounds."""
    age = now - start
    if age >= 63 * _DAY:
        return start - start % 3600
    if age >= 15 * _DAY:
        return start - start % 300
    return start - start % min(period, 60)


def _shown(bucket: Bucket, simple: list[str], extended: list[str]) -> dict[str, Any]:
    values = {name: SIMPLE[name](bucket.summary) for name in simple}
    point = {"Timestamp": float(bucket.time), "Unit": bucket.unit, **values}
    if extended:
        computed = {name: statistic(bucket.summary) for name in extended if (statistic := find_statistic(name))}
        point["ExtendedStatistics"] = {name: value for name, value in computed.items() if value is not None}
        if not point["ExtendedStatistics"]:
            return {}
    return point
