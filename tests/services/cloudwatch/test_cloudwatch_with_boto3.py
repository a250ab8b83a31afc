"""The service over the wire, with an unmodified boto3."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from clary.store.metrics import Datum


@pytest.fixture
def client(aws):
    return aws("cloudwatch")


@pytest.fixture
def namespace():
    return f"test/{uuid4().hex}"


def error_of(function, **request):
    with pytest.raises(ClientError) as caught:
        function(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_values_come_back_as_statistics_and_as_data(client, namespace):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    data = [{"MetricName": "loss", "Value": value, "Timestamp": now, "Unit": "Count"} for value in (1.0, 2.0, 6.0)]
    client.put_metric_data(Namespace=namespace, MetricData=data)
    span = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=5)}
    names = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"]
    found = client.get_metric_statistics(Namespace=namespace, MetricName="loss", Period=60, Statistics=names, **span)
    (point,) = found["Datapoints"]
    assert point == {
        "Timestamp": now,
        "Average": 3,
        "Sum": 9,
        "Minimum": 1,
        "Maximum": 6,
        "SampleCount": 3,
        "Unit": "Count",
    }
    extended = client.get_metric_statistics(
        Namespace=namespace, MetricName="loss", Period=60, ExtendedStatistics=["p50"], **span
    )
    assert extended["Datapoints"][0]["ExtendedStatistics"] == {"p50": 2.0}
    metric = {"Metric": {"Namespace": namespace, "MetricName": "loss"}, "Period": 60, "Stat": "Sum"}
    queries = [{"Id": "m", "MetricStat": metric}, {"Id": "half", "Expression": "m / 2"}]
    results = client.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]
    assert [(result["Timestamps"], result["Values"]) for result in results] == [([now], [9]), ([now], [4.5])]


def test_a_body_that_botocore_compresses_is_read(client, namespace):
    # Beyond 10 KiB PutMetricData is sent gzip-encoded.
    values = [float(number) for number in range(100)]
    data = [{"MetricName": f"m{number}", "Values": values, "Counts": [*values[1:], 1.0]} for number in range(60)]
    client.put_metric_data(Namespace=namespace, MetricData=data)
    pages = client.get_paginator("list_metrics").paginate(Namespace=namespace)
    assert sum(len(page["Metrics"]) for page in pages) == 60


def test_what_a_job_puts_is_what_the_sdks_analytics_read(server, client):
    now, job = datetime.now(UTC), f"job-{uuid4().hex}"
    dimensions = {"TrainingJobName": job}
    data = [Datum("test:msd", dimensions, value, now.timestamp()) for value in (4.0, 2.0)]
    for _ in range(2):  # a job's follower repeats itself after a crash
        server.house.rooms.metrics.put(
            "000000000000", "us-east-1", "/aws/sagemaker/TrainingJobs", data, source=f"{job}@0"
        )
    found = client.get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="test:msd",
        Dimensions=[{"Name": "TrainingJobName", "Value": job}],
        StartTime=now - timedelta(minutes=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Average", "SampleCount"],
    )
    (point,) = found["Datapoints"]
    assert (point["Average"], point["SampleCount"]) == (3, 2)


def test_errors_bear_the_codes_that_clients_know(client, namespace):
    code, message = error_of(
        client.put_metric_data,
        Namespace=namespace,
        MetricData=[{"MetricName": "m", "Value": float("nan")}],
    )
    assert (code, message) == (
        "InvalidParameterValue",
        "The value NaN for parameter MetricData.member.1.Value is invalid.",
    )
    now = datetime.now(UTC)
    code, _ = error_of(
        client.get_metric_statistics, Namespace="n", MetricName="m", StartTime=now, EndTime=now, Period=60
    )
    assert code == "InvalidParameterCombination"
    code, message = error_of(client.get_metric_data, MetricDataQueries=[], StartTime=now, EndTime=now)
    assert (code, message) == ("ValidationError", "The parameter StartTime must not equal parameter EndTime.")
    code, message = error_of(client.list_metrics, NextToken="x")
    assert (code, message) == ("InvalidParameterValue", "Request parameter NextToken is invalid")


def test_an_alarm_over_the_wire(client, namespace):
    then = datetime.now(UTC) - timedelta(minutes=2)
    client.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 7, "Timestamp": then}])
    alarm = {"AlarmName": namespace, "Namespace": namespace, "MetricName": "m", "Statistic": "Sum", "Period": 60}
    rule = {"EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold"}
    client.put_metric_alarm(**alarm, **rule)
    client.get_waiter("alarm_exists").wait(AlarmNames=[namespace])
    (found,) = client.describe_alarms(AlarmNames=[namespace])["MetricAlarms"]
    assert (found["StateValue"], found["Threshold"], found["ActionsEnabled"]) == ("ALARM", 5.0, True)
    client.set_alarm_state(AlarmName=namespace, StateValue="OK", StateReason="seen to")
    history = client.describe_alarm_history(AlarmName=namespace, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert history[0]["HistorySummary"] == "Alarm updated from ALARM to OK"
    topic = "arn:aws:sns:us-east-1:000000000000:topic"
    code, message = error_of(client.put_metric_alarm, **alarm, **rule, AlarmActions=[topic])
    assert (code, topic in message) == ("ValidationError", True)
    client.delete_alarms(AlarmNames=[namespace])
    client.delete_alarms(AlarmNames=[namespace])  # no error where there is none
    assert client.describe_alarms(AlarmNames=[namespace])["MetricAlarms"] == []
