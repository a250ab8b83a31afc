"""Multi-model containers, direct invocation, accelerators and routing: from the request to what the room is given."""

import pytest

from clary.services.sagemaker.endpoint import create_endpoint, describe_endpoint
from clary.services.sagemaker.endpoint_config import create_endpoint_config, describe_endpoint_config
from clary.services.sagemaker.endpoint_deployment import to_container
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model, describe_model
from clary.services.sagemaker.transform_job import create_transform_job
from tests.services.sagemaker.conftest import KMEANS, model, variant

KNN = KMEANS.replace("kmeans", "knn")
PREFIX = "s3://data/many/"


def many(**changes):
    return {"Image": KNN, "Mode": "MultiModel", "ModelDataUrl": PREFIX, **changes}


def single(hostname="", **changes):
    return {
        "Image": KMEANS,
        "ModelDataUrl": "s3://data/model/model.tar.gz",
        **({"ContainerHostname": hostname} if hostname else {}),
        **changes,
    }


def create(desk, *containers, name="model", **changes):
    request = {**model(name), "Containers": list(containers), **changes}
    del request["PrimaryContainer"]
    desk(create_model, **request)


def refused(function, *arguments, **request):
    with pytest.raises(ValidationException) as error:
        function(*arguments, **request)
    return error.value.message


def deploy(desk, **changes):
    """The variant as the hosting room got it."""
    desk(create_endpoint_config, EndpointConfigName="config", ProductionVariants=[variant(**changes)])
    desk(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    return desk.hosting.created[-1].variants[0]


def test_a_multi_model_container_needs_no_object_yet(desk):
    desk(create_model, **model(PrimaryContainer=many()))
    assert desk(describe_model, ModelName="model")["PrimaryContainer"] == many()
    [container] = deploy(desk).containers
    assert (container.multi_model, container.cache_models, container.model_uri) == (True, True, PREFIX)


def test_models_need_not_be_cached(desk):
    desk(create_model, **model(PrimaryContainer=many(MultiModelConfig={"ModelCacheSetting": "Disabled"})))
    assert deploy(desk).containers[0].cache_models is False


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (many(Image=KMEANS), "does not contain required com.amazonaws.sagemaker.capabilities.multi-models=true Docker"),
        (many(ModelDataUrl="s3://none/many/"), "PrimaryContainer.ModelDataUrl: the bucket 'none' does not exist"),
        (many(ModelDataUrl="many/"), "PrimaryContainer.ModelDataUrl: 'many/' is not an S3 URI"),
        (many(ModelDataUrl=""), "PrimaryContainer.ModelDataUrl is required"),
        (
            many(
                ModelDataUrl="",
                ModelDataSource={
                    "S3DataSource": {"S3Uri": PREFIX, "S3DataType": "S3Prefix", "CompressionType": "None"}
                },
            ),
            "PrimaryContainer.ModelDataSource asks for",
        ),
        (single(MultiModelConfig={"ModelCacheSetting": "Enabled"}), "MultiModelConfig is for a container whose Mode"),
    ],
)
def test_a_container_that_can_not_serve_many_models(desk, container, words):
    assert words in refused(desk, create_model, **model(PrimaryContainer=container))


def test_one_of_a_pipelines_containers_may_serve_many_models(desk):
    create(desk, single(), many())
    assert [container.multi_model for container in deploy(desk).containers] == [False, True]
    assert "at most one container" in refused(create, desk, many(), many(), name="other")


def test_direct_invocation(desk):
    create(desk, single("first"), single("second"), InferenceExecutionConfig={"Mode": "Direct"})
    described = desk(describe_model, ModelName="model")
    assert described["InferenceExecutionConfig"] == {"Mode": "Direct"}
    spec = deploy(desk)
    assert spec.direct and [container.hostname for container in spec.containers] == ["first", "second"]


def test_direct_invocation_needs_hostnames(desk):
    direct = {"InferenceExecutionConfig": {"Mode": "Direct"}}
    assert "Containers[1].ContainerHostname is required" in refused(create, desk, single("first"), single(), **direct)
    assert "is for a model with Containers" in refused(desk, create_model, **model(**direct))


def test_fifteen_containers_are_the_most(desk):
    create(desk, *[single(f"c{number}") for number in range(15)])
    assert len(deploy(desk).containers) == 15
    assert "at most 15 containers; this would make 16" in refused(create, desk, *[single()] * 16, name="other")


def test_batch_transforms_take_neither(desk):
    desk(create_model, **model("many", PrimaryContainer=many()))
    create(desk, single("one"), name="direct", InferenceExecutionConfig={"Mode": "Direct"})
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/model/"}}
    for name in ("many", "direct"):
        message = refused(
            desk,
            create_transform_job,
            TransformJobName="job",
            ModelName=name,
            TransformInput={"DataSource": source},
            TransformOutput={"S3OutputPath": "s3://data/out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
        assert message.endswith("it is for endpoints only.")


def test_an_accelerator(desk):
    desk(create_model, **model())
    assert deploy(desk, AcceleratorType="ml.eia2.large").accelerator_type == "ml.eia2.large"
    [shown] = desk(describe_endpoint_config, EndpointConfigName="config")["ProductionVariants"]
    assert shown["AcceleratorType"] == "ml.eia2.large"
    [pending] = desk(describe_endpoint, EndpointName="endpoint")["PendingDeploymentSummary"]["ProductionVariants"]
    assert pending["AcceleratorType"] == "ml.eia2.large"
    desk(create_model, **model("many", PrimaryContainer=many()))
    variants = [variant(model="many", AcceleratorType="ml.eia1.medium")]
    message = refused(desk, create_endpoint_config, EndpointConfigName="other", ProductionVariants=variants)
    assert "Elastic Inference is not for multi-model containers" in message


@pytest.mark.parametrize("strategy", ["RANDOM", "LEAST_OUTSTANDING_REQUESTS"])
def test_a_routing_strategy(desk, strategy):
    desk(create_model, **model())
    assert deploy(desk, RoutingConfig={"RoutingStrategy": strategy}).routing == strategy


def test_a_record_of_an_earlier_version_is_read():
    old = {"Algorithm": "knn", "ModelData": "s3://data/m", "Compressed": True, "Environment": {}, "Hostname": ""}
    assert to_container(old).multi_model is False and to_container(old).cache_models is True
