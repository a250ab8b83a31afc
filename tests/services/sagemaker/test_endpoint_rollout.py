import pytest

from clary.hosting import PLAIN, Rollout, Step
from clary.services.cloudwatch.alarm import put_metric_alarm
from clary.services.sagemaker import recover
from clary.services.sagemaker.endpoint import create_endpoint, describe_endpoint, update_endpoint
from clary.services.sagemaker.endpoint_config import create_endpoint_config
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model
from tests.services.sagemaker.conftest import model, variant

ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/endpoint"


@pytest.fixture
def serving(desk):
    """An endpoint of one variant with four instances, and another configuration for it."""
    desk(create_model, **model())
    for name in ("config", "next"):
        desk(create_endpoint_config, EndpointConfigName=name, ProductionVariants=[variant(InitialInstanceCount=4)])
    desk(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    desk.tell(ARN, EndpointStatus="InService")
    return desk


def percent(value):
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value):
    return {"Type": "INSTANCE_COUNT", "Value": value}


def blue_green(kind="ALL_AT_ONCE", wait=0, policy=None, **routing):
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **routing}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **(policy or {})}}


def rolling(size, wait=0, **policy):
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait, **policy}}


def guarded(*alarms):
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}}


def update(desk, config=None, **members):
    if config is not None:
        members["DeploymentConfig"] = config
    desk(update_endpoint, EndpointName="endpoint", EndpointConfigName="next", **members)
    return desk.hosting.rollouts[-1]


def describe(desk):
    return desk(describe_endpoint, EndpointName="endpoint")


def tell(desk, share, status="Baking", endpoint="Updating", old=None, new=4, **change):
    counts = {"Old": old and {"AllTraffic": old}, "New": {"AllTraffic": new}}
    stage = {"Status": status, "Message": "Baking.", "Share": share, "Counts": counts}
    desk.tell(ARN, EndpointStatus=endpoint, Stage=stage, **change)


@pytest.mark.parametrize(
    ("config", "steps"),
    [
        (blue_green(), [(1.0, 0)]),
        (blue_green(wait=60, policy={"TerminationWaitInSeconds": 30}), [(1.0, 90)]),
        (blue_green("CANARY", 60, CanarySize=percent(30)), [(0.3, 60), (1.0, 0)]),
        (blue_green("CANARY", 60, CanarySize=instances(1)), [(0.25, 60), (1.0, 0)]),
        (
            blue_green("LINEAR", 9, {"TerminationWaitInSeconds": 30}, LinearStepSize=percent(40)),
            [(0.4, 9), (0.8, 9), (1.0, 30)],
        ),
        (blue_green("LINEAR", 9, LinearStepSize=instances(2)), [(0.5, 9), (1.0, 0)]),
        (rolling(instances(2), 60), [(0.5, 60), (1.0, 60)]),
    ],
)
def test_what_policies_mean(serving, config, steps):
    rollout = update(serving, config)
    assert [tuple(step) for step in rollout.steps] == steps
    assert rollout.rolling == ("RollingUpdatePolicy" in config)
    assert describe(serving)["LastDeploymentConfig"] == config


def test_limits_alarms_and_the_way_back(serving):
    serving(put_metric_alarm, **alarm("errors"))
    more = {"MaximumExecutionTimeoutInSeconds": 600, "RollbackMaximumBatchSize": percent(50)}
    rollout = update(serving, {**rolling(percent(50), **more), **guarded("errors")})
    assert (rollout.alarms, rollout.step_back) == (("errors",), 0.5)
    assert rollout.until == serving.clock.now() + 600
    assert update_after(serving, rolling(percent(50))).step_back == 1.0


def update_after(desk, config):
    desk.tell(ARN, EndpointStatus="InService")
    return update(desk, config)


def alarm(name):
    return {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**blue_green(), **rolling(percent(50))}, "only one of"),
        (blue_green("CANARY"), "of Type CANARY needs CanarySize"),
        (blue_green("LINEAR", CanarySize=percent(10)), "of Type LINEAR takes no CanarySize"),
        (blue_green(LinearStepSize=percent(10)), "of Type ALL_AT_ONCE takes no LinearStepSize"),
        (blue_green("CANARY", CanarySize=percent(51)), "CanarySize is 51 .* must be 1 to 50 percent"),
        (blue_green("CANARY", CanarySize=instances(3)), "CanarySize is 3 .* must be 1 to 50 percent"),
        (blue_green("LINEAR", LinearStepSize=percent(9)), "LinearStepSize is 9 .* must be 10 to 50 percent"),
        (rolling(percent(4)), "MaximumBatchSize is 4 .* must be 5 to 50 percent"),
        (rolling(percent(50), RollbackMaximumBatchSize=percent(101)), "RollbackMaximumBatchSize is 101 "),
        (rolling(percent(25), 200, MaximumExecutionTimeoutInSeconds=800), "must be more than the 800 seconds"),
        (guarded("nobody"), "the CloudWatch alarm 'nobody' does not exist"),
    ],
)
def test_policies_that_make_no_sense(serving, config, message):
    with pytest.raises(ValidationException, match=f"^DeploymentConfig.*{message}"):
        update(serving, config)
    assert describe(serving)["EndpointStatus"] == "InService"


def test_a_serverless_endpoint_takes_no_policy(serving):
    serverless = {"VariantName": "AllTraffic", "ModelName": "model"}
    serverless["ServerlessConfig"] = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    serving(create_endpoint_config, EndpointConfigName="serverless", ProductionVariants=[serverless])
    request = {"EndpointName": "second", "EndpointConfigName": "serverless", "DeploymentConfig": blue_green()}
    with pytest.raises(ValidationException, match="a serverless endpoint has no instances"):
        serving(create_endpoint, **request)


