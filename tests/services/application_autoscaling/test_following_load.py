"""Instances that follow the load, within bounds and cooldowns."""

import pytest

from clary.errors import ServiceError
from clary.services.sagemaker.endpoint import delete_endpoint
from tests.services.application_autoscaling.conftest import ARN

FAST = {"ScaleOutCooldown": 0, "ScaleInCooldown": 0}


def minutes(scaler, count, load, **fields):
    for _ in range(count):
        scaler.minute(load, **fields)


def test_a_policy_has_the_two_alarms_of_aws(scaler):
    scaler.register()
    made = scaler.track(value=10.0)
    high, low = sorted(scaler.alarms().values(), key=lambda alarm: alarm["AlarmName"])
    assert high["AlarmName"].startswith("TargetTracking-endpoint/endpoint/variant/AllTraffic-AlarmHigh-")
    assert low["AlarmName"].startswith("TargetTracking-endpoint/endpoint/variant/AllTraffic-AlarmLow-")
    shown = [(a["Statistic"], a["Period"], a["EvaluationPeriods"], a["Threshold"]) for a in (high, low)]
    assert shown == [("Sum", 60, 3, 10.0), ("Sum", 60, 15, 9.0)]
    assert [a["ComparisonOperator"] for a in (high, low)] == ["GreaterThanThreshold", "LessThanThreshold"]
    assert high["AlarmActions"] == low["AlarmActions"] == [made["PolicyARN"]]
    assert {row["AlarmName"] for row in made["Alarms"]} == set(scaler.alarms())
    again = scaler.track(value=20.0)
    assert again == made
    assert {alarm["Threshold"] for alarm in scaler.alarms().values()} == {20.0, 18.0}
    scaler.track(value=20.0, DisableScaleIn=True)
    assert list(scaler.alarms()) == [high["AlarmName"]]
    scaler("DeleteScalingPolicy", PolicyName="policy")
    assert scaler.alarms() == {}


def test_load_brings_instances_up_to_the_most(scaler):
    scaler.register(1, 4)
    scaler.track(value=10.0, ScaleOutCooldown=120)
    minutes(scaler, 2, 25.0)
    assert scaler.asked == [], "three minutes make an alarm"
    scaler.minute(25.0)
    assert (scaler.asked, scaler.counts()) == ([3], (1, 3))
    [activity] = scaler.activities()
    assert (activity["StatusCode"], activity["Description"]) == ("InProgress", "Setting desired instance count to 3.")
    assert "AlarmHigh" in activity["Cause"]
    assert activity["Cause"].endswith("in state ALARM triggered policy policy")
    scaler.minute(25.0)
    assert scaler.asked == [3], "an endpoint that is being updated is left alone"
    scaler.fulfil()
    assert scaler.activities()[0]["StatusCode"] == "Successful"
    assert scaler.counts() == (3, 3)
    scaler.minute(25.0)
    assert scaler.asked == [3], "in the cooldown the new instances count towards what is wanted"
    scaler.minute(90.0)
    assert scaler.asked == [3, 4], "more is wanted all the same, but no more than the most"
    scaler.fulfil()
    minutes(scaler, 3, 90.0)
    assert scaler.asked == [3, 4]


def test_without_requests_instances_go_down_to_the_least(scaler):
    scaler.register(2, 5)
    scaler.track(**FAST)
    minutes(scaler, 3, 50.0)
    scaler.fulfil()
    assert scaler.counts() == (5, 5)
    minutes(scaler, 14, None)
    assert scaler.asked == [5]
    minutes(scaler, 2, None)
    assert scaler.asked == [5, 2]
    scaler.fulfil()
    minutes(scaler, 2, None)
    assert scaler.asked == [5, 2]


def test_a_little_load_takes_only_some_instances_away(scaler):
    scaler.register(1, 5)
    scaler.track(ScaleOutCooldown=0, ScaleInCooldown=1200)
    minutes(scaler, 3, 50.0)
    scaler.fulfil()
    minutes(scaler, 16, 5.0)
    assert scaler.asked == [5, 3], "5 instances at 5 of 10 requests"
    scaler.fulfil()
    minutes(scaler, 18, 1.0)
    assert scaler.asked == [5, 3], "the cooldown holds"
    minutes(scaler, 3, 1.0)
    assert scaler.asked == [5, 3, 1]


