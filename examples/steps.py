"""The steps that the examples of the algorithms share: data into S3, a training job, an endpoint. Plain boto3."""

import json
import os
import time
from contextlib import contextmanager

import boto3

ROLE = os.environ["SAGEMAKER_ROLE_ARN"]
BUCKET = f"examples-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"

s3, sagemaker, runtime = (boto3.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime"))


def image(algorithm):
    """The registry path of a built-in algorithm in us-east-1; `sagemaker.image_uris.retrieve` knows all regions."""
    account = "766337827248" if algorithm == "lda" else "382416733822"
    return f"{account}.dkr.ecr.us-east-1.amazonaws.com/{algorithm}:1"


def as_csv(rows):
    """Rows as CSV, bytes."""
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def upload(channel, content):
    """Put a channel's data into S3, in a bucket of this run; where it lies."""
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=f"{channel}/part-0", Body=content)
    return f"s3://{BUCKET}/{channel}/"


def train(algorithm, hyperparameters, content_type, **channels):
    """Run a training job on channels given as name=bytes; its description when it is done.

    content_type: of every channel, such as `text/csv;label_size=1`
    """
    name = f"{algorithm}-{time.strftime('%H%M%S')}-{time.time_ns() % 1000000}"
    inputs = [
        {
            "ChannelName": channel,
            "ContentType": content_type,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": upload(f"{name}/{channel}", content),
                    "S3DataDistributionType": "ShardedByS3Key" if channel == "train" else "FullyReplicated",
                }
            },
        }
        for channel, content in channels.items()
    ]
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": image(algorithm), "TrainingInputMode": "File"},
        RoleArn=ROLE,
        HyperParameters={key: str(value) for key, value in hyperparameters.items()},
        InputDataConfig=inputs,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    while (job := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "InProgress":
        time.sleep(0.2)
    if job["TrainingJobStatus"] != "Completed":
        raise SystemExit(f"{name}: {job['FailureReason']}")
    return job


def metrics(job):
    """The last value of every metric that a job logged."""
    return {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}


@contextmanager
def deployed(job):
    """An endpoint for the model of a training job, for as long as the block runs: `ask(body, content_type, accept)`."""
    with deployed_container(job["TrainingJobName"], container(job)) as ask:
        yield ask


def container(job):
    """What serves the model of a training job."""
    return {
        "Image": job["AlgorithmSpecification"]["TrainingImage"],
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
    }


@contextmanager
def deployed_container(name, container):
    """The same for a container, under a name of your own."""
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})

    def ask(body, content_type="text/csv", accept="application/json"):
        answer = runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType=content_type, Accept=accept)
        return json.loads(answer["Body"].read())

    try:
        yield ask
    finally:
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.delete_model(ModelName=name)
