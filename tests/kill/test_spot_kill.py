"""`clary serve` killed while spot jobs are interrupted: every round is trained once and the model is the same."""

import io
import os
import random
import tarfile
import time
import urllib.error
import urllib.request

import pytest

from tests.kill.killed_server import Server
from tests.kill.test_kill import rounds_of
from tests.main_job import BOOSTING, MainJob, labelled_rows
from tests.main_job import wait_until as wait

pytestmark = pytest.mark.slow

BUCKET = "spot"
ROUNDS = 600
SEEDS = [int(seed) for seed in os.environ.get("SPOT_KILL_SEEDS", "1 2").split()]


@pytest.fixture
def server(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    server = Server(tmp_path, CLARY_CHECKPOINT_SECONDS="0.5")
    yield server
    server.close()


def start(job, name):
    job.start(
        name,
        settings={**BOOSTING, "num_round": str(ROUNDS), "subsample": "0.7"},
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"},
    )


def interrupt(server, name):
    """Whether the server took it; one that holds no machine at the moment can't be."""
    url = server.client("s3").meta.endpoint_url
    request = urllib.request.Request(f"{url}/_clary/spot/interrupt?job={name}", method="POST")
    try:
        return urllib.request.urlopen(request, timeout=30).status == 200
    except urllib.error.HTTPError:
        return False


def model_of(job, name):
    body = job.s3.get_object(Bucket=BUCKET, Key=f"models/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return archive.extractfile("xgboost-model").read()


def steps_of(job):
    job = job.sagemaker.describe_training_job(TrainingJobName="broken")
    return [row["Status"] for row in job["SecondaryStatusTransitions"]]


def ended(job):
    return steps_of(job)[-1] in ("Completed", "Failed")


@pytest.mark.parametrize("seed", SEEDS)
def test_interruptions_survive_the_server(server, seed):
    chance = random.Random(seed)
    job = MainJob(server.client, BUCKET)
    job.s3.create_bucket(Bucket=BUCKET)
    job.put("train/part-0.csv", labelled_rows(2000, 10))
    start(job, "whole")
    assert job.end("whole")["TrainingJobStatus"] == "Completed"
    start(job, "broken")
    taken = 0
    for step in range(1, 4):
        wait(lambda least=step * 60: len(rounds_of(job, "broken")) > least, "the job never went on")
        taken += interrupt(server, "broken")
        time.sleep(chance.uniform(0, 0.6))
        server.kill()
        time.sleep(chance.uniform(0, 0.3))
        server.start()
        wait(lambda least=taken: steps_of(job).count("Interrupted") == least or ended(job), "it was forgotten")
    end = job.end("broken")
    assert (end["TrainingJobStatus"], end.get("FailureReason")) == ("Completed", None)
    assert 1 <= steps_of(job).count("Interrupted") <= taken
    assert rounds_of(job, "broken") == list(range(ROUNDS))
    assert model_of(job, "broken") == model_of(job, "whole")
    found = job.s3.list_objects_v2(Bucket=BUCKET, Prefix="checkpoints/broken/")["Contents"]
    assert f"checkpoints/broken/xgboost-checkpoint.{ROUNDS - 1}" in [row["Key"] for row in found]
    assert len(found) <= 5
    wait(lambda: not list((server.folder / "jobs").glob("*/attempt-*")), "an attempt was left")
