"""SageMaker's main job as a user's script drives it: through boto3 alone, against whichever server `client` reaches."""

import io
import tarfile
import time

import numpy as np
from botocore.exceptions import WaiterError

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
CSV, UNLABELLED, RECORDIO = "text/csv", "text/csv;label_size=0", "application/x-recordio-protobuf"
BOOSTING = {"num_round": "3", "objective": "binary:logistic", "nthread": "1"}
CLUSTERING = {"k": "2", "feature_dim": "3"}
OFTEN = {"Delay": 1, "MaxAttempts": 60}


class MainJob:
    """One bucket and what is made from it; `client("s3")` is a boto3 client."""

    def __init__(self, client, bucket):
        self.client, self.bucket = client, bucket
        self.s3, self.sagemaker = client("s3"), client("sagemaker")

    def put(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def channel(self, content_type=CSV, prefix="train", name="train", **more):
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self.bucket}/{prefix}/"}
        return {"ChannelName": name, "ContentType": content_type, "DataSource": {"S3DataSource": source}, **more}

    def request(self, name, *channels, image=XGBOOST, settings=BOOSTING, mode="File", **changes):
        """A CreateTrainingJob request."""
        return {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": mode},
            "RoleArn": ROLE,
            "HyperParameters": settings,
            "InputDataConfig": list(channels) or [self.channel()],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 120},
            **changes,
        }

    def start(self, name, *channels, **options):
        self.sagemaker.create_training_job(**self.request(name, *channels, **options))

    def end(self, name):
        """The job's description when it has ended."""
        try:
            waiter = self.sagemaker.get_waiter("training_job_completed_or_stopped")
            waiter.wait(TrainingJobName=name, WaiterConfig=OFTEN)
        except WaiterError as error:
            return error.last_response
        return self.sagemaker.describe_training_job(TrainingJobName=name)

    def train(self, name, *channels, **options):
        self.start(name, *channels, **options)
        return self.end(name)

    def log(self, name):
        """The lines of a job's log; none before the first."""
        logs, group = self.client("logs"), "/aws/sagemaker/TrainingJobs"
        try:
            streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        pages = logs.get_paginator("filter_log_events").paginate
        return [
            event["message"]
            for stream in streams
            for page in pages(logGroupName=group, logStreamNames=[stream["logStreamName"]])
            for event in page["events"]
        ]

    def deploy(self, name, artefact, image=XGBOOST, **more):
        """The endpoint's description when it is in service, or has failed."""
        container = {"Image": image, "ModelDataUrl": artefact, **more}
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        try:
            self.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=OFTEN)
        except WaiterError as error:
            return error.last_response
        return self.sagemaker.describe_endpoint(EndpointName=name)

    def invoke(self, name, body, content_type=CSV):
        runtime = self.client("sagemaker-runtime")
        return runtime.invoke_endpoint(EndpointName=name, ContentType=content_type, Body=body)["Body"].read().decode()

    def artefact(self, name):
        """The names in the model.tar.gz of a job."""
        body = self.s3.get_object(Bucket=self.bucket, Key=f"models/{name}/output/model.tar.gz")["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            return archive.getnames()


def labelled_rows(count=200, width=3):
    """CSV: whether the first feature is positive, and the features."""
    features = np.random.default_rng(0).normal(size=(count, width)).round(3)
    return "".join(f"{int(row[0] > 0)},{','.join(map(str, row))}\n" for row in features).encode()


def wait_until(seen, what="it has not come about", seconds=60.0):
    """Look until it is so; what it returned."""
    limit = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < limit, what
        time.sleep(0.02)
    return found