def test_instances_go_only_when_all_policies_agree(scaler):
    scaler.register(1, 5)
    scaler.track("requests", **FAST)
    custom = {
        "MetricName": "Load",
        "Namespace": "mine",
        "Dimensions": [{"Name": "EndpointName", "Value": "endpoint"}, {"Name": "VariantName", "Value": "AllTraffic"}],
        "Statistic": "Average",
    }
    scaler.track("load", value=50.0, CustomizedMetricSpecification=custom, **FAST)
    minutes(scaler, 3, 250.0, name="Load", namespace="mine")
    assert scaler.asked == [5]
    scaler.fulfil()
    minutes(scaler, 16, 50.0, name="Load", namespace="mine")
    assert scaler.asked == [5], "no requests, but a load as it should be"
    minutes(scaler, 15, 10.0, name="Load", namespace="mine")
    assert scaler.asked == [5, 1]


def test_suspended_scaling(scaler):
    scaler.register(1, 4, SuspendedState={"DynamicScalingOutSuspended": True})
    scaler.track(**FAST)
    minutes(scaler, 4, 30.0)
    assert scaler.asked == []
    scaler("RegisterScalableTarget", SuspendedState={"DynamicScalingOutSuspended": False})
    scaler.minute(30.0)
    assert scaler.asked == [3]


def test_steps_by_an_alarm_of_ones_own(scaler):
    scaler.register(1, 9)
    steps = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 20, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 3},
    ]
    configuration = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps, "Cooldown": 180}
    request = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": configuration}
    arn = scaler("PutScalingPolicy", PolicyName="steps", **request)["PolicyARN"]
    scaler.put_alarm(
        AlarmName="busy",
        Namespace="AWS/SageMaker",
        MetricName="InvocationsPerInstance",
        Dimensions=[{"Name": "EndpointName", "Value": "endpoint"}, {"Name": "VariantName", "Value": "AllTraffic"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=100.0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[arn],
    )
    [shown] = scaler("DescribeScalingPolicies")["ScalingPolicies"]
    assert [row["AlarmName"] for row in shown["Alarms"]] == ["busy"]
    scaler.minute(110.0)
    assert scaler.asked == [2]
    scaler.fulfil()
    scaler.minute(130.0)
    assert scaler.asked == [2], "its cooldown holds"
    minutes(scaler, 2, 130.0)
    assert scaler.asked == [2, 5]


def test_what_can_not_be_done_is_an_activity_that_failed(scaler):
    scaler.register(1, 100)
    scaler.track()
    minutes(scaler, 3, 500.0)
    assert scaler.asked == []
    [activity] = scaler.activities()
    assert activity["StatusCode"] == "Failed"
    assert "service limit" in activity["StatusMessage"]


def test_zeros_are_put_only_where_nobody_asked(scaler):
    scaler.register()
    scaler.track()
    scaler.minute(5.0)
    scaler.minute()
    found = scaler.rooms.metrics.statistics(
        "000000000000",
        "us-east-1",
        ("AWS/SageMaker", "InvocationsPerInstance", {"EndpointName": "endpoint", "VariantName": "AllTraffic"}),
        1_700_000_040,
        1_700_000_160,
        60,
    )
    assert [(bucket.summary.count, bucket.summary.sum) for bucket in found] == [(1, 5.0), (1, 0.0)]


def test_a_deleted_endpoint_is_not_scaled(scaler):
    scaler.register()
    scaler.track()
    scaler.desk(delete_endpoint, EndpointName="endpoint")
    scaler.minute()
    assert scaler("DescribeScalableTargets")["ScalableTargets"] == []
    assert scaler.alarms() == {}
    with pytest.raises(ServiceError, match="Could not find the variant"):
        scaler.register()
    assert ARN in scaler.rooms.hosting.deleted
