"""Jobs on a Ray cluster of two nodes, which the tests start on this machine."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from botocore.exceptions import ClientError
from main_job import CLUSTERING, KMEANS, RECORDIO, MainJob, labelled_rows, wait_until
from several_hosts import answers

from clary.config import Settings
from tests.conftest import running
from tests.images.script_job import train

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def cluster():
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("ray_cluster.py"), str(port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    yield f"ray://127.0.0.1:{port}", process
    process.communicate(timeout=60)


@pytest.fixture(scope="module")
def job(cluster, tmp_path_factory):
    settings = Settings(port=0, data_dir=tmp_path_factory.mktemp("data") / "data", compute=cluster[0])
    with running(settings) as server:
        server.client("s3").create_bucket(Bucket="cluster")
        yield MainJob(lambda service: server.client(service), "cluster")


@pytest.mark.parametrize("name", ["xgboost", "linear-learner", "pca", "kmeans"])
def test_two_hosts_on_the_cluster_make_the_model_of_one_here(job, server, tmp_path, name):
    here = MainJob(server.client, f"beside-the-cluster-{name}")
    here.s3.create_bucket(Bucket=here.bucket)
    one = answers(here, tmp_path / "here", name, 1)
    two = answers(job, tmp_path / "cluster", name, 2)
    assert np.corrcoef(one, two)[0, 1] > 0.95


SCRIPT = """
import json, os, socket, time
hosts, me = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
if me == hosts[0]:
    with socket.create_server(("", 29999)) as server:
        word = server.accept()[0].recv(9).decode()
    open(os.path.join(os.environ["SM_MODEL_DIR"], "word"), "w").write(word)
    print("heard", word)
else:
    while True:
        try:
            socket.create_connection((hosts[0], 29999), 5).sendall(me.encode())
            break
        except OSError:
            time.sleep(0.2)
"""


def left_on_nodes():
    return set(Path(tempfile.gettempdir()).glob("clary-host-*"))


def test_the_hosts_of_a_script_reach_each_other(job):
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    before = left_on_nodes()
    train(job, "script", {"train.py": SCRIPT}, ResourceConfig=resources)

    def ended():  # the first job of a machine builds its environment
        found = job.sagemaker.describe_training_job(TrainingJobName="script")
        return found["TrainingJobStatus"] != "InProgress" and found

    end = wait_until(ended, "the script never ended", 240)
    assert end["TrainingJobStatus"] == "Completed", end.get("FailureReason")
    assert "heard algo-2" in job.log("script")
    assert left_on_nodes() <= before
    assert job.artefact("script") == ["word"]


def test_what_needs_this_machine_is_refused(job):
    job.put("train/rows", b"")
    with pytest.raises(ClientError, match="where Clary doesn't do Pipe mode"):
        job.start("piped", job.channel(RECORDIO), image=KMEANS, settings=CLUSTERING, mode="Pipe")


def test_a_cluster_that_is_not_there_is_named(tmp_path):
    nowhere = f"ray://127.0.0.1:{free_port()}"
    with running(Settings(port=0, data_dir=tmp_path / "data", compute=nowhere)) as server:
        job = MainJob(server.client, "nowhere")
        job.s3.create_bucket(Bucket="nowhere")
        job.put("train/rows.csv", labelled_rows())
        reason = job.train("lost")["FailureReason"]
    assert f"ClientError: the Ray cluster at {nowhere} can't be reached" in reason


def test_a_node_that_is_lost_fails_the_job_with_its_name(job, cluster):
    job.put("train/rows.csv", labelled_rows(20_000))
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    settings = {"num_round": "100000", "objective": "binary:logistic"}
    job.start("bereft", settings=settings, ResourceConfig=resources)
    wait_until(lambda: any("[0]" in line for line in job.log("bereft")), "the job never trained", 120)
    cluster[1].stdin.write("lose the second\n")
    cluster[1].stdin.flush()
    reason = job.end("bereft")["FailureReason"]
    assert re.match(r"ClientError: algo-[12]: the node that algo-[12] ran on was lost", reason)
