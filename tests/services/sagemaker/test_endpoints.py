import pytest

from clary.services.sagemaker.endpoint import (
    create_endpoint,
    delete_endpoint,
    describe_endpoint,
    list_endpoints,
    update_endpoint,
)
from clary.services.sagemaker.endpoint_capacity import update_endpoint_weights_and_capacities
from clary.services.sagemaker.endpoint_config import (
    create_endpoint_config,
    delete_endpoint_config,
    describe_endpoint_config,
    list_endpoint_configs,
)
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model, delete_model
from tests.services.sagemaker.conftest import KMEANS, model, variant

ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/endpoint"
CONFIG_ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/config"


@pytest.fixture
def ready(desk):
    """A model, and a configuration with one variant of it."""
    desk(create_model, **model())
    desk(create_endpoint_config, EndpointConfigName="config", ProductionVariants=[variant()])
    return desk


@pytest.fixture
def serving(ready):
    """An endpoint in service."""
    ready(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    ready.clock.move(5)
    ready.tell(ARN, EndpointStatus="InService")
    return ready


def describe(desk):
    return desk(describe_endpoint, EndpointName="endpoint")


def refused(desk, function, **request):
    with pytest.raises(ValidationException) as error:
        desk(function, **request)
    return error.value.message


def refused_config(desk, variant_changes=None, **changes):
    variants = [variant(**(variant_changes or {}))]
    request = {"EndpointConfigName": "other", "ProductionVariants": variants, **changes}
    return refused(desk, create_endpoint_config, **request)


def test_a_configuration(ready):
    described = ready(describe_endpoint_config, EndpointConfigName="config")
    assert described["EndpointConfigArn"] == CONFIG_ARN
    assert described["ProductionVariants"] == [variant(InitialInstanceCount=1, InitialVariantWeight=1.0)]
    assert [row["EndpointConfigName"] for row in ready(list_endpoint_configs)["EndpointConfigs"]] == ["config"]
    taken = refused(ready, create_endpoint_config, EndpointConfigName="config", ProductionVariants=[variant()])
    assert taken == f'Cannot create already existing endpoint configuration "{CONFIG_ARN}".'
    ready(delete_endpoint_config, EndpointConfigName="config")
    for function in (describe_endpoint_config, delete_endpoint_config):
        message = refused(ready, function, EndpointConfigName="config")
        assert message == f'Could not find endpoint configuration "{CONFIG_ARN}".'


def test_a_configuration_must_make_sense(ready):
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model/nobody"
    assert refused_config(ready, {"model": "nobody"}) == f'Could not find model "{arn}".'
    assert "is given more than once" in refused_config(ready, ProductionVariants=[variant(), variant()])
    assert "has no ModelName" in refused_config(ready, {"model": None})
    assert "has no InstanceType" in refused_config(ready, {"InstanceType": None})


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("CoreDumpConfig", {"DestinationS3Uri": "s3://out"}),
        ("EnableSSMAccess", True),
        ("RoutingConfig.RoutingStrategy", "PREFIX_AWARE"),
        ("ManagedInstanceScaling.Status", "ENABLED"),
    ],
)
def test_what_is_not_done_of_a_variant_is_refused_by_name(ready, member, value):
    first, _, second = member.partition(".")
    message = refused_config(ready, {first: {second: value} if second else value})
    assert message.startswith(f"ProductionVariants[0].{member} asks for ")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("KmsKeyId", "key"),
        ("ExplainerConfig", {"ClarifyExplainerConfig": {"EnableExplanations": "true"}}),
        ("VpcConfig", {"SecurityGroupIds": ["sg"], "Subnets": ["subnet"]}),
    ],
)
def test_what_is_not_done_of_a_configuration_is_refused_by_name(ready, member, value):
    assert refused_config(ready, **{member.partition(".")[0]: value}).startswith(f"{member} asks for ")


def test_capture_that_is_off_is_accepted_and_echoed(ready):
    off = {"EnableCapture": False, "InitialSamplingPercentage": 10, "DestinationS3Uri": "s3://out"}
    request = {"EndpointConfigName": "other", "ProductionVariants": [variant()], "DataCaptureConfig": off}
    ready(create_endpoint_config, **request)
    assert ready(describe_endpoint_config, EndpointConfigName="other")["DataCaptureConfig"] == off


