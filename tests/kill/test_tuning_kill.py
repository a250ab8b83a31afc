"""`clary serve` killed again and again while it tunes: the tuning job goes on where it stood.

`KILLS=50 pytest tests/kill/test_tuning_kill.py` kills it as often as that.
"""

import os
import random

import pytest

from clary.tuning import Continuous, Integer, Space, suggest
from clary.tuning.ranges import as_text
from tests.kill.test_kill import samples_of
from tests.main_job import MainJob, labelled_rows, wait_until

KILLS, SEED = int(os.environ.get("KILLS", "6")), 7
BUCKET, TRIALS, ROUNDS = "tuned", KILLS + 4, 30

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * KILLS)]

SPACE = Space([Integer("max_depth", 1, 9), Continuous("eta", 0.1, 0.5)])


@pytest.fixture
def main_job(server):
    job = MainJob(server.client, BUCKET)
    job.s3.create_bucket(Bucket=BUCKET)
    for channel in ("train", "validation"):
        job.put(f"{channel}/part-0.csv", labelled_rows(500, 10))
    return job


def start(job, strategy):
    """A tuning job of 10 trials, 2 at a time."""
    channels = [job.channel(), job.channel(prefix="validation", name="validation")]
    members = ("AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig", "StoppingCondition")
    request = job.request("unused", *channels)
    job.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="Tuned",
        HyperParameterTuningJobConfig={
            "Strategy": strategy,
            "RandomSeed": SEED,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:logloss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": TRIALS, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "9"}],
                "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}],
            },
        },
        TrainingJobDefinition={
            **{member: request[member] for member in members},
            "ResourceConfig": request["ResourceConfig"],
            "StaticHyperParameters": {"num_round": str(ROUNDS), "objective": "binary:logistic", "nthread": "1"},
        },
    )


def describe(job):
    return job.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="Tuned")


def trials(job):
    found = job.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="Tuned", MaxResults=100
    )
    return found["TrainingJobSummaries"]


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_no_trial_is_lost_or_doubled(server, main_job, strategy):
    moments = random.Random(SEED)
    start(main_job, strategy)
    for number in range(KILLS):
        ended = 1 + number
        wait_until(
            lambda least=ended: describe(main_job)["TrainingJobStatusCounters"]["Completed"] >= least, "nothing ends"
        )
        for _ in range(moments.randrange(40)):  # a moment more, of no fixed length: a trial may begin or end meanwhile
            trials(main_job)
        server.kill()
        server.start()
    described = wait_until(
        lambda: (found := describe(main_job))["HyperParameterTuningJobStatus"] != "InProgress" and found, "no end", 120
    )
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["TrainingJobStatusCounters"]["Completed"] == TRIALS
    found = trials(main_job)
    assert [int(row["TrainingJobName"].split("-")[1]) for row in found] == list(range(1, TRIALS + 1))
    jobs = main_job.sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    assert sorted(row["TrainingJobName"] for row in jobs) == [row["TrainingJobName"] for row in found]
    for number, row in enumerate(found):
        assert samples_of(main_job, "validation:logloss", row["TrainingJobName"]) == ROUNDS
        if strategy == "Random" or number < 2:
            values = suggest("Random", SPACE, seed=SEED, number=number)
            assert row["TunedHyperParameters"] == {name: as_text(value) for name, value in values.items()}
    costs = [row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for row in found]
    assert described["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == min(costs)
