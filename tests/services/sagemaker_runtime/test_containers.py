"""Endpoints of several containers through boto3: many models in one, a pipeline, direct invocation, streams."""

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.services.sagemaker_runtime.test_invoke_endpoint import IMAGE, _refusal, boosted

FIRST_PARTY = "382416733822.dkr.ecr.us-east-1.amazonaws.com/{}:1"
Deploy = Callable[..., str]


@pytest.fixture(scope="module")
def many(aws: Callable[..., Any], bucket: str, deploy: Deploy) -> str:
    """A multi-model endpoint of XGBoost; `level-N` predicts about N more than the first column."""
    for level in (0, 10):
        aws("s3").put_object(Bucket=bucket, Key=f"many/level-{level}.tar.gz", Body=boosted(level))
    return deploy([{"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": f"s3://{bucket}/many/"}])


@pytest.fixture(scope="module")
def parts(aws: Callable[..., Any], bucket: str, fitted: Callable[..., bytes]) -> list[dict[str, Any]]:
    """PCA to two components, and K-Means with one centre in these, as containers with hostnames."""
    rng = np.random.default_rng(3)
    points = (rng.normal(size=(200, 2)) @ rng.normal(size=(2, 4))).astype(np.float32)
    models = {
        "pca": fitted("pca", points, feature_dim=4, num_components=2, mini_batch_size=100),
        "kmeans": fitted("kmeans", points[:, :2], feature_dim=2, k=1, mini_batch_size=200),
    }
    containers = []
    for name, model in models.items():
        aws("s3").put_object(Bucket=bucket, Key=f"{name}.tar.gz", Body=model)
        containers.append(
            {
                "Image": FIRST_PARTY.format(name),
                "ModelDataUrl": f"s3://{bucket}/{name}.tar.gz",
                "ContainerHostname": name,
                "Environment": {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"},
            }
        )
    del containers[1]["Environment"]
    return containers


@pytest.fixture
def runtime(aws: Callable[..., Any]) -> Any:
    return aws("sagemaker-runtime")


def ask(runtime: Any, name: str, body: bytes = b"0.5,0.1,0.2", accept: str = "text/csv", **members: Any) -> str:
    answer = runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="text/csv", Accept=accept, **members)
    return str(answer["Body"].read().decode())


def test_models_of_one_endpoint(aws: Callable[..., Any], runtime: Any, many: str, bucket: str) -> None:
    assert abs(float(ask(runtime, many, TargetModel="level-0.tar.gz")) - 0.5) < 0.2
    assert abs(float(ask(runtime, many, TargetModel="level-10.tar.gz")) - 10.5) < 0.2
    aws("s3").put_object(Bucket=bucket, Key="many/a/level-20.tar.gz", Body=boosted(20))
    assert abs(float(ask(runtime, many, TargetModel="a/level-20.tar.gz")) - 20.5) < 0.2


def test_the_wrong_model(runtime: Any, many: str, bucket: str) -> None:
    row = {"EndpointName": many, "Body": b"1,2,3", "ContentType": "text/csv"}
    assert _refusal(lambda: runtime.invoke_endpoint(**row, TargetModel="none.tar.gz")) == (
        "ValidationError",
        f"Failed to download model data(bucket: {bucket}, key: many/none.tar.gz). Please ensure that there is an "
        "object located at the URL and that the role passed to CreateModel has permissions to download the model.",
    )
    code, message = _refusal(lambda: runtime.invoke_endpoint(**row))
    assert code == "ValidationError" and message.endswith(
        "is a multi-model endpoint and requires a target model header."
    )
    with pytest.raises(runtime.exceptions.ModelError, match="client error"):
        runtime.invoke_endpoint(**{**row, "Body": b"a,b"}, TargetModel="level-0.tar.gz")


