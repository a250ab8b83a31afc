"""GetMetricData: many metrics and expressions on them at once."""

import re
from typing import Any

from clary.services.cloudwatch.errors import InvalidNextToken, ValidationError
from clary.services.cloudwatch.metric_data import dimensions_of
from clary.services.cloudwatch.metric_math import Series, evaluate
from clary.services.cloudwatch.metric_statistics import is_period, round_start
from clary.services.cloudwatch.statistic import SIMPLE, find_statistic
from clary.store.metrics import Summary
from clary.store.pages import BadToken, seal, unseal
from clary.wire import Call, Rooms, operation

_MOST_QUERIES = 500
_MOST_POINTS = 100_800


@operation
def get_metric_data(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The series that the queries ask for, newest value first unless told otherwise, in pages of MaxDatapoints."""
    queries = request["MetricDataQueries"]
    start, end = int(request["StartTime"]), int(request["EndTime"])
    if start == end:
        raise ValidationError("The parameter StartTime must not equal parameter EndTime.")
    if start > end:
        raise ValidationError("The parameter EndTime must be greater than StartTime.")
    check_queries(call, queries)
    series = Evaluator(call.rooms, (call.account, call.region), queries, start, end)
    shown = [(query, series.of(query["Id"])) for query in queries if query.get("ReturnData", True)]
    return _page(call, request, shown)


class Evaluator:
    """The series of the queries, each computed once, whatever the order in which they name each other."""

    def __init__(
        self, rooms: Rooms, scope: tuple[str, str], queries: list[dict[str, Any]], start: int, end: int
    ) -> None:
        self._rooms = rooms
        self._scope = scope  # account and region
        self._queries = {query["Id"]: query for query in queries}
        self._start = start
        self._end = end
        self._found: dict[str, Series] = {}
        self._pending: set[str] = set()

    def of(self, name: str) -> Series:
        """The series of the query with this id."""
        if name not in self._queries:
            raise ValidationError(f"Error in expression: there is no query with the id {name!r}.")
        if name in self._pending:
            raise ValidationError(f"Error in expression {name!r}: it depends on itself.")
        if name not in self._found:
            self._pending.add(name)
            query = self._queries[name]
            self._found[name] = self._computed(query) if "Expression" in query else self._stored(query["MetricStat"])
            self._pending.remove(name)
        return self._found[name]

    def _computed(self, query: dict[str, Any]) -> Series:
        metrics = [name for name, other in self._queries.items() if "MetricStat" in other]
        return evaluate(query["Expression"], self.of, metrics, self._period(query))

    def _period(self, query: dict[str, Any]) -> int:
        periods = [other["MetricStat"]["Period"] for other in self._queries.values() if "MetricStat" in other]
        return int(query.get("Period") or max(periods, default=60))

    def _stored(self, wanted: dict[str, Any]) -> Series:
        metric, period, name = wanted["Metric"], wanted["Period"], wanted["Stat"]
        place = (metric["Namespace"], metric["MetricName"], dimensions_of(metric.get("Dimensions", []), "Dimensions"))
        start = round_start(self._start, period, self._rooms.clock.now())
        statistic = find_statistic(name)
        assert statistic
        buckets = self._rooms.metrics.statistics(
            *self._scope,
            place,
            start,
            self._end,
            period,
            unit=wanted.get("Unit", ""),
            samples=name not in SIMPLE,
        )
        summaries: dict[int, Summary] = {}
        for bucket in buckets:  # one for each unit, which count together here
            if bucket.time in summaries:
                summaries[bucket.time].add(bucket.summary)
            else:
                summaries[bucket.time] = bucket.summary
        values = {time: statistic(summary) for time, summary in summaries.items()}
        return {time: value for time, value in values.items() if value is not None}


def check_queries(call: Call, queries: list[dict[str, Any]]) -> None:
    """Raise ValidationError for queries that make no sense."""
    if len(queries) > _MOST_QUERIES:
        raise ValidationError(f"The collection MetricDataQueries must not have a size greater than {_MOST_QUERIES}.")
    if len({query["Id"] for query in queries}) != len(queries):
        raise ValidationError("The values for parameter Id in MetricDataQueries are not unique.")
    for number, query in enumerate(queries, 1):
        _check_query(call, query, f"MetricDataQueries.member.{number}")


def _check_query(call: Call, query: dict[str, Any], path: str) -> None:
    if not re.fullmatch(r"[a-z]\w*", query["Id"], re.ASCII):
        raise ValidationError(f"The value {query['Id']} for parameter {path}.Id is not matching the expected pattern.")
    if "Expression" in query and "MetricStat" in query:
        raise ValidationError(f"The parameters {path}.Expression and {path}.MetricStat are mutually exclusive.")
    if "Expression" not in query and "MetricStat" not in query:
        raise ValidationError(f"The parameter {path}.MetricStat is required.\n")
    if query.get("AccountId", call.account) != call.account:
        raise ValidationError(f"{path}.AccountId is not supported by Clary: accounts are not linked.")
    if "${" in query.get("Label", ""):
        raise ValidationError(f"{path}.Label: dynamic labels are not supported by Clary.")
    if re.match(r"\s*select\b", query.get("Expression", ""), re.IGNORECASE):
        raise ValidationError(f"{path}.Expression: Metrics Insights queries are not supported by Clary.")
    stat = query.get("MetricStat")
    periods = [holder["Period"] for holder in (query, stat or {}) if "Period" in holder]
    if not all(map(is_period, periods)):
        raise ValidationError(f"The parameter Period of {path} must be 1, 5, 10, 20, 30 or a multiple of 60.")
    if stat and find_statistic(stat["Stat"]) is None:
        raise ValidationError(f"The value {stat['Stat']} for parameter {path}.MetricStat.Stat is not supported.")
    if stat and not {"Namespace", "MetricName"} <= stat["Metric"].keys():
        raise ValidationError(f"The parameters Namespace and MetricName of {path}.MetricStat.Metric are required.")


def _page(call: Call, request: dict[str, Any], shown: list[tuple[dict[str, Any], Series]]) -> dict[str, Any]:
    """As many values as one reply may hold, query by query, beyond the position (query, time) of the token."""
    descending = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    binding = (call.account, call.region, request["MetricDataQueries"], request["StartTime"], request["EndTime"])
    at, after = _position(request, *binding, descending)
    room = request.get("MaxDatapoints", _MOST_POINTS)
    if not 1 <= room <= _MOST_POINTS:
        raise ValidationError(f"The parameter MaxDatapoints must be between 1 and {_MOST_POINTS}.")
    results: list[dict[str, Any]] = []
    token = None
    for number, (query, series) in enumerate(shown):
        if number < at or token:
            continue
        times = sorted(series, reverse=descending)
        if number == at and after is not None:
            times = [time for time in times if (time < after if descending else time > after)]
        kept = times[:room]
        room -= len(kept)
        if len(kept) < len(times):
            token = seal([number, kept[-1] if kept else None], *binding, descending)
        if kept or not times:
            results.append(_result(query, series, kept, complete=not token))
    return {"MetricDataResults": results, "NextToken": token, "Messages": []}


def _position(request: dict[str, Any], *binding: object) -> tuple[int, int | None]:
    if "NextToken" not in request:
        return 0, None
    try:
        number, time = unseal(request["NextToken"], *binding)
    except BadToken:
        raise InvalidNextToken("The value for parameter NextToken is invalid.") from None
    assert isinstance(number, int)
    assert isinstance(time, int | None)
    return number, time


def _result(query: dict[str, Any], series: Series, times: list[int], *, complete: bool) -> dict[str, Any]:
    stat = query.get("MetricStat")
    default = f"{stat['Metric']['MetricName']} {stat['Stat']}" if stat else query["Id"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label", default),
        "Timestamps": [float(time) for time in times],
        "Values": [series[time] for time in times],
        "StatusCode": "Complete" if complete else "PartialData",
    }