def test_an_endpoint_is_handed_to_hosting_whole(ready):
    timeouts = {"ContainerStartupHealthCheckTimeoutInSeconds": 60, "ModelDataDownloadTimeoutInSeconds": 90}
    variants = [
        variant("a", InitialInstanceCount=2, InitialVariantWeight=3.0, **timeouts),
        variant("b", InitialVariantWeight=1.0),
    ]
    ready(create_endpoint_config, EndpointConfigName="two", ProductionVariants=variants, EnableNetworkIsolation=True)
    assert ready(create_endpoint, EndpointName="endpoint", EndpointConfigName="two") == {"EndpointArn": ARN}

    [spec] = ready.hosting.created
    assert (spec.id, spec.name, spec.account, spec.region) == (ARN, "endpoint", "000000000000", "us-east-1")
    a, b = spec.variants
    assert (a.name, a.weight, a.instance_count, a.instance_type) == ("a", 3.0, 2, "ml.m5.large")
    assert (a.startup_seconds, a.download_seconds, a.network_isolation) == (60, 90, True)
    assert (b.name, b.weight, b.instance_count) == ("b", 1.0, 1)
    [container] = a.containers
    assert (container.algorithm, container.model_uri) == ("kmeans", "s3://data/model/model.tar.gz")
    assert container.compressed


