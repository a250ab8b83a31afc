"""What PutMetricAlarm may ask for."""

from __future__ import annotations

from typing import Any

from clary.names import parse_arn
from clary.services.cloudwatch.alarm_judgement import COMPARISONS, MISSING_DATA
from clary.services.cloudwatch.errors import (
    InvalidParameterCombination,
    InvalidParameterValue,
    MissingParameter,
    ValidationError,
)
from clary.services.cloudwatch.metric_data import dimensions_of
from clary.services.cloudwatch.metric_query import check_queries
from clary.services.cloudwatch.statistic import SIMPLE, find_statistic
from clary.wire import Call

ACTION_MEMBERS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

_OF_ONE_METRIC = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_SHORT_PERIODS = (10, 20, 30)
_HOUR, _DAY, _WEEK = 3600, 86_400, 7 * 86_400

# Members that ask for what Clary doesn't do.
_NOT_DONE = {
    "ThresholdMetricId": "an anomaly detection model",
    "EvaluationCriteria": "a PromQL query",
    "EvaluationInterval": "a PromQL query",
    "WarmUpConfiguration": "a warm-up period",
}


def check_alarm(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The alarm's settings with their defaults; an error in AWS's words where they make no sense."""
    _refuse(request)
    for member in ACTION_MEMBERS.values():
        for action in request.get(member, []):
            check_action(call, member, action)
    if "Metrics" in request:
        _check_metrics(call, request)
    else:
        _check_metric(request)
    _check_evaluation(request)
    actions = {member: request.get(member, []) for member in ACTION_MEMBERS.values()}
    return {
        **{name: value for name, value in request.items() if name != "Tags"},
        **actions,
        "ActionsEnabled": request.get("ActionsEnabled", True),
        "Dimensions": request.get("Dimensions", []),
    }


def check_action(call: Call, member: str, action: str) -> None:
    """An action is a scaling policy of this account and region; no other can be done here."""
    arn = parse_arn(action)
    if arn is None:
        raise ValidationError(f"Invalid arn syntax: {action}")
    if arn.service != "autoscaling" or not arn.resource.startswith("scalingPolicy:"):
        raise ValidationError(
            f"{member}: {action} is not supported by Clary: an alarm's actions can be scaling policies of Application "
            "Auto Scaling. Leave it out; the alarm's state can be read with DescribeAlarms."
        )
    if (arn.account, arn.region) != (call.account, call.region):
        raise ValidationError(f"{member}: {action} is of another account or region.")


def queries_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The alarm as queries, of which one returns data."""
    if "Metrics" in alarm:
        return list(alarm["Metrics"])
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if name in alarm}
    stat = {"Metric": metric, "Period": alarm["Period"], "Stat": alarm.get("Statistic") or alarm["ExtendedStatistic"]}
    if "Unit" in alarm:
        stat["Unit"] = alarm["Unit"]
    return [{"Id": "m1", "MetricStat": stat}]


def period_of(alarm: dict[str, Any]) -> int:
    """The seconds of one of the alarm's periods."""
    holders = [holder for query in queries_of(alarm) for holder in (query, query.get("MetricStat", {}))]
    return max(int(holder["Period"]) for holder in holders if "Period" in holder)


def _refuse(request: dict[str, Any]) -> None:
    for member, what in _NOT_DONE.items():
        if request.get(member):
            raise ValidationError(f"{member} asks for {what}, which Clary does not support. Leave the member out.")
    if "WallClockWindow" in request.get("EvaluationWindow", {}):
        raise ValidationError("EvaluationWindow.WallClockWindow is not supported by Clary: windows are sliding.")
    if request.get("ActionConfiguration", {}).get("AlarmTagsPropagation", {}).get("Enabled"):
        raise ValidationError("ActionConfiguration.AlarmTagsPropagation is not supported by Clary.")
    option = request.get("EvaluateLowSampleCountPercentile", "evaluate")
    if option == "ignore":
        raise ValidationError("EvaluateLowSampleCountPercentile can only be 'evaluate' in Clary.")
    if option != "evaluate":
        raise ValidationError(
            f"Option {option} is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are "
            "evaluate and ignore."
        )


def _check_metric(request: dict[str, Any]) -> None:
    for member in ("MetricName", "Namespace", "Period"):
        if member not in request:
            raise MissingParameter(f"The parameter {member} is required.")
    simple, extended = request.get("Statistic"), request.get("ExtendedStatistic")
    if bool(simple) == bool(extended):
        raise InvalidParameterCombination("Exactly one of Statistic and ExtendedStatistic must be specified.")
    if extended and (extended in SIMPLE or find_statistic(extended) is None):
        raise InvalidParameterValue(f"The value {extended} for parameter ExtendedStatistic is not supported.")
    dimensions_of(request.get("Dimensions", []), "Dimensions")


def _check_metrics(call: Call, request: dict[str, Any]) -> None:
    if both := [member for member in _OF_ONE_METRIC if request.get(member)]:
        raise InvalidParameterCombination(f"The parameters Metrics and {both[0]} are mutually exclusive.")
    queries = request["Metrics"]
    check_queries(call, queries)
    if not any("MetricStat" in query for query in queries):
        raise ValidationError("Metrics must hold at least one metric.")
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        raise ValidationError("Exactly one element of the metrics list should return data.")


def _check_evaluation(request: dict[str, Any]) -> None:
    for member in ("EvaluationPeriods", "ComparisonOperator", "Threshold"):
        if member not in request:
            raise MissingParameter(f"The parameter {member} is required.")
    if request["ComparisonOperator"] not in COMPARISONS:
        raise ValidationError(
            f"ComparisonOperator {request['ComparisonOperator']} compares with an anomaly detection model, which Clary "
            "does not support."
        )
    missing = request.get("TreatMissingData", "missing")
    if missing not in MISSING_DATA:
        raise ValidationError(f"Option {missing} is not supported: TreatMissingData is one of {MISSING_DATA}.")
    periods, period = request["EvaluationPeriods"], period_of(request)
    if request.get("DatapointsToAlarm", periods) > periods:
        raise ValidationError("DatapointsToAlarm must not be greater than EvaluationPeriods.")
    if period not in _SHORT_PERIODS and period % 60:
        raise ValidationError("The parameter Period must be 10, 20, 30 or a multiple of 60.")
    if periods * period > (_WEEK if period >= _HOUR else _DAY):
        raise ValidationError(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400), or a week "
            "with a Period of an hour or more."
        )