def test_the_metrics_of_many_models(aws: Callable[..., Any], runtime: Any, many: str) -> None:
    for _ in range(3):
        ask(runtime, many, TargetModel="level-0.tar.gz")
    end = time.monotonic() + 20
    dimensions = [{"Name": "EndpointName", "Value": many}, {"Name": "VariantName", "Value": "AllTraffic"}]
    wanted = {"ModelCacheHit", "ModelLoadingWaitTime", "ModelDownloadingTime", "ModelLoadingTime"}
    while not wanted <= {
        metric["MetricName"]
        for metric in aws("cloudwatch").list_metrics(Namespace="AWS/SageMaker", Dimensions=dimensions)["Metrics"]
    }:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_pipeline_and_its_parts(
    aws: Callable[..., Any], runtime: Any, deploy: Deploy, parts: list[Any], many: str
) -> None:
    """PCA's components go to K-Means as CSV; through direct invocation each is seen by itself."""
    row = b"1,2,3,4"
    serial = deploy(parts)
    direct = deploy(parts, InferenceExecutionConfig={"Mode": "Direct"})
    [found] = json.loads(ask(runtime, serial, row, "application/json"))["predictions"]
    components = json.loads(
        ask(runtime, direct, row, "application/json", TargetContainerHostname="pca"),
    )["projections"][0]["projection"]
    second = ",".join(map(str, components)).encode()
    [alone] = json.loads(ask(runtime, direct, second, "application/json", TargetContainerHostname="kmeans"))[
        "predictions"
    ]
    assert found["distance_to_cluster"] == pytest.approx(alone["distance_to_cluster"], rel=1e-5)
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        ask(runtime, serial, b"1,2")
    assert "from pca with message" in caught.value.response["Error"]["Message"]
    _check_targets(runtime, serial, direct)


def _check_targets(runtime: Any, serial: str, direct: str) -> None:
    """AWS's three validation errors of a container's hostname."""
    row = {"Body": b"1,2,3,4", "ContentType": "text/csv"}
    for name, members, words in (
        (direct, {}, "requires a TargetContainerHostname"),
        (direct, {"TargetContainerHostname": "none"}, "has no container with the hostname none"),
        (serial, {"TargetContainerHostname": "pca"}, "is not configured for direct invocation"),
        (serial, {"TargetModel": "a.tar.gz"}, "is not a multi-model endpoint and does not support target model header"),
    ):
        code, message = _refusal(lambda: runtime.invoke_endpoint(EndpointName=name, **row, **members))  # noqa: B023
        assert code == "ValidationError" and words in message


@pytest.fixture(scope="module")
def one(aws: Callable[..., Any], bucket: str, deploy: Deploy) -> str:
    """XGBoost with an elastic accelerator."""
    aws("s3").put_object(Bucket=bucket, Key="one.tar.gz", Body=boosted(0))
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/one.tar.gz"}
    return deploy([container], {"AcceleratorType": "ml.eia2.medium", "RoutingConfig": {"RoutingStrategy": "RANDOM"}})


def test_an_accelerator_is_explained_in_the_log(aws: Callable[..., Any], one: str) -> None:
    end, lines = time.monotonic() + 20, [""]
    while not any("ml.eia2.medium: no elastic accelerator" in line for line in lines):
        assert time.monotonic() < end, lines
        events = aws("logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{one}")["events"]
        lines = [event["message"] for event in events]
        time.sleep(0.05)


def test_a_streamed_answer(runtime: Any, one: str) -> None:
    rows = b"0.5,0.1,0.2\n" * 200_000
    answer = runtime.invoke_endpoint_with_response_stream(
        EndpointName=one, Body=rows, ContentType="text/csv", Accept="text/csv"
    )
    assert answer["ContentType"].startswith("text/csv") and answer["InvokedProductionVariant"] == "AllTraffic"
    pieces = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert len(pieces) > 1
    assert b"".join(pieces).decode() == ask(runtime, one, rows)


def test_a_stream_that_does_not_begin(runtime: Any, one: str, many: str) -> None:
    def stream(name: str) -> tuple[str, str]:
        call = runtime.invoke_endpoint_with_response_stream
        return _refusal(lambda: call(EndpointName=name, Body=b"a,b", ContentType="text/csv"))

    assert stream(one)[0] == "ModelError"
    assert stream(many)[1].endswith("requires a target model header.")  # which the operation does not have
    assert stream("none") == ("ValidationError", "Endpoint none of account 000000000000 not found.")
