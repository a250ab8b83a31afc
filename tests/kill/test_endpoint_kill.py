"""`clary serve` killed again and again while it updates an endpoint: it ends with the old or the new, whole.

`KILLS=50 pytest tests/kill/test_endpoint_kill.py` kills it as often as that.
"""

import os
import random
import socket
import time

import pytest

from tests.kill.test_kill import alive
from tests.main_job import BOOSTING, ROLE, XGBOOST, MainJob, labelled_rows, wait_until

KILLS, SEED = int(os.environ.get("KILLS", "3")), 11

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * KILLS)]

BUCKET, NAME, INSTANCES, ROW = "updated", "endpoint", 2, b"0.5,0.5,0.5"
HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}
GUARD = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "always"}]}}


def blue_green(kind, wait, **routing):
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **routing}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 1}}


POLICIES = [
    None,
    blue_green("ALL_AT_ONCE", 0),
    blue_green("CANARY", 1, CanarySize=HALF),
    blue_green("LINEAR", 1, LinearStepSize=HALF),
    {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 1}},
]


@pytest.fixture
def main_job(server):
    """An endpoint of two instances, and what each of its two configurations answers."""
    job = MainJob(server.client, BUCKET)
    job.s3.create_bucket(Bucket=BUCKET)
    job.put("train/part-0.csv", labelled_rows())
    for name, rounds in (("one", "2"), ("two", "9")):
        artefact = job.train(name, settings={**BOOSTING, "num_round": rounds})["ModelArtifacts"]["S3ModelArtifacts"]
        container = {"Image": XGBOOST, "ModelDataUrl": artefact}
        job.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
        job.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": INSTANCES}]
        )
    job.client("cloudwatch").put_metric_alarm(
        AlarmName="always",
        Namespace="none",
        MetricName="none",
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="breaching",
    )
    job.answers = {}
    job.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName="one")
    for name in ("one", "two"):
        if name != "one":
            job.sagemaker.update_endpoint(EndpointName=NAME, EndpointConfigName=name)
        settled(job)
        job.answers[name] = job.invoke(NAME, ROW)
    assert job.answers["one"] != job.answers["two"]
    return job


def settled(job):
    """The endpoint's description when nothing is under way."""

    def look():
        found = job.sagemaker.describe_endpoint(EndpointName=NAME)
        return found["EndpointStatus"] not in ("Creating", "Updating", "RollingBack") and found

    return wait_until(look, "it never settled")


def ask_for(job, seconds):
    """Ask without a pause; every answer is that of one of the two."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert job.invoke(NAME, ROW) in job.answers.values()


def kill(server):
    """SIGKILL, and nothing of the server's is left."""
    processes = server.processes()
    server.kill()
    wait_until(lambda: not [pid for pid in processes if alive(pid)], "its processes outlive it", 30)
    server.start()


def workers(server):
    """How many can be reached."""

    def listens(path):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(path)) == 0

    return sum(listens(path) for path in (server.folder / "endpoints" / "sockets").readlink().glob("*/worker.sock"))


def test_an_update_ends_whole(server, main_job):
    moments, serving, kills = random.Random(SEED), "two", 0
    while kills < KILLS:
        wanted = "one" if serving == "two" else "two"
        policy, guarded = moments.choice(POLICIES), moments.random() < 0.3
        config = {**(policy or {}), **(GUARD if guarded else {})}
        more = {"DeploymentConfig": config} if config else {}
        main_job.sagemaker.update_endpoint(EndpointName=NAME, EndpointConfigName=wanted, **more)
        for _ in range(moments.choice((1, 1, 2))):
            ask_for(main_job, moments.uniform(0, 3))
            kill(server)
            kills += 1
        described = settled(main_job)
        expected = serving if guarded else wanted
        assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", expected), (
            config,
            kills,
        )
        assert "PendingDeploymentSummary" not in described
        [variant] = described["ProductionVariants"]
        assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (INSTANCES, 1.0)
        assert {main_job.invoke(NAME, ROW) for _ in range(10)} == {main_job.answers[expected]}
        wait_until(lambda: workers(server) == INSTANCES, "workers are left over, or lost")
        serving = expected
    assert "Traceback" not in server.stop()
