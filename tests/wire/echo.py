"""Operations that the wire tests serve: they answer with what they were given."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from clary.errors import ServiceError, ValidationException
from clary.wire import Call, FileSlice, Reply, operation

KEPT: dict[str, Any] = {}  # what was last asked, by operation


def keep(call: Call, request: dict[str, Any]) -> None:
    KEPT[call.operation] = request


@operation(service="sagemaker")
def create_training_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keep(call, request)
    return {"TrainingJobArn": call.arn(f"training-job/{request['TrainingJobName']}")}


@operation(service="sagemaker")
async def describe_training_job(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request["TrainingJobName"] == "held":
        await KEPT["held"].wait()
    if request["TrainingJobName"] == "broken":
        raise RuntimeError("a bug")
    if request["TrainingJobName"] == "missing":
        raise ValidationException("Requested resource not found.")
    return {"TrainingJobName": request["TrainingJobName"], "CreationTime": 1_700_000_000.5, "FailureReason": None}


@operation(service="sagemaker-runtime")
async def invoke_endpoint(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keep(call, request)
    if request["EndpointName"] == "failing":
        fields = {"OriginalStatusCode": 500, "OriginalMessage": "oh", "LogStreamArn": "arn"}
        raise ServiceError("Received server error", code="ModelError", status=424, fields=fields)
    return {"Body": request["Body"], "ContentType": request.get("ContentType", ""), "InvokedProductionVariant": "v"}


@operation(service="sts")
def get_caller_identity(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"Account": call.account, "Arn": call.identity.arn, "UserId": call.identity.user_id}


@operation(service="iam")
def create_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keep(call, request)
    role = {"RoleName": request["RoleName"], "Path": "/", "RoleId": "AROA", "Arn": "a", "CreateDate": 1_700_000_000.0}
    return {"Role": role | {"Tags": request.get("Tags", [])}}


@operation(service="iam")
def delete_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {}


@operation(service="cloudwatch")
def put_metric_data(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keep(call, request)
    return {}


@operation(service="cloudwatch")
def get_metric_statistics(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keep(call, request)
    raise ServiceError("wrong", code="InvalidParameterValue", status=400)


@operation(service="s3")
def create_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keep(call, request)
    return {"Location": f"/{request['Bucket']}"}


@operation(service="s3")
def head_bucket(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    raise ServiceError("Not Found", code="NoSuchBucket", status=404)


@operation(service="s3")
def list_buckets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"Buckets": [{"Name": "a<&>", "CreationDate": 1_700_000_000.25}], "Owner": {"ID": "me"}}


@operation(service="s3")
def list_objects_v2(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keep(call, request)
    contents = [{"Key": "k", "Size": 3, "ETag": '"e"', "LastModified": 1_700_000_000.0, "ChecksumAlgorithm": ["CRC32"]}]
    return {"Name": request["Bucket"], "KeyCount": 1, "IsTruncated": False, "Contents": contents}


@operation(service="s3")
def get_bucket_location(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    return {"LocationConstraint": "eu-west-1"}


@operation(service="s3")
def delete_objects(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    keep(call, request)
    return {"Deleted": [{"Key": each["Key"]} for each in request["Delete"]["Objects"]]}


@operation(service="s3")
async def put_object(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    if request["Bucket"] == "missing":
        raise ServiceError("The specified bucket does not exist", code="NoSuchBucket", status=404)
    body = request["Body"]
    if request["Key"] == "slow":
        await asyncio.to_thread(KEPT["go"].wait, 30)
    if request["Key"] == "gone":
        try:
            async for _ in body.chunks():
                KEPT["begun"].set()
        except ServiceError as error:
            KEPT["error"] = error
            KEPT["ended"].set()
            raise
    content = b"".join([chunk async for chunk in body.chunks()])
    keep(call, request | {"Body": content, "checksums": dict(body.checksums)})
    return {"ETag": '"etag"'}


@operation(service="s3")
async def get_object(call: Call, request: dict[str, Any]) -> dict[str, Any] | Reply:
    keep(call, request)
    part = KEPT.get("file")
    if isinstance(part, FileSlice):
        return {"Body": part, "ContentLength": part.length, "Metadata": {"mine": "x"}, "LastModified": 1_700_000_000.0}
    if request.get("Range"):
        return Reply({"Body": b"ell", "ContentRange": "bytes 1-3/5"}, status=206)
    return {"Body": _pieces(), "ContentLength": 10}


async def _pieces() -> AsyncIterator[bytes]:
    yield b"hello"
    await asyncio.sleep(0)
    yield b"world"
