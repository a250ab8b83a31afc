"""The control plane through boto3 and a real server: what the direct tests can't see."""

import numpy as np
import pytest
from botocore.exceptions import ClientError, WaiterError

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
BUCKET = "sagemaker-control-plane"


@pytest.fixture(scope="module")
def data(aws):
    """A bucket with a few labelled rows."""
    s3 = aws("s3")
    s3.create_bucket(Bucket=BUCKET)
    x = np.random.default_rng(0).normal(size=(200, 3)).round(3)
    rows = [f"{int(row[0] > 0)},{','.join(map(str, row))}" for row in x]
    s3.put_object(Bucket=BUCKET, Key="train/part-0.csv", Body="\n".join(rows).encode())
    s3.put_object(Bucket=BUCKET, Key="broken/part-0.csv", Body=b"1,2,3\n0,word,4\n")


def create_job(sagemaker, name, prefix="train", **changes):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}/"}
    channel = {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"num_round": "3", "objective": "binary:logistic"},
        "InputDataConfig": [channel],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }
    return sagemaker.create_training_job(**request)


def end_of(sagemaker, name):
    """The job's description once it has ended; the waiter's first look is held open for it."""
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    try:
        waiter.wait(TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except WaiterError as error:
        return error.last_response
    return sagemaker.describe_training_job(TrainingJobName=name)


def test_train_and_deploy(aws, data):
    sagemaker = aws("sagemaker")
    arn = create_job(sagemaker, "Train-And-Deploy", Tags=[{"Key": "team", "Value": "red"}])["TrainingJobArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:training-job/train-and-deploy"
    job = end_of(sagemaker, "Train-And-Deploy")
    assert job["TrainingJobStatus"] == "Completed"
    artefact = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artefact == f"s3://{BUCKET}/models/Train-And-Deploy/output/model.tar.gz"
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps[0] == "Starting"
    assert steps[-4:] == ["Downloading", "Training", "Uploading", "Completed"]
    assert {row["MetricName"] for row in job["FinalMetricDataList"]} == {"train:logloss"}
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "red"}]

    container = {"Image": XGBOOST, "ModelDataUrl": artefact}
    sagemaker.create_model(ModelName="deployed", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "deployed", "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName="deployed", ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName="Deployed", EndpointConfigName="deployed")
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="Deployed", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    endpoint = sagemaker.describe_endpoint(EndpointName="Deployed")
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    filters = {"Filters": [{"Name": "Tags.team", "Operator": "Equals", "Value": "red"}]}
    assert sagemaker.search(Resource="TrainingJob", SearchExpression=filters)["TotalHits"]["Value"] == 1

    sagemaker.delete_endpoint(EndpointName="Deployed")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="Deployed", WaiterConfig={"Delay": 1, "MaxAttempts": 5})


def test_data_that_cannot_be_read_fails_the_job_with_file_row_and_column(aws, data):
    sagemaker = aws("sagemaker")
    create_job(sagemaker, "broken-data", "broken")
    job = end_of(sagemaker, "broken-data")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("ClientError: ")
    assert "part-0.csv" in job["FailureReason"]


def test_a_job_is_stopped_and_deleted(aws, data):
    sagemaker = aws("sagemaker")
    create_job(sagemaker, "to-stop", HyperParameters={"num_round": "1000000", "objective": "binary:logistic"})
    sagemaker.stop_training_job(TrainingJobName="to-stop")
    assert end_of(sagemaker, "to-stop")["TrainingJobStatus"] == "Stopped"
    sagemaker.delete_training_job(TrainingJobName="to-stop")
    with pytest.raises(ClientError, match="Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName="to-stop")


def test_errors_have_awss_codes(aws, data):
    sagemaker = aws("sagemaker")

    def code(function, **request):
        with pytest.raises(ClientError) as error:
            function(**request)
        return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]

    create_job(sagemaker, "twice")
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="must be unique within an AWS account and region"):
        create_job(sagemaker, "twice")
    assert code(sagemaker.describe_endpoint, EndpointName="nobody") == ("ValidationException", 400)
    assert code(sagemaker.list_models, NextToken="made-up") == ("ValidationException", 400)
    sagemaker.stop_training_job(TrainingJobName="twice")


def test_every_listing_can_be_paged_by_boto3(aws, data):
    sagemaker = aws("sagemaker", region="eu-west-1")
    s3 = aws("s3")
    s3.put_object(Bucket=BUCKET, Key="any/model.tar.gz", Body=b"anything")
    image = XGBOOST.replace("683313688378", "141502667606").replace("us-east-1", "eu-west-1")
    for number in range(5):
        container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/any/model.tar.gz"}
        sagemaker.create_model(ModelName=f"m{number}", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    pages = list(sagemaker.get_paginator("list_models").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Models"]) for page in pages] == [2, 2, 1]
