"""The service's operations beside an endpoint whose hosting starts no worker, on a clock that the test moves."""

from dataclasses import replace

import pytest

from clary.services import application_autoscaling
from clary.services.application_autoscaling import activity, scalable_target, scaling_policy, scheduled_action, tags
from clary.services.application_autoscaling.pulse import beat
from clary.services.cloudwatch import alarm, alarm_actions, alarm_watch
from clary.services.sagemaker.endpoint import create_endpoint, describe_endpoint
from clary.services.sagemaker.endpoint_config import create_endpoint_config
from clary.services.sagemaker.model import create_model
from clary.store.metrics import Datum
from clary.wire.operation import name_of, operations_of
from tests.services.sagemaker.conftest import ACCOUNT, REGION, desk, model, variant

__all__ = ["desk"]

RESOURCE = "endpoint/endpoint/variant/AllTraffic"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/endpoint"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
DIMENSIONS = {"EndpointName": "endpoint", "VariantName": "AllTraffic"}
NOW = 1_700_000_040  # on a whole minute

MODULES = (activity, scalable_target, scaling_policy, scheduled_action, tags)


class Scaler:
    """`scaler("PutScalingPolicy", PolicyName=...)`; the members that name the target are added."""

    def __init__(self, desk):
        self.desk, self.rooms, self.clock = desk, desk.rooms, desk.clock
        self._functions = {name_of(function): function for module in MODULES for _, function in operations_of(module)}

    def __call__(self, name, **request):
        call = replace(self.desk.call(name), service="application-autoscaling")
        named = name.endswith("TagsForResource") or name in ("TagResource", "UntagResource")
        whole = request if named else {**TARGET, **request}
        return self._functions[name](call, {member: value for member, value in whole.items() if value is not None})

    def register(self, low=1, high=4, **request):
        return self("RegisterScalableTarget", MinCapacity=low, MaxCapacity=high, **request)

    def track(self, name="policy", value=10.0, **configuration):
        predefined = {
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        }
        if "CustomizedMetricSpecification" in configuration:
            predefined = {}
        whole = {"TargetValue": value, **predefined, **configuration}
        request = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": whole}
        return self("PutScalingPolicy", PolicyName=name, **request)

    def alarms(self):
        call = replace(self.desk.call("DescribeAlarms"), service="cloudwatch")
        return {row["AlarmName"]: row for row in alarm.describe_alarms(call, {})["MetricAlarms"]}

    def put_alarm(self, **request):
        alarm.put_metric_alarm(replace(self.desk.call("PutMetricAlarm"), service="cloudwatch"), request)

    def minute(self, per_instance=None, name="InvocationsPerInstance", namespace="AWS/SageMaker"):
        """One minute of so many requests to each instance, then all that is done on the minute."""
        before = self.clock.now()
        if per_instance is not None:
            self.rooms.metrics.put(ACCOUNT, REGION, namespace, [Datum(name, DIMENSIONS, per_instance, before)])
        self.clock.move(60)
        beat(self.rooms)
        alarm_watch.look(self.rooms, before)
        self.rooms.background.finish()

    def fulfil(self):
        """The instances that were asked for are there."""
        self.desk.tell(ARN, EndpointStatus="InService")

    @property
    def asked(self):
        """The numbers of instances that were asked of the hosting room."""
        return [spec.variants[0].instance_count for spec in self.rooms.hosting.resized]

    def counts(self):
        [shown] = self.desk(describe_endpoint, EndpointName="endpoint")["ProductionVariants"]
        return shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]

    def activities(self):
        return self("DescribeScalingActivities")["ScalingActivities"]


@pytest.fixture
def scaler(desk, monkeypatch):
    """An endpoint in service, two seconds past a whole minute."""
    monkeypatch.setitem(alarm_actions.ACTORS, "autoscaling", application_autoscaling.act)
    desk.clock.time = NOW + 2
    desk(create_model, **model())
    desk(create_endpoint_config, EndpointConfigName="config", ProductionVariants=[variant()])
    desk(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    desk.tell(ARN, EndpointStatus="InService")
    return Scaler(desk)
