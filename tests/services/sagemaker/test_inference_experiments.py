import pytest

from clary.errors import ServiceError
from clary.services.sagemaker import recover
from clary.services.sagemaker.endpoint import create_endpoint, describe_endpoint
from clary.services.sagemaker.endpoint_config import create_endpoint_config
from clary.services.sagemaker.inference_experiment import (
    create_inference_experiment,
    delete_inference_experiment,
    describe_inference_experiment,
    list_inference_experiments,
    start_inference_experiment,
    stop_inference_experiment,
    update_inference_experiment,
)
from clary.services.sagemaker.model import create_model
from tests.services.sagemaker.conftest import ROLE, model, variant

ENDPOINT = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/endpoint"
ARN = "arn:aws:sagemaker:us-east-1:000000000000:inference-experiment/trial"
DAY = 24 * 3600


@pytest.fixture
def serving(desk):
    """An endpoint in service."""
    desk(create_model, **model())
    desk(create_endpoint_config, EndpointConfigName="config", ProductionVariants=[variant("production")])
    desk(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    desk.tell(ENDPOINT, EndpointStatus="InService")
    return desk


def member(name, count=1):
    place = {"InstanceType": "ml.m5.large", "InstanceCount": count}
    infrastructure = {"InfrastructureType": "RealTimeInference", "RealTimeInferenceConfig": place}
    return {"VariantName": name, "ModelName": "model", "InfrastructureConfig": infrastructure}


def mode(percentage=50, shadow="shadow"):
    shadows = [{"ShadowModelVariantName": shadow, "SamplingPercentage": percentage}]
    return {"SourceModelVariantName": "production", "ShadowModelVariants": shadows}


def create(desk, **changes):
    request = {
        "Name": "trial",
        "Type": "ShadowMode",
        "RoleArn": ROLE,
        "EndpointName": "endpoint",
        "ModelVariants": [member("production"), member("shadow")],
        "ShadowModeConfig": mode(),
        **changes,
    }
    answer = desk(create_inference_experiment, **request)
    desk.rooms.background.finish()
    return answer


def describe(desk):
    return desk(describe_inference_experiment, Name="trial")


def settle(desk, **change):
    desk.tell(ENDPOINT, EndpointStatus="InService", **change)
    desk.rooms.background.finish()


def stop(desk, **request):
    desk(stop_inference_experiment, Name="trial", **request)
    desk.rooms.background.finish()


def variants(desk):
    return [(row.name, row.weight, row.shadow) for row in desk.hosting.updated[-1].variants]


def test_an_experiment_from_beginning_to_end(serving):
    assert create(serving) == {"InferenceExperimentArn": ARN}
    assert variants(serving) == [("production", 1.0, False), ("shadow", 0.5, True)]
    assert describe(serving)["Status"] == "Starting"
    settle(serving)
    described = describe(serving)
    assert (described["Status"], described["EndpointMetadata"]["EndpointStatus"]) == ("Running", "InService")
    assert [row["Status"] for row in described["ModelVariants"]] == ["InService", "InService"]
    assert described["Schedule"]["EndTime"] - described["Schedule"]["StartTime"] == 7 * DAY
    assert [row["Name"] for row in serving(list_inference_experiments, StatusEquals="Running")["InferenceExperiments"]]

    serving.clock.move(7 * DAY)
    recover(serving.rooms)
    serving.rooms.background.finish()
    assert describe(serving)["Status"] == "Stopping"
    settle(serving)
    described = describe(serving)
    assert (described["Status"], described["CompletionTime"]) == ("Completed", serving.clock.now())
    assert serving(describe_endpoint, EndpointName="endpoint")["EndpointConfigName"] == "config"
    assert [row["Status"] for row in described["ModelVariants"]] == ["InService", "Deleted"]
    serving(delete_inference_experiment, Name="trial")
    with pytest.raises(ServiceError, match="Could not find inference experiment trial"):
        describe(serving)


def test_the_shadow_can_be_promoted(serving):
    create(serving)
    settle(serving)
    stop(
        serving,
        ModelVariantActions={"production": "Remove", "shadow": "Promote"},
        DesiredModelVariants=[member("shadow", 3)],
        DesiredState="Completed",
        Reason="It is better.",
    )
    [only] = serving.hosting.updated[-1].variants
    assert (only.name, only.shadow, only.instance_count) == ("shadow", False, 3)
    settle(serving)
    described = describe(serving)
    assert (described["Status"], described["StatusReason"]) == ("Completed", "It is better.")


def test_one_that_is_stopped_is_cancelled_and_the_endpoint_as_it_was(serving):
    create(serving)
    settle(serving)
    stop(serving, ModelVariantActions={"shadow": "Remove"})
    settle(serving)
    assert describe(serving)["Status"] == "Cancelled"
    assert serving(describe_endpoint, EndpointName="endpoint")["EndpointConfigName"] == "config"


def test_an_endpoint_of_its_own(desk):
    desk(create_model, **model())
    create(desk)
    assert [row.name for row in desk.hosting.created[-1].variants] == ["production", "shadow"]
    settle(desk)
    assert describe(desk)["Status"] == "Running"
    stop(desk, ModelVariantActions={"production": "Retain", "shadow": "Remove"})
    assert variants(desk) == [("production", 1.0, False)]
    settle(desk)
    assert describe(desk)["Status"] == "Cancelled"


def test_one_that_waits_for_its_time(serving):
    now = serving.clock.now()
    create(serving, Schedule={"StartTime": now + DAY, "EndTime": now + 2 * DAY})
    assert (describe(serving)["Status"], serving.hosting.updated) == ("Created", [])
    assert list(serving.rooms.background.later.values()) == [DAY]
    serving(update_inference_experiment, Name="trial", ShadowModeConfig=mode(100), Description="More")
    serving(start_inference_experiment, Name="trial")
    serving.rooms.background.finish()
    assert variants(serving)[1] == ("shadow", 1.0, True)
    assert describe(serving)["Description"] == "More"


def test_what_can_be_changed_while_it_runs(serving):
    create(serving)
    settle(serving)
    serving(update_inference_experiment, Name="trial", ShadowModeConfig=mode(20))
    assert serving.hosting.weights == {ENDPOINT: {"shadow": 0.2}}
    with pytest.raises(ServiceError, match="ModelVariants of an experiment that is Running can't be changed"):
        serving(update_inference_experiment, Name="trial", ModelVariants=[member("production"), member("shadow", 2)])
    with pytest.raises(ServiceError, match="is Running, and must be Created"):
        serving(start_inference_experiment, Name="trial")
    with pytest.raises(ServiceError, match="is Running, and must be Created or Completed or Cancelled"):
        serving(delete_inference_experiment, Name="trial")


def test_an_endpoint_that_cannot_take_it_cancels_it(serving):
    create(serving)
    settle(serving, FailureReason="No model.", UpdateFailed=True)
    described = describe(serving)
    assert (described["Status"], described["StatusReason"]) == ("Cancelled", "No model.")


def test_after_a_restart_nothing_is_asked_twice(serving):
    create(serving)
    updates = len(serving.hosting.updated)
    serving.rooms.hosting.updated.clear()
    recover(serving.rooms)  # hosting goes on with the update by itself
    serving.rooms.background.finish()
    assert (updates, len(serving.hosting.updated)) == (1, 1)
    serving.tell(ENDPOINT, EndpointStatus="InService")  # the old is back
    settle(serving)
    assert describe(serving)["Status"] == "Running"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ShadowModeConfig": mode(shadow="other")}, "must be the two of ShadowModeConfig"),
        ({"ModelVariants": [member("production"), member("shadow", 0)]}, "InstanceCount of shadow must be at least 1"),
        ({"Schedule": {"EndTime": 0.0}}, "EndTime must be after StartTime"),
        ({"KmsKey": "key"}, "KmsKey asks for"),
    ],
)
def test_what_makes_no_sense(serving, changes, message):
    with pytest.raises(ServiceError, match=message):
        create(serving, **changes)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"nobody": "Remove"}, "has no variant nobody"),
        ({"production": "Retain", "shadow": "Promote"}, "asked for are Retain and Promote"),
    ],
)
def test_stops_that_make_no_sense(serving, actions, message):
    create(serving)
    settle(serving)
    with pytest.raises(ServiceError, match=message):
        stop(serving, ModelVariantActions=actions)
