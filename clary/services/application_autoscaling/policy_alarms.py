"""The two alarms of a target tracking policy, named and set as AWS's are."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from clary.errors import ServiceError
from clary.services.application_autoscaling.errors import ValidationException
from clary.services.application_autoscaling.variant import parse
from clary.services.cloudwatch import alarm
from clary.services.cloudwatch.alarm_request import check_alarm
from clary.services.cloudwatch.alarm_state import KIND
from clary.store.records import Key
from clary.wire import Call, Rooms

Request = dict[str, Any]

_LOW_SHARE = 0.9  # of the target: below it there are too many instances
_SIDES = {
    "AlarmHigh": {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 3},
    "AlarmLow": {"ComparisonOperator": "LessThanThreshold", "EvaluationPeriods": 15},
}


def requests(call: Call, resource: str, policy_name: str, arn: str, configuration: dict[str, Any]) -> list[Request]:
    """What PutMetricAlarm is asked for; ValidationException for a metric that no alarm can have.

    The names follow from the policy's, so that a request that is made again makes no alarm twice.
    """
    target, found = configuration["TargetValue"], []
    for side, rule in _SIDES.items():
        if side == "AlarmLow" and configuration.get("DisableScaleIn"):
            continue
        request = {
            "AlarmName": _name(call, resource, policy_name, side),
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}."[:1024],
            "AlarmActions": [arn],
            "Threshold": target if side == "AlarmHigh" else target * _LOW_SHARE,
            **rule,
            **metric_of(resource, configuration),
        }
        try:
            check_alarm(_asked(call), request)
        except ServiceError as error:
            raise ValidationException(f"Invalid metric: {error.message}") from None
        found.append(request)
    return found


def names(call: Call, alarms: list[Request]) -> list[dict[str, str]]:
    """The alarms as their policy lists them."""
    asked = _asked(call)
    return [{"AlarmName": row["AlarmName"], "AlarmARN": asked.arn(f"alarm:{row['AlarmName']}")} for row in alarms]


def put(call: Call, alarms: list[Request]) -> None:
    """Make the alarms, or give them new settings."""
    for request in alarms:
        alarm.put_metric_alarm(_asked(call), request)


def _asked(call: Call) -> Call:
    return replace(call, service="cloudwatch")


def delete(rooms: Rooms, account: str, region: str, alarms: list[dict[str, str]]) -> None:
    """Delete those alarms that are still there."""
    for row in alarms:
        alarm.delete(rooms, Key(KIND, account, region, row["AlarmName"]))


def metric_of(resource: str, configuration: dict[str, Any]) -> dict[str, Any]:
    """The metric of a policy as an alarm has it."""
    if "PredefinedMetricSpecification" in configuration:
        return {
            "Namespace": "AWS/SageMaker",
            "MetricName": "InvocationsPerInstance",
            "Dimensions": parse(resource).dimensions,
            "Statistic": "Sum",
            "Period": 60,
        }
    metric = configuration["CustomizedMetricSpecification"]
    if metric.get("Metrics"):
        return {"Metrics": [_with_period(query) for query in metric["Metrics"]]}
    return {**metric, "Period": 60}


def _with_period(query: dict[str, Any]) -> dict[str, Any]:
    return {**query, "MetricStat": {"Period": 60, **query["MetricStat"]}} if "MetricStat" in query else query


def _name(call: Call, resource: str, policy_name: str, side: str) -> str:
    whole = f"{call.account}/{call.region}/{resource}/{policy_name}/{side}"
    return f"TargetTracking-{resource}-{side}-{uuid.uuid5(uuid.NAMESPACE_OID, whole)}"
