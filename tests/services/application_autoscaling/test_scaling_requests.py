"""Targets, policies and tags: what is kept, and what is refused."""

import pytest

from clary.errors import ServiceError
from clary.services.application_autoscaling.decision import stepped, tracked
from clary.services.sagemaker import resources
from tests.services.application_autoscaling.conftest import ARN, RESOURCE


def refused(scaler, name, **request):
    with pytest.raises(ServiceError) as error:
        scaler(name, **request)
    return error.value.code, error.value.message


def test_a_target(scaler):
    arn = scaler.register(1, 4, Tags={"team": "a"})["ScalableTargetARN"]
    assert arn.startswith("arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/")
    assert scaler("RegisterScalableTarget", MaxCapacity=6)["ScalableTargetARN"] == arn
    [target] = scaler("DescribeScalableTargets", ResourceId=None, ScalableDimension=None)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"], target["ResourceId"]) == (1, 6, RESOURCE)
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
    assert not any(target["SuspendedState"].values())
    scaler("TagResource", ResourceARN=arn, Tags={"b": "c"})
    scaler("UntagResource", ResourceARN=arn, TagKeys=["team"])
    assert scaler("ListTagsForResource", ResourceARN=arn) == {"Tags": {"b": "c"}}
    assert scaler("DescribeScalableTargets", ServiceNamespace="ecs") == {"ScalableTargets": []}
    scaler.track()
    scaler("DeregisterScalableTarget")
    assert scaler.alarms() == {}
    assert scaler("DescribeScalingPolicies")["ScalingPolicies"] == []
    for name, request in (("DeregisterScalableTarget", {}), ("PutScalingPolicy", {"PolicyName": "p"})):
        code, message = refused(scaler, name, **request)
        assert (code, message.split(":")[0]) == (
            "ObjectNotFoundException",
            "No scalable target registered for service namespace",
        )


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}, "is not supported by Clary"),
        ({"ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"}, "is not supported by Clary"),
        ({"ResourceId": "endpoint/endpoint"}, "Unsupported resource ID"),
        ({"ResourceId": "endpoint/endpoint/variant/other"}, "Could not find the variant other"),
        ({"MaxCapacity": None}, "MaxCapacity is required"),
        ({"MinCapacity": 0}, "must be at least 1"),
        ({"MinCapacity": 3, "MaxCapacity": 2}, "Maximum capacity cannot be less than minimum capacity"),
    ],
)
def test_targets_that_are_refused(scaler, request_, words):
    code, message = refused(scaler, "RegisterScalableTarget", **{"MinCapacity": 1, "MaxCapacity": 2, **request_})
    assert (code, words in message) == ("ValidationException", True), message


def test_an_asynchronous_endpoint_can_do_without_instances(scaler):
    key = resources.key_of_arn(ARN)
    queue = {"OutputConfig": {"S3OutputPath": "s3://out"}}
    scaler.rooms.records.change(key, lambda record: record.body["Deployment"].update(AsyncInferenceConfig=queue))
    scaler.register(0, 2)
    action = {"ScheduledActionName": "night", "Schedule": "rate(1 minute)"}
    scaler("PutScheduledAction", ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 0}, **action)
    scaler.minute()
    assert scaler.asked == [0]


PREDEFINED = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"TargetValue": 1.0}, "Exactly one of PredefinedMetricSpecification"),
        ({"TargetValue": 0.0, "PredefinedMetricSpecification": PREDEFINED}, "TargetValue"),
        (
            {"TargetValue": 1.0, "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}},
            "ALBRequestCountPerTarget is not supported",
        ),
        ({"TargetValue": 1.0, "CustomizedMetricSpecification": {"MetricName": "m"}}, "Namespace is required"),
        (
            {
                "TargetValue": 1.0,
                "CustomizedMetricSpecification": {"Metrics": [{"Id": "e", "Expression": "SEARCH('x')"}]},
            },
            "Invalid metric",
        ),
        (
            {"TargetValue": 1.0, "PredefinedMetricSpecification": PREDEFINED, "ScaleInCooldown": -1},
            "ScaleInCooldown must not be negative",
        ),
    ],
)
def test_tracking_that_is_refused(scaler, configuration, words):
    scaler.register()
    request = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": configuration}
    code, message = refused(scaler, "PutScalingPolicy", PolicyName="p", **request)
    assert (code, words in message) == ("ValidationException", True), message
    assert scaler.alarms() == {}


def test_the_type_of_a_policy_stays(scaler):
    scaler.register()
    scaler.track()
    assert "can't be changed" in refused(scaler, "PutScalingPolicy", PolicyName="policy", PolicyType="StepScaling")[1]
    assert "PredictiveScaling" in refused(scaler, "PutScalingPolicy", PolicyName="q", PolicyType="PredictiveScaling")[1]
    assert refused(scaler, "DeleteScalingPolicy", PolicyName="q")[0] == "ObjectNotFoundException"


def test_how_many_are_wanted():
    assert [tracked(2, value, 10.0) for value in (0.0, 5.0, 10.0, 10.1, 31.0)] == [0, 1, 2, 3, 7]
    steps = [
        {"MetricIntervalUpperBound": -10, "ScalingAdjustment": -50},
        {"MetricIntervalLowerBound": -10, "MetricIntervalUpperBound": 0, "ScalingAdjustment": 0},
        {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 25},
    ]
    percent = {"AdjustmentType": "PercentChangeInCapacity", "StepAdjustments": steps}
    assert [stepped(5, value, 100.0, percent) for value in (80.0, 90.0, 95.0, 100.0)] == [3, 3, 5, 6]
    assert stepped(10, 100.0, 100.0, {**percent, "MinAdjustmentMagnitude": 4}) == 14
    exact = {"AdjustmentType": "ExactCapacity", "StepAdjustments": [{**steps[2], "ScalingAdjustment": 7}]}
    assert [stepped(5, value, 100.0, exact) for value in (99.0, 101.0)] == [None, 7]


def test_steps_that_are_refused(scaler):
    scaler.register()

    def message(*bounds, **changes):
        steps = [
            {"ScalingAdjustment": 1, "MetricIntervalLowerBound": low, "MetricIntervalUpperBound": high}
            for low, high in bounds
        ]
        configuration = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps, **changes}
        request = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": configuration}
        return refused(scaler, "PutScalingPolicy", PolicyName="p", **request)[1]

    assert "At least one step" in message()
    assert "overlap" in message((0, 10), (5, 20))
    assert "gap" in message((0, 10), (20, 30))
    assert "MetricAggregationType" in message((0, 10), MetricAggregationType="Maximum")
    assert "MinAdjustmentMagnitude" in message((0, 10), MinAdjustmentMagnitude=2)
