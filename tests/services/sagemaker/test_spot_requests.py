"""Managed spot training and checkpoints, by boto3 against a server."""

import math
import os
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.main_job import BOOSTING, KMEANS, MainJob, labelled_rows, wait_until

ENDLESS = {**BOOSTING, "num_round": "1000000"}


@pytest.fixture(scope="module")
def job(aws):
    found = MainJob(aws, "spot")
    found.s3.create_bucket(Bucket="spot")
    found.put("train/part-0.csv", labelled_rows(2000))
    return found


def spot(runtime=600, wait=900, **checkpoints):
    limits = {"MaxRuntimeInSeconds": runtime, "MaxWaitTimeInSeconds": wait}
    config = {"CheckpointConfig": {"S3Uri": "s3://spot/checkpoints", **checkpoints}}
    return {"EnableManagedSpotTraining": True, "StoppingCondition": limits, **config}


def interrupt(server, job, **query):
    parameters = "&".join(f"{name}={value}" for name, value in {"job": job, **query}.items())
    request = urllib.request.Request(f"{server.url}/_clary/spot/interrupt?{parameters}", method="POST")
    return urllib.request.urlopen(request, timeout=30).read()


def rounds(job, name):
    return [int(line[1 : line.index("]")]) for line in job.log(name) if "#011train-logloss:" in line]


