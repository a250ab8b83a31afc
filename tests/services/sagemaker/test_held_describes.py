"""Two hundred held Describes at a real server, while S3 answers."""

import asyncio
import json
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET, JOB, HELD = "held-describes", "held", 200


@pytest.fixture
def running_job(aws):
    """A job that runs until it is stopped."""
    s3, sagemaker = aws("s3"), aws("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="train.csv", Body="\n".join(f"{n % 2},{n}" for n in range(100)).encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train.csv"}
    sagemaker.create_training_job(
        TrainingJobName=JOB,
        AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::000000000000:role/ClaryExecutionRole",
        HyperParameters={"num_round": "10000000", "objective": "binary:logistic"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "csv", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 120},
    )
    return sagemaker


def test_s3_answers_while_two_hundred_describes_are_held(server, aws, running_job):
    statuses, seconds = asyncio.run(describe_while_s3_is_used(server, aws("s3"), running_job))
    assert statuses == ["Stopped"] * HELD
    assert seconds < 5


async def describe_while_s3_is_used(server, s3, sagemaker):
    message = signed_describe(server.url)
    held = [asyncio.create_task(describe(server.settings.port, message)) for _ in range(HELD)]
    while sum(map(len, server.house.rooms.changes._watches.values())) < HELD:
        assert not any(task.done() for task in held)
        await asyncio.sleep(0.02)
    began = time.monotonic()
    for number in range(10):
        await asyncio.to_thread(s3.put_object, Bucket=BUCKET, Key=f"{number}", Body=b"x")
        await asyncio.to_thread(s3.get_object, Bucket=BUCKET, Key=f"{number}")
    seconds = time.monotonic() - began
    await asyncio.to_thread(sagemaker.stop_training_job, TrainingJobName=JOB)
    return await asyncio.gather(*held), seconds


def signed_describe(url):
    headers = {
        "X-Amz-Target": "SageMaker.DescribeTrainingJob",
        "Content-Type": "application/x-amz-json-1.1",
        "User-Agent": "Boto3/1.44.5 m/B,b Botocore/1.44.5",  # a waiter's
        "Connection": "close",
    }
    request = AWSRequest("POST", f"{url}/", data=json.dumps({"TrainingJobName": JOB}), headers=headers)
    SigV4Auth(Credentials("test", "test"), "sagemaker", "us-east-1").add_auth(request)
    prepared = request.prepare()
    lines = [f"{name}: {value}" for name, value in prepared.headers.items()]
    host = url.removeprefix("http://")
    return "\r\n".join(["POST / HTTP/1.1", f"Host: {host}", *lines, "", str(prepared.body)]).encode()


async def describe(port, message):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(message)
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])["TrainingJobStatus"]
