"""InvokeEndpoint through boto3, with XGBoost behind it."""

import io
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xgboost
from botocore.exceptions import ClientError

from tests.main_job import wait_until

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
LIMIT = 6_291_456


def boosted(level: float) -> bytes:
    """A model.tar.gz of XGBoost's that predicts the first column plus a level."""
    rows = np.random.default_rng(7).random((200, 3), dtype=np.float32)
    booster = xgboost.train({"max_depth": 3, "nthread": 1}, xgboost.DMatrix(rows, label=rows[:, 0] + level), 10)
    model = bytes(booster.save_raw("ubj"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(model)
        tar.addfile(member, io.BytesIO(model))
    return buffer.getvalue()


def wait_for(client: Any, name: str, status: str, seconds: float = 60) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while (found := client.describe_endpoint(EndpointName=name))["EndpointStatus"] != status:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def name(aws: Callable[..., Any]) -> Iterator[str]:
    """An endpoint of two variants: `low` predicts about 0, `high` about 10."""
    name = f"Runtime-{uuid.uuid4().hex[:8]}"
    s3, sagemaker = aws("s3"), aws("sagemaker")
    s3.create_bucket(Bucket=name.lower())
    variants = []
    for variant, level in (("low", 0), ("high", 10)):
        s3.put_object(Bucket=name.lower(), Key=f"{variant}.tar.gz", Body=boosted(level))
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{name.lower()}/{variant}.tar.gz"}
        sagemaker.create_model(ModelName=f"{name}-{variant}", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variants.append(
            {
                "VariantName": variant,
                "ModelName": f"{name}-{variant}",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": float(variant == "low"),
            }
        )
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_for(sagemaker, name, "InService")
    yield name
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture
def runtime(aws: Callable[..., Any]) -> Any:
    return aws("sagemaker-runtime")


def test_an_answer(runtime: Any, name: str) -> None:
    answer = runtime.invoke_endpoint(EndpointName=name, Body=b"0.5,0.1,0.2", ContentType="text/csv", Accept="text/csv")
    assert abs(float(answer["Body"].read()) - 0.5) < 0.2
    assert answer["ContentType"].startswith("text/csv")
    assert answer["InvokedProductionVariant"] == "low"


def test_the_name_in_another_case(runtime: Any, name: str) -> None:
    answer = runtime.invoke_endpoint(EndpointName=name.lower(), Body=b"0.5,0.1,0.2", ContentType="text/csv")
    assert answer["InvokedProductionVariant"] == "low"


def test_a_target_variant(runtime: Any, name: str) -> None:
    row = {"EndpointName": name, "Body": b"0.5,0.1,0.2", "ContentType": "text/csv"}
    answer = runtime.invoke_endpoint(**row, TargetVariant="high")
    assert abs(float(answer["Body"].read()) - 10.5) < 0.2
    assert answer["InvokedProductionVariant"] == "high"
    assert _refusal(lambda: runtime.invoke_endpoint(**row, TargetVariant="none")) == (
        "ValidationError",
        f"Variant none not found for endpoint {name}.",
    )


def test_weights_and_capacities(aws: Callable[..., Any], runtime: Any, name: str) -> None:
    sagemaker = aws("sagemaker")

    def set_weights(low: float, high: float) -> None:
        rows = [{"VariantName": "low", "DesiredWeight": low}, {"VariantName": "high", "DesiredWeight": high}]
        sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=rows)
        wait_for(sagemaker, name, "InService")

    set_weights(0, 1)
    answer = runtime.invoke_endpoint(EndpointName=name, Body=b"0.5,0.1,0.2", ContentType="text/csv")
    assert answer["InvokedProductionVariant"] == "high"
    set_weights(1, 0)


def test_a_model_error(runtime: Any, name: str) -> None:
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName=name, Body=b"a,b,c", ContentType="text/csv")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert 400 <= response["OriginalStatusCode"] < 500
    group = f"/aws/sagemaker/Endpoints/{name}"
    assert response["LogStreamArn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    assert response["Error"]["Message"] == (
        f"Received client error ({response['OriginalStatusCode']}) from primary with message "
        f'"{response["OriginalMessage"]}". See https://us-east-1.console.aws.amazon.com/cloudwatch/home'
        f"?region=us-east-1#logEventViewer:group={group} in account 000000000000 for more information."
    )


def test_an_unknown_endpoint(runtime: Any) -> None:
    assert _refusal(lambda: runtime.invoke_endpoint(EndpointName="none", Body=b"1")) == (
        "ValidationError",
        "Endpoint none of account 000000000000 not found.",
    )


@pytest.mark.parametrize(
    "member",
    [
        {"InferenceComponentName": "part"},
        {"EnableExplanations": "`true`"},
        {"SessionId": "NEW_SESSION"},
    ],
    ids=lambda member: next(iter(member)),
)
def test_what_is_not_done_is_refused_by_name(runtime: Any, name: str, member: dict[str, str]) -> None:
    code, message = _refusal(lambda: runtime.invoke_endpoint(EndpointName=name, Body=b"1,2,3", **member))
    assert code == "ValidationError"
    assert message.startswith(next(iter(member)))


def test_the_body_limit(runtime: Any, name: str) -> None:
    row = b"0.5,0.1,0.2\n"
    body = row * (LIMIT // len(row))
    answer = runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="text/csv", Accept="text/csv")
    assert len(answer["Body"].read().replace(b",", b"\n").split()) == LIMIT // len(row)
    code, message = _refusal(lambda: runtime.invoke_endpoint(EndpointName=name, Body=b"x" * (LIMIT + 1)))
    assert str(LIMIT) in message, code


def test_an_archive_that_reaches_outside_fails_the_endpoint(aws: Callable[..., Any]) -> None:
    name = f"poison-{uuid.uuid4().hex[:8]}"
    s3, sagemaker = aws("s3"), aws("sagemaker")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../outside"))
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=buffer.getvalue())
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert "'../../outside'" in wait_for(sagemaker, name, "Failed")["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=name)


def test_the_workers_output_is_in_the_log(aws: Callable[..., Any], name: str) -> None:
    def variants() -> set[str]:
        streams = aws("logs").describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["logStreams"]
        return {stream["logStreamName"].split("/")[0] for stream in streams}

    wait_until(lambda: variants() == {"low", "high"}, "a variant has no log")


def _refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
