"""Alarms on a clock that the test moves."""

import msgspec
import pytest

from clary.errors import ServiceError
from clary.services.cloudwatch import alarm_actions
from clary.services.cloudwatch.alarm_state import alarm_state
from clary.services.cloudwatch.alarm_watch import look
from tests.services.cloudwatch.conftest import NOW

POLICY = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:resource/sagemaker/endpoint/e:policyName/p"
TOPIC = "arn:aws:sns:us-east-1:000000000000:topic"
ERRORS = {
    "AlarmName": "errors",
    "Namespace": "n",
    "MetricName": "m",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 5.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture
def acted(monkeypatch):
    """The states in which the alarm acted."""
    found = []

    def act(rooms, action, alarm):
        assert action == POLICY
        found.append(alarm.status)
        return True

    monkeypatch.setitem(alarm_actions.ACTORS, "autoscaling", act)
    return found


def put(cloudwatch, value, at, name="m"):
    datum = {"MetricName": name, "Value": value, "Timestamp": at, "StorageResolution": 1}
    cloudwatch("PutMetricData", Namespace="n", MetricData=[datum])


def the_alarm(cloudwatch, **filters):
    (found,) = cloudwatch("DescribeAlarms", **filters)["MetricAlarms"]
    return found


def refused(cloudwatch, **changes):
    request = {name: value for name, value in {**ERRORS, **changes}.items() if value is not None}
    with pytest.raises(ServiceError) as error:
        cloudwatch("PutMetricAlarm", **request)
    return error.value.code, error.value.message


def test_an_alarm_follows_its_metric(cloudwatch, rooms, clock):
    cloudwatch("PutMetricAlarm", **ERRORS)
    found = the_alarm(cloudwatch)
    assert found["AlarmArn"] == "arn:aws:cloudwatch:us-east-1:000000000000:alarm:errors"
    assert (found["StateValue"], found["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    put(cloudwatch, 4.0, NOW)
    put(cloudwatch, 3.0, NOW + 59)
    clock.move(60)
    assert the_alarm(cloudwatch)["StateValue"] == "INSUFFICIENT_DATA", "the minute's last values may still come"
    clock.move(2)
    found = the_alarm(cloudwatch, StateValue="ALARM")
    assert found["StateReason"] == (
        "Threshold Crossed: 1 out of the last 1 datapoints [7] was greater than the threshold (5.0) (minimum 1 "
        "datapoints for INSUFFICIENT_DATA -> ALARM transition)."
    )
    assert msgspec.json.decode(found["StateReasonData"])["recentDatapoints"] == [7]
    assert found["StateUpdatedTimestamp"] == NOW + 62
    put(cloudwatch, 1.0, NOW + 61)
    clock.move(60)
    assert alarm_state(rooms, "000000000000", "us-east-1", "errors") == "OK"
    clock.move(240)
    assert alarm_state(rooms, "000000000000", "us-east-1", "errors") == "INSUFFICIENT_DATA"
    assert alarm_state(rooms, "000000000000", "us-east-1", "other") is None


def test_an_alarm_is_evaluated_when_it_is_made(cloudwatch):
    put(cloudwatch, 9.0, NOW - 100)
    cloudwatch("PutMetricAlarm", **ERRORS)
    assert the_alarm(cloudwatch)["StateValue"] == "ALARM"


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("GreaterThanThreshold", ["OK", "OK", "ALARM"]),
        ("GreaterThanOrEqualToThreshold", ["OK", "ALARM", "ALARM"]),
        ("LessThanThreshold", ["ALARM", "OK", "OK"]),
        ("LessThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
    ],
)
def test_comparisons(cloudwatch, comparison, states):
    for value, state in zip((4.0, 5.0, 6.0), states, strict=True):
        put(cloudwatch, value, NOW - 100, name=f"m{value:g}")
        request = {**ERRORS, "MetricName": f"m{value:g}", "AlarmName": f"{value:g}", "ComparisonOperator": comparison}
        cloudwatch("PutMetricAlarm", **request)
        assert the_alarm(cloudwatch, AlarmNames=[f"{value:g}"])["StateValue"] == state


def test_a_percentile_and_a_short_period(cloudwatch, clock):
    for value in range(1, 101):
        put(cloudwatch, float(value), NOW - 5)
    changes = {"Statistic": None, "ExtendedStatistic": "p90", "Period": 10, "Threshold": 90.0}
    request = {name: value for name, value in {**ERRORS, **changes}.items() if value is not None}
    cloudwatch("PutMetricAlarm", **request)
    assert the_alarm(cloudwatch)["StateValue"] == "INSUFFICIENT_DATA"
    clock.move(2)
    assert the_alarm(cloudwatch)["StateValue"] == "ALARM"


def test_metric_math(cloudwatch):
    put(cloudwatch, 1.0, NOW - 100, name="errors")
    put(cloudwatch, 10.0, NOW - 100, name="calls")
    metrics = [
        {
            "Id": name,
            "ReturnData": False,
            "MetricStat": {"Metric": {"Namespace": "n", "MetricName": name}, "Period": 60, "Stat": "Sum"},
        }
        for name in ("errors", "calls")
    ]
    ratio = {"Id": "ratio", "Expression": "errors / calls"}
    evaluation = {name: ERRORS[name] for name in ("EvaluationPeriods", "ComparisonOperator")}
    cloudwatch("PutMetricAlarm", AlarmName="ratio", Metrics=[*metrics, ratio], Threshold=0.05, **evaluation)
    found = the_alarm(cloudwatch)
    assert (found["StateValue"], found["Metrics"][-1]) == ("ALARM", ratio)


def test_a_state_that_was_set_lasts_until_the_next_evaluation(cloudwatch, rooms, clock, acted):
    cloudwatch("PutMetricAlarm", **ERRORS, AlarmActions=[POLICY], TreatMissingData="notBreaching")
    assert the_alarm(cloudwatch)["StateValue"] == "OK"
    clock.move(5)
    request = {"AlarmName": "errors", "StateReason": "a try", "StateReasonData": '{"by":"hand"}'}
    cloudwatch("SetAlarmState", StateValue="ALARM", **request)
    found = the_alarm(cloudwatch)
    assert (found["StateValue"], found["StateReason"]) == ("ALARM", "a try")
    rooms.background.finish()
    assert acted == ["ALARM"]
    clock.move(60)
    assert the_alarm(cloudwatch)["StateValue"] == "OK"
    history = cloudwatch("DescribeAlarmHistory", AlarmName="errors", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert sorted(item["HistorySummary"] for item in history) == [
        'Alarm "errors" created',
        "Alarm updated from ALARM to OK",
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        f"Successfully executed action {POLICY}",
    ]
    with pytest.raises(ServiceError) as error:
        cloudwatch("SetAlarmState", AlarmName="other", StateValue="OK", StateReason="")
    assert error.value.code == "ResourceNotFound"


def test_actions_are_repeated_each_minute_while_the_state_lasts(cloudwatch, rooms, clock, acted):
    cloudwatch("PutMetricAlarm", **ERRORS, AlarmActions=[POLICY], OKActions=[POLICY])
    assert rooms.background.later["cloudwatch alarms"] == 2, "two seconds past the minute"
    for minute in range(3):
        put(cloudwatch, 9.0, NOW + 60 * minute)
    before = NOW
    for _ in range(18):
        clock.move(10)
        look(rooms, before)
        rooms.background.finish()
        before = clock.now()
    assert acted == ["ALARM", "ALARM"]
    cloudwatch("DisableAlarmActions", AlarmNames=["errors", "nobody"])
    clock.move(60)
    look(rooms, before)
    assert acted == ["ALARM", "ALARM"]
    cloudwatch("EnableAlarmActions", AlarmNames=["errors"])
    clock.move(60)
    look(rooms, clock.now() - 60)
    assert acted == ["ALARM", "ALARM", "ALARM"]


def test_an_action_that_fails_is_in_the_history(cloudwatch, rooms, monkeypatch):
    def act(rooms, action, alarm):
        raise ServiceError("no such policy", code="ObjectNotFoundException")

    monkeypatch.setitem(alarm_actions.ACTORS, "autoscaling", act)
    put(cloudwatch, 9.0, NOW - 100)
    cloudwatch("PutMetricAlarm", **ERRORS, AlarmActions=[POLICY])
    rooms.background.finish()
    (item,) = cloudwatch("DescribeAlarmHistory", HistoryItemType="Action")["AlarmHistoryItems"]
    assert item["HistorySummary"] == f"Failed to execute action {POLICY}. Received error: no such policy"


def test_new_settings_keep_the_state(cloudwatch):
    put(cloudwatch, 9.0, NOW - 100)
    cloudwatch("PutMetricAlarm", **ERRORS, Tags=[{"Key": "a", "Value": "b"}])
    cloudwatch("PutMetricAlarm", **{**ERRORS, "Period": 120, "AlarmDescription": "x"})
    found = the_alarm(cloudwatch)
    assert (found["StateValue"], found["Period"], found["AlarmDescription"]) == ("ALARM", 120, "x")
    arn = found["AlarmArn"]
    cloudwatch("TagResource", ResourceARN=arn, Tags=[{"Key": "c", "Value": "d"}])
    cloudwatch("UntagResource", ResourceARN=arn, TagKeys=["a"])
    assert cloudwatch("ListTagsForResource", ResourceARN=arn) == {"Tags": [{"Key": "c", "Value": "d"}]}


def test_alarms_are_found_by_page_and_by_metric(cloudwatch):
    for name in ("a1", "a2", "a3", "b"):
        cloudwatch("PutMetricAlarm", **{**ERRORS, "AlarmName": name, "MetricName": name[0]})
    page = cloudwatch("DescribeAlarms", AlarmNamePrefix="a", MaxRecords=2)
    rest = cloudwatch("DescribeAlarms", AlarmNamePrefix="a", MaxRecords=2, NextToken=page["NextToken"])
    pages = [[row["AlarmName"] for row in part["MetricAlarms"]] for part in (page, rest)]
    assert (pages, rest["NextToken"]) == ([["a1", "a2"], ["a3"]], None)
    (found,) = cloudwatch("DescribeAlarmsForMetric", Namespace="n", MetricName="b")["MetricAlarms"]
    assert found["AlarmName"] == "b"
    dimensions = [{"Name": "x", "Value": "y"}]
    assert cloudwatch("DescribeAlarmsForMetric", Namespace="n", MetricName="b", Dimensions=dimensions) == {
        "MetricAlarms": []
    }
    assert cloudwatch("DeleteAlarms", AlarmNames=["a1", "c", "a2"]) == {}
    assert [row["AlarmName"] for row in cloudwatch("DescribeAlarms")["MetricAlarms"]] == ["a3", "b"]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"AlarmActions": [TOPIC]}, "ValidationError", "AlarmActions: arn:aws:sns"),
        ({"OKActions": ["mail me"]}, "ValidationError", "Invalid arn syntax: mail me"),
        ({"AlarmActions": [POLICY.replace("us-east-1", "eu-west-1")]}, "ValidationError", "another account or region"),
        ({"Statistic": None}, "InvalidParameterCombination", "Exactly one of Statistic"),
        ({"ExtendedStatistic": "p90"}, "InvalidParameterCombination", "Exactly one of Statistic"),
        ({"Statistic": None, "ExtendedStatistic": "p900"}, "InvalidParameterValue", "p900"),
        ({"Period": 45}, "ValidationError", "multiple of 60"),
        ({"Period": None}, "MissingParameter", "Period"),
        ({"Threshold": None}, "MissingParameter", "Threshold"),
        ({"EvaluationPeriods": 1441}, "ValidationError", "more than a day"),
        ({"DatapointsToAlarm": 2}, "ValidationError", "DatapointsToAlarm"),
        ({"TreatMissingData": "guess"}, "ValidationError", "Option guess is not supported"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ValidationError", "anomaly detection"),
        ({"ThresholdMetricId": "band"}, "ValidationError", "ThresholdMetricId asks for"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "ValidationError", "can only be 'evaluate'"),
        ({"EvaluateLowSampleCountPercentile": "guess"}, "ValidationError", "Option guess is not supported"),
        ({"Metrics": []}, "InvalidParameterCombination", "mutually exclusive"),
    ],
)
def test_what_is_refused(cloudwatch, changes, code, words):
    found_code, message = refused(cloudwatch, **changes)
    assert (found_code, words in message) == (code, True), message
