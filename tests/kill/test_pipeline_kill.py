"""`clary serve` killed again and again while a pipeline runs: the execution goes on, and starts no job twice."""

import json
import random

import pytest

from tests.main_job import ROLE, XGBOOST, MainJob, labelled_rows, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BUCKET, WIDTH, DEPTH, KILLS, SEED = "piped", 2, 3, 6, 11


def definition(job):
    """Rows of training steps, each on what the row before has made, and a version of a model of each."""
    steps = []
    for depth in range(DEPTH):
        for place in range(WIDTH):
            arguments = job.request("unused")
            del arguments["TrainingJobName"]
            artefact = {"Get": f"Steps.train-{depth}-{place}.ModelArtifacts.S3ModelArtifacts"}
            container = {"Image": XGBOOST, "ModelDataUrl": artefact}
            package = {"ModelPackageGroupName": "kept", "InferenceSpecification": {"Containers": [container]}}
            before = [f"train-{depth - 1}-{other}" for other in range(WIDTH)] if depth else []
            steps += [
                {"Name": f"train-{depth}-{place}", "Type": "Training", "Arguments": arguments, "DependsOn": before},
                {"Name": f"register-{depth}-{place}", "Type": "RegisterModel", "Arguments": package},
            ]
    return json.dumps({"Version": "2020-12-01", "Steps": steps})


def test_no_step_is_lost_or_doubled(server):
    moments = random.Random(SEED)
    job = MainJob(server.client, BUCKET)
    sagemaker = job.sagemaker
    job.s3.create_bucket(Bucket=BUCKET)
    job.put("train/part-0.csv", labelled_rows())
    sagemaker.create_pipeline(PipelineName="Killed", RoleArn=ROLE, PipelineDefinition=definition(job))
    arn = sagemaker.start_pipeline_execution(PipelineName="Killed")["PipelineExecutionArn"]

    def steps():
        found = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, MaxResults=100)
        return found["PipelineExecutionSteps"]

    def status():
        return sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]

    for _ in range(KILLS):
        for _ in range(moments.randrange(60)):  # a moment of no fixed length: a step may begin or end meanwhile
            steps()
        server.kill()
        server.start()
    wait_until(lambda: status() != "Executing", "it never ended", 120)
    assert (status(), {row["StepStatus"] for row in steps()}) == ("Succeeded", {"Succeeded"})
    assert len(steps()) == 2 * WIDTH * DEPTH
    jobs = sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    told = [row["Metadata"]["TrainingJob"]["Arn"] for row in steps() if "TrainingJob" in row["Metadata"]]
    assert sorted(row["TrainingJobArn"] for row in jobs) == sorted(told)
    packages = sagemaker.list_model_packages(ModelPackageGroupName="kept")["ModelPackageSummaryList"]
    told = [row["Metadata"]["RegisterModel"]["Arn"] for row in steps() if "RegisterModel" in row["Metadata"]]
    assert sorted(row["ModelPackageArn"] for row in packages) == sorted(told)
