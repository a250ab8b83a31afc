"""DataCaptureConfig: what is refused, what the hosting room is told, and the files of an endpoint that captures."""

import base64
import json
import re
import time

import pytest

from clary.hosting import CaptureSpec
from clary.services.sagemaker.endpoint import create_endpoint, describe_endpoint
from clary.services.sagemaker.endpoint_config import create_endpoint_config
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.model import create_model
from tests.services.sagemaker.conftest import model, variant
from tests.services.sagemaker_runtime.test_invoke_endpoint import IMAGE, ROLE, boosted, wait_for

ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/endpoint"


def capture(*modes, uri="s3://out/captured/", percentage=100, **changes):
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": uri,
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes or ("Input", "Output")],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        **changes,
    }


def configure(desk, **changes):
    desk(create_model, **model())
    request = {"EndpointConfigName": "config", "ProductionVariants": [variant()], **changes}
    return desk(create_endpoint_config, **request)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"KmsKeyId": "key"}, "DataCaptureConfig.KmsKeyId asks for encryption"),
        ({"DestinationS3Uri": "https://example.com/a"}, "DataCaptureConfig.DestinationS3Uri: 'https"),
        ({"DestinationS3Uri": "s3://nowhere/a"}, "DataCaptureConfig.DestinationS3Uri: the bucket 'nowhere' does not"),
    ],
)
def test_what_is_refused(desk, change, message):
    with pytest.raises(ValidationException, match=re.escape(message)):
        configure(desk, DataCaptureConfig=capture(**change))


def test_what_hosting_is_told(desk):
    configure(desk, DataCaptureConfig=capture("InputAndOutput", percentage=30))
    desk(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    [spec] = desk.hosting.created
    assert spec.variants[0].capture == CaptureSpec(
        uri="s3://out/captured/",
        percentage=30,
        input=True,
        output=True,
        csv_types=["text/csv"],
        json_types=["application/json"],
    )
    desk.tell(ARN, EndpointStatus="InService")
    assert desk(describe_endpoint, EndpointName="endpoint")["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 30,
        "DestinationS3Uri": "s3://out/captured/",
        "KmsKeyId": "",
    }


def test_capture_that_is_switched_off(desk):
    configure(desk, DataCaptureConfig=capture(EnableCapture=False))
    desk(create_endpoint, EndpointName="endpoint", EndpointConfigName="config")
    [spec] = desk.hosting.created
    assert spec.variants[0].capture is None
    desk.tell(ARN, EndpointStatus="InService")
    assert desk(describe_endpoint, EndpointName="endpoint")["DataCaptureConfig"]["CaptureStatus"] == "Stopped"


def test_the_files_of_an_endpoint(aws):
    s3, sagemaker, runtime = aws("s3"), aws("sagemaker"), aws("sagemaker-runtime")
    name = "captures-what-it-is-asked"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=boosted(0))
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant(model=name)],
        DataCaptureConfig=capture(uri=f"s3://{name}/captured"),
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_for(sagemaker, name, "InService")
    asked = {"EndpointName": name, "InferenceId": "mine", "CustomAttributes": "a=1"}
    answers = [
        runtime.invoke_endpoint(**asked, Body=body, ContentType=kind, Accept="text/csv")["Body"].read().decode()
        for body, kind in ((b"0.5,0.1,0.2", "text/csv"), (b"1 0:0.5 1:0.1 2:0.2", "text/libsvm"))
    ]
    sagemaker.delete_endpoint(EndpointName=name)

    lines = _lines(s3, name, 2)
    first, second = lines
    assert first["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "0.5,0.1,0.2",
        "encoding": "CSV",
    }
    assert first["captureData"]["endpointOutput"]["data"] == answers[0]
    assert first["captureData"]["endpointOutput"]["encoding"] == "CSV"
    metadata = first["eventMetadata"]
    assert (metadata["inferenceId"], metadata["customAttributes"], first["eventVersion"]) == ("mine", ["a=1"], "0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["inferenceTime"])
    given = second["captureData"]["endpointInput"]
    assert (base64.b64decode(given["data"]), given["encoding"]) == (b"1 0:0.5 1:0.1 2:0.2", "BASE64")


def _lines(s3, bucket, count, seconds=20):
    """What was captured, as soon as it is there: deleting the endpoint writes it."""
    end = time.monotonic() + seconds
    while True:
        keys = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket, Prefix="captured/").get("Contents", [])]
        for key in keys:
            path = rf"captured/{bucket}/AllTraffic/\d{{4}}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{{3}}-[0-9a-f-]{{36}}\.jsonl"
            assert re.fullmatch(path, key), key
        text = b"".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)
        if len(lines := [json.loads(line) for line in text.splitlines()]) >= count:
            return lines
        assert time.monotonic() < end, keys
        time.sleep(0.02)
