"""InvokeEndpointAsync through boto3, with XGBoost behind it."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from clary.services.sagemaker import async_requests
from tests.services.sagemaker_runtime.test_invoke_endpoint import IMAGE, ROLE, boosted, wait_for

ROW = b"0.5,0.1,0.2"


@pytest.fixture(scope="module")
def name(aws: Callable[..., Any]) -> Iterator[str]:
    """An asynchronous endpoint, and a bucket of the same name."""
    name = f"async-{uuid.uuid4().hex[:8]}"
    s3, sagemaker = aws("s3"), aws("sagemaker")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=boosted(0))
    s3.put_object(Bucket=name, Key="in/row", Body=ROW, ContentType="text/csv")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    configure(sagemaker, name)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_for(sagemaker, name, "InService")
    yield name
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.fixture
def runtime(aws: Callable[..., Any]) -> Any:
    return aws("sagemaker-runtime")


def configure(sagemaker: Any, name: str, config: str = "", **changes: Any) -> None:
    output = {"S3OutputPath": f"s3://{name}/out/", "S3FailurePath": f"s3://{name}/failed"}
    variant = {"VariantName": "one", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    output = {member: value for member, value in {**output, **changes}.items() if value}
    asynchronous = {"OutputConfig": output, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2}}
    sagemaker.create_endpoint_config(
        EndpointConfigName=config or name, ProductionVariants=[variant], AsyncInferenceConfig=asynchronous
    )


def ask(runtime: Any, name: str, **fields: Any) -> dict[str, Any]:
    if "Body" not in fields:
        fields = {"InputLocation": f"s3://{name}/in/row", **fields}
    answer: dict[str, Any] = runtime.invoke_endpoint_async(EndpointName=name, **fields)
    return answer


def fetch(aws: Callable[..., Any], uri: str, seconds: float = 20) -> dict[str, Any]:
    """The object at a URI, once it is there."""
    s3, (bucket, _, key) = aws("s3"), uri.removeprefix("s3://").partition("/")
    end = time.monotonic() + seconds
    while True:
        try:
            found: dict[str, Any] = s3.get_object(Bucket=bucket, Key=key)
            return found
        except s3.exceptions.NoSuchKey:
            assert time.monotonic() < end, uri
            time.sleep(0.02)


def refusal(function: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        function()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_answer(aws: Callable[..., Any], runtime: Any, name: str) -> None:
    said = ask(runtime, name, Accept="text/csv")
    assert said["ResponseMetadata"]["HTTPStatusCode"] == 202
    identity = said["InferenceId"]
    assert said["OutputLocation"] == f"s3://{name}/out/{identity}.out"
    assert said["FailureLocation"] == f"s3://{name}/failed/{identity}-error.out"
    found = fetch(aws, said["OutputLocation"])
    assert abs(float(found["Body"].read()) - 0.5) < 0.2
    assert found["ContentType"].startswith("text/csv")


def test_a_payload_in_the_request(aws: Callable[..., Any], runtime: Any, name: str) -> None:
    said = ask(runtime, name, Body=ROW, ContentType="text/csv", Accept="application/json", InferenceId="my own")
    assert said["InferenceId"] == "my own"
    found = fetch(aws, said["OutputLocation"])
    assert found["ContentType"] == "application/json"
    assert json.loads(found["Body"].read())["predictions"]


def test_names_of_ones_own(aws: Callable[..., Any], runtime: Any, name: str) -> None:
    said = ask(runtime, name, S3OutputPathExtension="a/b/", Filename="row.csv")
    assert said["OutputLocation"] == f"s3://{name}/out/a/b/row.csv"
    assert said["FailureLocation"] == f"s3://{name}/failed/a/b/row-error.csv"
    fetch(aws, said["OutputLocation"])


def test_failures(aws: Callable[..., Any], runtime: Any, name: str) -> None:
    refused = ask(runtime, name, Body=b"a,b,c", ContentType="text/csv")
    missing = ask(runtime, name, InputLocation=f"s3://{name}/in/none")
    document = json.loads(fetch(aws, refused["FailureLocation"])["Body"].read())
    status = document["OriginalStatusCode"]
    assert 400 <= status < 500
    assert document["FailureReason"].startswith(f"Received client error ({status}) from primary with message")
    assert document["InferenceId"] == refused["InferenceId"]
    found = fetch(aws, missing["FailureLocation"])
    assert found["ContentType"] == "application/json"
    assert "NoSuchKey" in json.loads(found["Body"].read())["FailureReason"]


def test_what_is_refused(runtime: Any, name: str, aws: Callable[..., Any]) -> None:
    both = {"Body": b"1", "InputLocation": f"s3://{name}/in/row"}
    exactly = ("ValidationError", "Exactly one of InputLocation and Body must be given.")
    assert refusal(lambda: ask(runtime, name, **both)) == exactly
    assert refusal(lambda: runtime.invoke_endpoint_async(EndpointName=name)) == exactly
    assert refusal(lambda: ask(runtime, "nobody")) == (
        "ValidationError",
        "Endpoint nobody of account 000000000000 not found.",
    )
    assert refusal(lambda: ask(runtime, name, InputLocation=f"s3://{name}"))[0] == "ValidationError"
    assert refusal(lambda: ask(runtime, name, InputLocation="https://example.com/a"))[0] == "ValidationError"
    assert refusal(lambda: runtime.invoke_endpoint(EndpointName=name, Body=ROW)) == (
        "ValidationError",
        f"Endpoint {name} is asynchronous: use InvokeEndpointAsync to invoke it.",
    )


def test_a_queue_that_is_full(runtime: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_requests, "MOST_WAITING", 0)
    code, message = refusal(lambda: ask(runtime, name))
    assert (code, message) == ("ServiceUnavailable", f"0 requests wait for endpoint {name}. Try again later.")


def test_a_configuration(aws: Callable[..., Any], name: str) -> None:
    sagemaker = aws("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=name)["AsyncInferenceConfig"]
    assert described["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 2}
    topic = "arn:aws:sns:us-east-1:000000000000:topic"
    place = "AsyncInferenceConfig.OutputConfig"
    for change, message in (
        ({"KmsKeyId": "key"}, f"{place}.KmsKeyId asks for encryption with a KMS key"),
        ({"NotificationConfig": {"SuccessTopic": topic}}, f"{place}.NotificationConfig.SuccessTopic asks for"),
        ({"NotificationConfig": {"ErrorTopic": topic}}, f"{place}.NotificationConfig.ErrorTopic asks for"),
        ({"S3FailurePath": "s3://no-such-bucket"}, f"{place}.S3FailurePath: the bucket 'no-such-bucket' does not"),
        ({"S3OutputPath": None}, f"{place}.S3OutputPath is missing"),
    ):
        code, said = refusal(lambda change=change: configure(sagemaker, name, f"{name}-bad", **change))
        assert code == "ValidationException"
        assert said.startswith(message)
    variants = [{"VariantName": side, "ModelName": name, "InstanceType": "ml.m5.large"} for side in "ab"]
    asynchronous = {"OutputConfig": {"S3OutputPath": f"s3://{name}/out"}}
    code, said = refusal(
        lambda: sagemaker.create_endpoint_config(
            EndpointConfigName=f"{name}-bad",
            ProductionVariants=variants[:1],
            ShadowProductionVariants=variants[1:],
            AsyncInferenceConfig=asynchronous,
        )
    )
    assert said == "AsyncInferenceConfig: an asynchronous endpoint can't have a shadow variant."


def test_an_update_while_requests_wait(aws: Callable[..., Any], runtime: Any, name: str) -> None:
    sagemaker = aws("sagemaker")
    configure(sagemaker, name, f"{name}-2", S3OutputPath=f"s3://{name}/second")
    said = [ask(runtime, name) for _ in range(10)]
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    said += [ask(runtime, name) for _ in range(10)]
    for each in said:
        fetch(aws, each["OutputLocation"])
    wait_for(sagemaker, name, "InService")
    assert re.match(f"s3://{name}/second/", ask(runtime, name)["OutputLocation"])


def test_a_deleted_endpoint_takes_its_requests_along(
    server: Any, aws: Callable[..., Any], runtime: Any, name: str
) -> None:
    sagemaker, other = aws("sagemaker"), f"{name}-other"
    sagemaker.create_endpoint(EndpointName=other, EndpointConfigName=name)
    wait_for(sagemaker, other, "InService")
    for _ in range(30):
        runtime.invoke_endpoint_async(EndpointName=other, InputLocation=f"s3://{name}/in/row")
    sagemaker.delete_endpoint(EndpointName=other)
    assert refusal(lambda: ask(runtime, other))[0] == "ValidationError"
    left = [record.key.name for record in server.house.rooms.records.every(async_requests.KIND)]
    assert [key for key in left if key.startswith(f"{other}/")] == []


def test_a_realtime_endpoint_takes_none(aws: Callable[..., Any], runtime: Any, name: str) -> None:
    sagemaker, other = aws("sagemaker"), f"{name}-plain"
    variant = {"VariantName": "one", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=other, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=other, EndpointConfigName=other)
    wait_for(sagemaker, other, "InService")
    assert refusal(lambda: runtime.invoke_endpoint_async(EndpointName=other, InputLocation=f"s3://{name}/in/row")) == (
        "ValidationError",
        f"Endpoint {other} is not asynchronous: use InvokeEndpoint to invoke it.",
    )
    sagemaker.delete_endpoint(EndpointName=other)