REFUSED = [
    (
        {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
        "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true",
    ),
    (
        {"EnableManagedSpotTraining": True},
        "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
    ),
    (
        spot(runtime=61, wait=60),
        "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
    ),
    (spot(S3Uri="s3://nowhere-at-all/x"), "the bucket 'nowhere-at-all' does not exist"),
    (spot(LocalPath="checkpoints"), "CheckpointConfig.LocalPath"),
    (spot(LocalPath="/opt/ml/model/checkpoints"), "CheckpointConfig.LocalPath"),
    (spot(LocalPath="/opt/ml/x/.."), "CheckpointConfig.LocalPath"),
    (spot(LocalPath="/opt/ml/checkpoints/../../../root"), "CheckpointConfig.LocalPath"),
    (spot(LocalPath="/usr/lib"), "CheckpointConfig.LocalPath"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_what_can_not_be_is_refused(job, changes, message):
    with pytest.raises(ClientError, match="ValidationException") as caught:
        job.start("refused", **changes)
    assert message in caught.value.response["Error"]["Message"]


def test_an_algorithm_without_checkpoints_may_wait_for_an_hour(job):
    settings = {"image": KMEANS, "settings": {"k": "2", "feature_dim": "3"}}
    with pytest.raises(ClientError, match="MaxWaitTimeInSeconds above 3600 is not supported for the given algorithm"):
        job.start("refused", **settings, **spot(wait=3601))
    with pytest.raises(ClientError, match="does not exist"):  # the next rule
        job.start("refused", **settings, **{**spot(wait=3600), "OutputDataConfig": {"S3OutputPath": "s3://nowhere"}})


def test_an_interrupted_job_goes_on_and_saves(server, job):
    config = {"S3Uri": "s3://spot/whole", "LocalPath": "/opt/ml/checkpoints/"}
    settings = {**BOOSTING, "num_round": "400"}
    job.start("whole", settings=settings, **spot(**config))
    wait_until(lambda: len(rounds(job, "whole")) > 20, "the job never began")
    assert b"whole" in interrupt(server, "whole")
    end = job.end("whole")
    assert (end["TrainingJobStatus"], end.get("FailureReason")) == ("Completed", None)
    assert end["EnableManagedSpotTraining"]
    assert end["CheckpointConfig"] == config
    steps = [(step["Status"], step["StatusMessage"]) for step in end["SecondaryStatusTransitions"]]
    names = ["Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training", "Uploading"]
    assert [name for name, _ in steps] == [*names, "Completed"]
    assert steps[3][1] == "Training job interrupted, waiting for capacity"
    assert end["BillableTimeInSeconds"] == math.ceil(0.3 * end["TrainingTimeInSeconds"])
    assert rounds(job, "whole") == list(range(400))
    found = job.s3.list_objects_v2(Bucket="spot", Prefix="whole/")["Contents"]
    assert {row["Key"] for row in found} == {row["Key"] for row in found if "/xgboost-checkpoint." in row["Key"]}
    assert "whole/xgboost-checkpoint.399" in {row["Key"] for row in found}

    job.train("again", settings={**settings, "num_round": "402"}, CheckpointConfig=config)
    assert rounds(job, "again") == [400, 401]
    end = job.train("alone", settings={**settings, "num_round": "402"})
    assert end["BillableTimeInSeconds"] == end["TrainingTimeInSeconds"]
    assert model(job, "alone") == model(job, "again")


def model(job, name):
    import io
    import tarfile

    body = job.s3.get_object(Bucket="spot", Key=f"models/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return archive.extractfile("xgboost-model").read()


@pytest.mark.parametrize(
    ("name", "message"),
    [("firm", "no job of managed spot"), ("nobody", "no training job 'nobody'"), ("", "no training")],
)
def test_what_can_not_be_interrupted_is_said(server, job, name, message):
    if name == "firm":
        job.train(name)
    with pytest.raises(urllib.error.HTTPError) as caught:
        interrupt(server, name)
    assert message in caught.value.read().decode()


def test_a_stop_ends_an_interruption_and_the_command_line_says_what_it_did(server, job):
    job.start("stopped", settings=ENDLESS, **spot(S3Uri="s3://spot/stopped"))
    wait_until(lambda: rounds(job, "stopped"), "the job never began")
    command = [sys.executable, "-m", "clary", "spot", "interrupt", "--data-dir", str(server.settings.data_dir)]
    said = subprocess.run([*command, "stopped"], env=os.environ, capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout.split("/")[-1]) == (0, "stopped.\n"), said
    job.sagemaker.stop_training_job(TrainingJobName="stopped")
    end = job.end("stopped")
    assert (end["TrainingJobStatus"], end["SecondaryStatus"]) == ("Stopped", "Stopped")
    said = subprocess.run([*command, "stopped"], env=os.environ, capture_output=True, text=True, timeout=60)
    assert said.returncode == 1
    assert "stopped is Stopped: it holds no machine" in said.stderr


def test_the_wait_is_limited_too(job):
    end_of = job.train("late", settings=ENDLESS, **spot(runtime=1, wait=1, S3Uri="s3://spot/late"))
    assert end_of["TrainingJobStatus"] == "Stopped"
    assert end_of["SecondaryStatus"] in ("MaxWaitTimeExceeded", "MaxRuntimeExceeded")


def test_trials_of_a_tuning_job_have_checkpoints_of_their_own(server, job):
    """An interruption in the middle changes nothing about what the tuning job finds."""
    base = job.request("x", settings={})
    definition = {name: base[name] for name in ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig")}
    definition |= {
        **spot(S3Uri="s3://spot/trials"),
        "AlgorithmSpecification": base["AlgorithmSpecification"],
        "StaticHyperParameters": {**BOOSTING, "num_round": "600"},
        "InputDataConfig": [job.channel(), job.channel(name="validation")],
    }
    config = {
        "Strategy": "Random",
        "RandomSeed": 1,
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:logloss"},
        "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]},
    }
    job.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="tuned", HyperParameterTuningJobConfig=config, TrainingJobDefinition=definition
    )

    def trials():
        listed = job.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job
        return [row["TrainingJobName"] for row in listed(HyperParameterTuningJobName="tuned")["TrainingJobSummaries"]]

    first = wait_until(trials, "no trial")[0]
    wait_until(lambda: rounds(job, first), "the trial never began")
    interrupt(server, first)
    status = job.sagemaker.describe_hyper_parameter_tuning_job
    wait_until(
        lambda: status(HyperParameterTuningJobName="tuned")["HyperParameterTuningJobStatus"] == "Completed", "no end"
    )
    assert len(trials()) == 2
    interrupted = job.sagemaker.describe_training_job(TrainingJobName=first)
    assert "Interrupted" in [step["Status"] for step in interrupted["SecondaryStatusTransitions"]]
    for name in trials():
        assert job.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Completed"
        assert job.s3.list_objects_v2(Bucket="spot", Prefix=f"trials/{name}/xgboost-checkpoint.")["KeyCount"]
    assert rounds(job, first) == list(range(600))