def test_the_life_of_an_endpoint(ready):
    ready(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    creating = describe(ready)
    assert (creating["EndpointStatus"], creating["EndpointConfigName"]) == ("Creating", "config")
    assert "ProductionVariants" not in creating
    assert creating["PendingDeploymentSummary"]["EndpointConfigName"] == "config"

    ready.clock.move(5)
    for _ in range(2):
        ready.tell(ARN, EndpointStatus="InService")
        ready.clock.move(1)
    described = describe(ready)
    assert (described["EndpointStatus"], described["FailureReason"]) == ("InService", None)
    assert described["LastModifiedTime"] - described["CreationTime"] == 5
    assert "PendingDeploymentSummary" not in described
    [shown] = described["ProductionVariants"]
    assert (shown["VariantName"], shown["CurrentWeight"], shown["DesiredWeight"]) == ("AllTraffic", 1.0, 1.0)
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (1, 1)
    assert shown["DeployedImages"][0]["SpecifiedImage"] == KMEANS

    ready(delete_endpoint, EndpointName="endpoint")
    assert ready.hosting.deleted == [ARN]
    ready.tell(ARN, EndpointStatus="InService")  # too late to matter
    for function in (describe_endpoint, delete_endpoint):
        assert refused(ready, function, EndpointName="endpoint") == f'Could not find endpoint "{ARN}".'


def test_an_endpoint_that_cannot_start_says_why_and_can_only_be_deleted(ready):
    ready(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    ready.tell(ARN, EndpointStatus="Failed", FailureReason="The container did not pass the ping health check.")
    described = describe(ready)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"] == "The container did not pass the ping health check."
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    message = refused(ready, update_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    assert "can only be deleted" in message
    ready(delete_endpoint, EndpointName="endpoint")


def test_an_endpoint_in_progress_is_left_alone(ready):
    ready(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    sentence = f'Cannot update in-progress endpoint "{ARN}".'
    assert refused(ready, delete_endpoint, EndpointName="endpoint") == sentence
    assert refused(ready, update_endpoint, EndpointName="endpoint", EndpointConfigName="config") == sentence


def test_an_endpoint_needs_a_configuration_whose_models_exist(ready):
    message = refused(ready, create_endpoint, EndpointName="endpoint", EndpointConfigName="nothing")
    assert message.startswith("Could not find endpoint configuration")
    ready(delete_model, ModelName="model")
    message = refused(ready, create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    assert message.startswith("Could not find model")


def test_names_are_unique_without_regard_to_case(serving):
    message = refused(serving, create_endpoint, EndpointName="Endpoint", EndpointConfigName="config")
    assert message == f'Cannot create already existing endpoint "{ARN}".'


def test_an_update_swaps_when_the_new_workers_are_up(serving):
    more = variant("AllTraffic", InitialInstanceCount=2, InitialVariantWeight=5.0)
    serving(create_endpoint_config, EndpointConfigName="more", ProductionVariants=[more])
    serving(update_endpoint, EndpointName="endpoint", EndpointConfigName="more")
    assert serving.hosting.updated[-1].variants[0].instance_count == 2
    updating = describe(serving)
    assert (updating["EndpointStatus"], updating["EndpointConfigName"]) == ("Updating", "config")
    assert updating["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == "more"

    serving.tell(ARN, EndpointStatus="InService")
    updated = describe(serving)
    assert (updated["EndpointStatus"], updated["EndpointConfigName"]) == ("InService", "more")
    assert updated["ProductionVariants"][0]["CurrentWeight"] == 5.0


def test_an_update_that_fails_leaves_what_was(serving):
    serving(create_endpoint_config, EndpointConfigName="bad", ProductionVariants=[variant(InitialInstanceCount=2)])
    serving(update_endpoint, EndpointName="endpoint", EndpointConfigName="bad")
    serving.tell(ARN, EndpointStatus="InService", FailureReason="no model data", UpdateFailed=True)
    described = describe(serving)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "config")
    assert described["FailureReason"] == "no model data"
    assert "PendingDeploymentSummary" not in described
    serving(update_endpoint, EndpointName="endpoint", EndpointConfigName="bad")
    assert describe(serving)["FailureReason"] is None


def test_an_endpoint_whose_configuration_is_gone_cannot_be_updated(serving):
    serving(create_endpoint_config, EndpointConfigName="new", ProductionVariants=[variant()])
    serving(delete_endpoint_config, EndpointConfigName="config")
    message = refused(serving, update_endpoint, EndpointName="endpoint", EndpointConfigName="new")
    assert message == f'Could not find endpoint configuration "{CONFIG_ARN}".'


def test_an_update_can_keep_weights_and_numbers(serving):
    rows = [{"VariantName": "AllTraffic", "DesiredWeight": 7.0}]
    serving(update_endpoint_weights_and_capacities, EndpointName="endpoint", DesiredWeightsAndCapacities=rows)
    more = variant("AllTraffic", InitialInstanceCount=2, InitialVariantWeight=5.0)
    serving(create_endpoint_config, EndpointConfigName="more", ProductionVariants=[more])
    request = {
        "EndpointName": "endpoint",
        "EndpointConfigName": "more",
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
    }
    serving(update_endpoint, **request)
    [new] = serving.hosting.updated[-1].variants
    assert (new.weight, new.instance_count) == (7.0, 2)


def test_weights_and_numbers_change_in_place(serving):
    def change(**row):
        rows = [{"VariantName": "AllTraffic", **row}]
        serving(update_endpoint_weights_and_capacities, EndpointName="endpoint", DesiredWeightsAndCapacities=rows)

    change(DesiredWeight=0.5)
    assert serving.hosting.weights == {ARN: {"AllTraffic": 0.5}}
    described = describe(serving)
    assert (described["EndpointStatus"], described["ProductionVariants"][0]["CurrentWeight"]) == ("InService", 0.5)

    change(DesiredInstanceCount=3)
    assert serving.hosting.resized[-1].variants[0].instance_count == 3
    described = describe(serving)
    assert described["EndpointStatus"] == "Updating"
    [shown] = described["ProductionVariants"]
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (1, 3)
    serving.tell(ARN, EndpointStatus="InService")
    assert describe(serving)["ProductionVariants"][0]["CurrentInstanceCount"] == 3


def test_weights_name_each_variant_once(serving):
    def message(*names):
        rows = [{"VariantName": name, "DesiredWeight": 1.0} for name in names]
        request = {"EndpointName": "endpoint", "DesiredWeightsAndCapacities": rows}
        return refused(serving, update_endpoint_weights_and_capacities, **request)

    sentence = 'The variant name(s) "other" is/are not present within endpoint configuration "config".'
    assert message("AllTraffic", "other") == sentence
    twice = 'The variant name "AllTraffic" was non-unique within the request.'
    assert message("AllTraffic", "AllTraffic") == twice


def test_listing(serving):
    serving.clock.move(1)
    serving(create_endpoint, EndpointName="Second", EndpointConfigName="config")

    def names(**request):
        return [row["EndpointName"] for row in serving(list_endpoints, **request)["Endpoints"]]

    assert names() == ["Second", "endpoint"]
    assert names(StatusEquals="InService") == ["endpoint"]
    assert names(SortBy="Status", SortOrder="Ascending") == ["Second", "endpoint"]
    assert names(NameContains="SEC") == ["Second"]
    assert names(MaxResults=1) == ["Second"]