def test_the_last_policy_can_be_kept(serving):
    canary = blue_green("CANARY", 60, CanarySize=percent(30))
    update(serving, canary)
    serving.tell(ARN, EndpointStatus="InService")
    assert update(serving, RetainDeploymentConfig=True).steps[0] == Step(0.3, 60)
    serving.tell(ARN, EndpointStatus="InService")
    with pytest.raises(ValidationException, match="either DeploymentConfig or RetainDeploymentConfig"):
        update(serving, canary, RetainDeploymentConfig=True)
    assert update(serving) == PLAIN
    serving.tell(ARN, EndpointStatus="InService")
    assert update(serving, RetainDeploymentConfig=True) == PLAIN


def test_the_policy_of_a_creation_waits_for_an_update(serving):
    canary = blue_green("CANARY", 60, CanarySize=percent(30))
    serving(create_endpoint, EndpointName="second", EndpointConfigName="config", DeploymentConfig=canary)
    serving.tell(ARN.replace("/endpoint", "/second"), EndpointStatus="InService")
    serving(update_endpoint, EndpointName="second", EndpointConfigName="next", RetainDeploymentConfig=True)
    assert serving.hosting.rollouts[-1].steps[0] == Step(0.3, 60)


def test_how_an_update_is_described(serving):
    update(serving, blue_green("CANARY", 60, CanarySize=percent(25)))
    [pending] = describe(serving)["PendingDeploymentSummary"]["ProductionVariants"]
    assert [row["Status"] for row in pending["VariantStatus"]] == ["Creating"]
    assert (pending["CurrentWeight"], pending["CurrentInstanceCount"], pending["DesiredInstanceCount"]) == (0, 0, 4)

    serving.clock.move(5)
    tell(serving, 0.25)
    described = describe(serving)
    [old], [new] = described["ProductionVariants"], described["PendingDeploymentSummary"]["ProductionVariants"]
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", "config")
    assert (old["CurrentWeight"], old["DesiredWeight"], old["CurrentInstanceCount"]) == (0.75, 1.0, 4)
    assert (new["CurrentWeight"], new["CurrentInstanceCount"]) == (0.25, 4)
    assert new["VariantStatus"] == [{"Status": "Baking", "StatusMessage": "Baking.", "StartTime": serving.clock.now()}]

    serving.tell(ARN, EndpointStatus="InService")
    described = describe(serving)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "next")
    assert "PendingDeploymentSummary" not in described
    assert described["ProductionVariants"][0]["CurrentWeight"] == 1.0


def test_how_a_rollback_is_described(serving):
    update(serving, rolling(percent(50)))
    tell(serving, 0.5, old=2, new=2)
    assert describe(serving)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    tell(serving, 0.5, "Deleting", "RollingBack", FailureReason="An alarm.", old=2, new=2)
    described = describe(serving)
    assert (described["EndpointStatus"], described["FailureReason"]) == ("RollingBack", "An alarm.")
    serving.tell(ARN, EndpointStatus="InService", FailureReason="An alarm.", UpdateFailed=True)
    described = describe(serving)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "config")
    assert described["FailureReason"] == "An alarm."
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 4


def test_a_rollback_that_failed_shows_the_mix_until_an_update_mends_it(serving):
    update(serving, rolling(percent(50)))
    tell(serving, 0.5, "Deleting", "RollingBack", old=2, new=2)
    failure = {"EndpointStatus": "UpdateRollbackFailed", "FailureReason": "No model.", "UpdateFailed": True}
    serving.tell(ARN, **failure)
    described = describe(serving)
    assert described["EndpointStatus"] == "UpdateRollbackFailed"
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert described["PendingDeploymentSummary"]["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    update(serving)
    serving.tell(ARN, **failure)  # not mended yet
    assert describe(serving)["PendingDeploymentSummary"]["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    update(serving)
    serving.tell(ARN, EndpointStatus="InService")
    described = describe(serving)
    assert (described["EndpointConfigName"], described["FailureReason"]) == ("next", None)
    assert "PendingDeploymentSummary" not in described


def test_after_a_restart_an_update_begins_anew(serving):
    canary = blue_green("CANARY", 60, {"MaximumExecutionTimeoutInSeconds": 600}, CanarySize=percent(25))
    update(serving, canary)
    began = serving.clock.now()
    tell(serving, 0.25)
    serving.clock.move(100)
    recover(serving.rooms)
    assert serving.hosting.recovered[-1].variants[0].instance_count == 4
    expected = Rollout(steps=(Step(0.25, 60), Step(1.0, 0)), until=began + 600)
    assert serving.hosting.rollouts[-1] == expected  # its time is counted from its beginning
    assert describe(serving)["ProductionVariants"][0]["CurrentWeight"] == 1.0
    serving.tell(ARN, EndpointStatus="InService")  # the old one is back
    assert describe(serving)["EndpointStatus"] == "Updating"
    serving.tell(ARN, EndpointStatus="InService")
    assert describe(serving)["EndpointConfigName"] == "next"


def test_after_a_restart_a_rollback_is_over(serving):
    update(serving, rolling(percent(50)))
    tell(serving, 0.5, "Deleting", "RollingBack", FailureReason="An alarm.", old=2, new=2)
    updates = len(serving.hosting.updated)
    recover(serving.rooms)
    serving.tell(ARN, EndpointStatus="InService")
    described = describe(serving)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "config")
    assert described["FailureReason"] == "An alarm."
    assert len(serving.hosting.updated) == updates
    assert "PendingDeploymentSummary" not in described
