"""Tuning jobs through boto3 and a real server: what the direct tests can't see."""

import json
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.main_job import MainJob, labelled_rows, wait_until

BUCKET = "tuning-server"
ETA = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]}


@pytest.fixture(scope="module")
def job(aws):
    job = MainJob(aws, BUCKET)
    job.s3.create_bucket(Bucket=BUCKET)
    for channel in ("train", "validation"):
        job.put(f"{channel}/part-0.csv", labelled_rows())
    return job


def tuning(job, name, static, **config):
    """A CreateHyperParameterTuningJob request for XGBoost."""
    members = ("AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig", "StoppingCondition")
    request = job.request("unused", job.channel(), job.channel(prefix="validation", name="validation"))
    definition = {member: request[member] for member in (*members, "ResourceConfig")}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:logloss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": ETA,
            **config,
        },
        "TrainingJobDefinition": {
            **definition,
            "StaticHyperParameters": {"objective": "binary:logistic", "nthread": "1", **static},
        },
    }


def end(job, name):
    """The tuning job's description when it has ended."""

    def ended():
        found = job.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return found["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping") and found

    return wait_until(ended, "it never ended")


def test_trials_train_and_the_best_is_told(job):
    job.sagemaker.create_hyper_parameter_tuning_job(**tuning(job, "real", {"num_round": "5"}, Strategy="Random"))
    described = end(job, "real")
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    trials = job.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="real", SortBy="FinalObjectiveMetricValue"
    )["TrainingJobSummaries"]
    best = described["BestTrainingJob"]
    assert best == trials[0]
    trained = job.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    values = {row["MetricName"]: row["Value"] for row in trained["FinalMetricDataList"]}
    metric = best["FinalHyperParameterTuningJobObjectiveMetric"]
    assert values["validation:logloss"] == pytest.approx(metric["Value"])
    assert job.artefact(best["TrainingJobName"]) == ["xgboost-model"]


def test_hyperband_stops_trials_that_would_go_on_for_ever(job):
    band = {"HyperbandStrategyConfig": {"MinResource": 5, "MaxResource": 20}}
    static = {"num_round": "1000000", "save_model_on_termination": "true"}
    request = tuning(job, "band", static, Strategy="Hyperband", StrategyConfig=band)
    job.sagemaker.create_hyper_parameter_tuning_job(**request)
    described = end(job, "band")
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["TrainingJobStatusCounters"]["Stopped"] == 3
    assert described["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    assert job.artefact(described["BestTrainingJob"]["TrainingJobName"]) == ["xgboost-model"]


def test_a_stop_ends_the_trials(job):
    job.sagemaker.create_hyper_parameter_tuning_job(
        **tuning(job, "endless", {"num_round": "1000000"}, Strategy="Random")
    )
    job.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="endless")
    described = end(job, "endless")
    assert described["HyperParameterTuningJobStatus"] == "Stopped"
    assert described["TrainingJobStatusCounters"]["InProgress"] == 0


def test_members_that_aws_does_not_know_are_refused(server, job):
    request = tuning(job, "unknown", {"num_round": "5"}, Strategy="Random")
    request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxSequentialTrainingJobs"] = 3
    headers = {
        "X-Amz-Target": "SageMaker.CreateHyperParameterTuningJob",
        "Content-Type": "application/x-amz-json-1.1",
    }
    message = AWSRequest("POST", f"{server.url}/", headers, json.dumps(request).encode())
    SigV4Auth(Credentials("test", "test"), "sagemaker", "us-east-1").add_auth(message)
    sent = urllib.request.Request(f"{server.url}/", message.data, dict(message.headers))
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(sent)
    answer = json.loads(error.value.read())
    assert error.value.code == 400
    assert answer["__type"].endswith("ValidationException")
    assert "resourceLimits.maxSequentialTrainingJobs" in answer["message"]
