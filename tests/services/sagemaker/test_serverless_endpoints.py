"""Serverless variants: configurations, endpoints, and what is refused of them."""

import threading
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from clary.services.sagemaker.endpoint import create_endpoint, describe_endpoint, update_endpoint
from clary.services.sagemaker.endpoint_capacity import update_endpoint_weights_and_capacities
from clary.services.sagemaker.endpoint_config import create_endpoint_config, describe_endpoint_config
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model
from tests.services.sagemaker.conftest import model, variant
from tests.services.sagemaker_runtime.test_invoke_endpoint import IMAGE, ROLE, boosted, wait_for

ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/endpoint"
SIZES = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}


def serverless(**changes):
    row = {"VariantName": "AllTraffic", "ModelName": "model", "ServerlessConfig": SIZES, **changes}
    return {member: value for member, value in row.items() if value is not None}


@pytest.fixture
def ready(desk):
    desk(create_model, **model())
    desk(create_endpoint_config, EndpointConfigName="config", ProductionVariants=[serverless()])
    return desk


@pytest.fixture
def serving(ready):
    ready(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    ready.tell(ARN, EndpointStatus="InService")
    return ready


def shown(desk):
    [row] = desk(describe_endpoint, EndpointName="endpoint")["ProductionVariants"]
    return row


def change(desk, **row):
    rows = [{"VariantName": "AllTraffic", **row}]
    desk(update_endpoint_weights_and_capacities, EndpointName="endpoint", DesiredWeightsAndCapacities=rows)


def test_a_serverless_endpoint(serving):
    [kept] = serving(describe_endpoint_config, EndpointConfigName="config")["ProductionVariants"]
    assert kept == serverless(InitialVariantWeight=1.0)
    [spec] = serving.hosting.created[-1].variants
    limits = spec.serverless
    assert (limits.memory_bytes, limits.max_concurrency, limits.provisioned) == (2048 << 20, 5, 0)
    assert (spec.instance_count, spec.startup_seconds) == (0, 180)
    assert (shown(serving)["CurrentServerlessConfig"], "CurrentInstanceCount" in shown(serving)) == (SIZES, False)


def test_concurrency_is_changed_in_place(serving):
    change(serving, ServerlessUpdateConfig={"MaxConcurrency": 9, "ProvisionedConcurrency": 2})
    wanted = {**SIZES, "MaxConcurrency": 9, "ProvisionedConcurrency": 2}
    row = shown(serving)
    assert (row["CurrentServerlessConfig"], row["DesiredServerlessConfig"]) == (SIZES, wanted)
    [spec] = serving.hosting.resized[-1].variants
    assert (spec.instance_count, spec.serverless.max_concurrency, spec.serverless.provisioned) == (2, 9, 2)
    serving.tell(ARN, EndpointStatus="InService")
    assert shown(serving)["CurrentServerlessConfig"] == wanted
    with pytest.raises(ValidationException, match="must not be greater than MaxConcurrency"):
        change(serving, ServerlessUpdateConfig={"ProvisionedConcurrency": 10})
    with pytest.raises(ValidationException, match="is serverless: DesiredInstanceCount can't be set"):
        change(serving, DesiredInstanceCount=1)


def test_serverless_becomes_real_time_and_not_the_other_way_round(serving):
    serving(create_endpoint_config, EndpointConfigName="instances", ProductionVariants=[variant()])
    request = {"EndpointName": "endpoint", "RetainAllVariantProperties": True}
    serving(update_endpoint, EndpointConfigName="instances", **request)
    assert serving.hosting.updated[-1].variants[0].instance_count == 1
    serving.tell(ARN, EndpointStatus="InService")
    with pytest.raises(ValidationException, match="which has instances, to a serverless one"):
        serving(update_endpoint, EndpointConfigName="config", **request)
    with pytest.raises(ValidationException, match="is not serverless: ServerlessUpdateConfig can't be set"):
        change(serving, ServerlessUpdateConfig={"MaxConcurrency": 9})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"InstanceType": "ml.m5.large"}, "both ServerlessConfig and InstanceType"),
        ({"InitialInstanceCount": 1}, "both ServerlessConfig and InitialInstanceCount"),
        ({"AcceleratorType": "ml.eia2.medium"}, "both ServerlessConfig and AcceleratorType"),
        ({"ServerlessConfig": {**SIZES, "MemorySizeInMB": 1500}}, "MemorySizeInMB must be 1024, 2048"),
        ({"ServerlessConfig": {**SIZES, "ProvisionedConcurrency": 6}}, "must not be greater than MaxConcurrency"),
        ({"ModelName": "pipeline"}, "is an inference pipeline"),
        ({"ModelName": "isolated"}, "asks for network isolation"),
        ({"ModelName": "many"}, "is a multi-model container"),
    ],
)
def test_variants_that_are_refused(ready, changes, words):
    container = model()["PrimaryContainer"]
    ready(create_model, **{**model("pipeline", Containers=[container, container]), "PrimaryContainer": None})
    ready(create_model, **model("isolated", EnableNetworkIsolation=True))
    several = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://data/model/"}
    ready(create_model, **model("many", PrimaryContainer=several))
    with pytest.raises(ValidationException, match=words):
        ready(create_endpoint_config, EndpointConfigName="other", ProductionVariants=[serverless(**changes)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ProductionVariants": [serverless(), variant("two")]}, "one production variant and no other"),
        ({"ProductionVariants": [serverless(), serverless(VariantName="two")]}, "one production variant and no other"),
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation: a serverless endpoint can't have it"),
        ({"VpcConfig": {"SecurityGroupIds": ["sg"], "Subnets": ["subnet"]}}, "VpcConfig"),
        (
            {"DataCaptureConfig": {"InitialSamplingPercentage": 10, "DestinationS3Uri": "s3://out"}},
            "DataCaptureConfig",
        ),
        ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://out"}}}, "AsyncInferenceConfig"),
        ({"ShadowProductionVariants": [variant("shadow")]}, "one production variant and no other"),
    ],
)
def test_configurations_that_are_refused(ready, changes, words):
    request = {"EndpointConfigName": "other", "ProductionVariants": [serverless()], **changes}
    with pytest.raises(ValidationException, match=words):
        ready(create_endpoint_config, **request)


def test_over_the_wire(aws):
    name = f"serverless-{uuid.uuid4().hex[:8]}"
    s3, sagemaker, runtime = aws("s3"), aws("sagemaker"), aws("sagemaker-runtime")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=boosted(0))
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    row = {"VariantName": "one", "ModelName": name, "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[row])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    described = wait_for(sagemaker, name, "InService")
    assert described["ProductionVariants"][0]["CurrentServerlessConfig"] == row["ServerlessConfig"]
    codes = []

    def ask():
        try:
            answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body="0.5,0.5,0.5")
            codes.append(answer["ResponseMetadata"]["HTTPStatusCode"])
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert sorted(map(str, codes)) == ["200", "ThrottlingException", "ThrottlingException"]
    ask()
    assert codes[-1] == 200
    end = time.monotonic() + 20
    names = set()
    while "ModelSetupTime" not in names:
        assert time.monotonic() < end, names
        found = aws("cloudwatch").list_metrics(Dimensions=[{"Name": "EndpointName", "Value": name}])["Metrics"]
        names = {metric["MetricName"] for metric in found}
    sagemaker.delete_endpoint(EndpointName=name)
