"""`clary serve` killed in the middle of its work and started again: nothing is lost, doubled or half."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from botocore.exceptions import BotoCoreError

from clary.formats.recordio import write_records
from tests.kill.killed_server import Server
from tests.main_job import BOOSTING, KMEANS, RECORDIO, MainJob, labelled_rows, wait_until

pytestmark = pytest.mark.slow

BUCKET = "kept"
ROUNDS = 1000
EPOCHS = 30


@pytest.fixture
def main_job(server):
    job = MainJob(server.client, BUCKET)
    job.s3.create_bucket(Bucket=BUCKET)
    job.put("train/part-0.csv", labelled_rows(5000, 10))
    return job


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def rounds_of(job, name):
    """The boosting rounds in a job's log, as they stand there."""
    return [int(line[1 : line.index("]")]) for line in job.log(name) if "#011train-logloss:" in line]


def samples_of(job, metric, name):
    """How many values of a metric CloudWatch has."""
    points = job.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName=metric,
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=datetime.fromtimestamp(time.time() - 3600, UTC),
        EndTime=datetime.fromtimestamp(time.time() + 60, UTC),
        Period=3600,
        Statistics=["SampleCount"],
    )["Datapoints"]
    return sum(point["SampleCount"] for point in points)


@pytest.mark.parametrize("kills", [1, 3])
def test_a_file_job_goes_on(server, main_job, kills):
    main_job.start("job", settings={**BOOSTING, "num_round": str(ROUNDS)})
    for number in range(1, kills + 1):
        wait_until(lambda least=100 * number: len(rounds_of(main_job, "job")) > least, "the job never began")
        server.kill()
        server.start()
    job = main_job.end("job")
    assert (job["TrainingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert rounds_of(main_job, "job") == list(range(ROUNDS))
    assert samples_of(main_job, "train:logloss", "job") == ROUNDS
    last = [line for line in main_job.log("job") if "train-logloss" in line][-1]
    assert job["FinalMetricDataList"][0]["Value"] == pytest.approx(float(last.rpartition(":")[2]))
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert main_job.artefact("job") == ["xgboost-model"]


def test_a_job_that_has_just_been_accepted_is_kept(server, main_job):
    main_job.start("job")
    server.kill()
    server.start()
    assert main_job.end("job")["TrainingJobStatus"] == "Completed"
    assert rounds_of(main_job, "job") == [0, 1, 2]


def cluster(job, name):
    """Start K-Means over many epochs in Pipe mode."""
    settings = {"k": "5", "feature_dim": "20", "epochs": str(EPOCHS), "mini_batch_size": "500"}
    job.start(name, job.channel(RECORDIO, "piped"), image=KMEANS, settings=settings, mode="Pipe")


def epochs_of(job, name):
    return [line for line in job.log(name) if "processed a total of" in line]


@pytest.fixture
def piped(main_job):
    """Data for `cluster`, in several objects."""
    rows = np.random.default_rng(0).normal(size=(60_000, 20)).astype(np.float32)
    for number, part in enumerate(np.split(rows, 3)):
        stream = io.BytesIO()
        write_records(stream, part)
        main_job.put(f"piped/{number}", stream.getvalue())


def test_a_pipe_job_goes_on_with_all_of_its_data(server, main_job, piped):
    cluster(main_job, "alone")
    assert main_job.end("alone")["TrainingJobStatus"] == "Completed"
    cluster(main_job, "killed")
    wait_until(lambda: epochs_of(main_job, "killed"), "the job never began")
    server.kill()
    server.start()
    job = main_job.end("killed")
    assert (job["TrainingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    lines = epochs_of(main_job, "killed")
    assert len(lines) == EPOCHS
    assert all("processed a total of 60000 examples" in line for line in lines)
    assert digest(main_job, "alone") == digest(main_job, "killed")


def digest(job, name):
    """What the model of a job is, whatever the archive around it says of times."""
    body = job.s3.get_object(Bucket=BUCKET, Key=f"models/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return hashlib.sha256(archive.extractfile("model_algo-1").read()).hexdigest()


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_a_job_that_dies_with_its_server_fails_with_the_reason(server, main_job, piped, mode):
    if mode == "File":
        main_job.start("job", settings={**BOOSTING, "num_round": "1000000"})
        wait_until(lambda: rounds_of(main_job, "job"), "the job never began")
    else:
        cluster(main_job, "job")
        wait_until(lambda: epochs_of(main_job, "job"), "the job never began")
    server.kill(*server.processes())
    server.start()
    job = main_job.end("job")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: ")
    assert "Contents" not in main_job.s3.list_objects_v2(Bucket=BUCKET, Prefix="models/")
    assert main_job.train("next")["TrainingJobStatus"] == "Completed"


def test_an_endpoint_answers_again_and_ctrl_c_leaves_no_process(server, main_job):
    artefact = main_job.train("job")["ModelArtifacts"]["S3ModelArtifacts"]
    row = b",".join([b"0.5"] * 10)
    assert main_job.deploy("endpoint", artefact)["EndpointStatus"] == "InService"
    before = main_job.invoke("endpoint", row)
    server.kill()
    server.start()
    assert main_job.invoke("endpoint", row) == before

    main_job.start("endless", settings={**BOOSTING, "num_round": "1000000"})
    wait_until(lambda: rounds_of(main_job, "endless"), "the job never began")
    processes = server.processes()
    said = server.stop()
    assert not [pid for pid in processes if alive(pid)]
    assert "Traceback" not in said
    assert "destroyed" not in said

    server.start()
    assert main_job.end("endless")["TrainingJobStatus"] == "Stopped"
    assert main_job.invoke("endpoint", row) == before


def test_what_s3_acknowledged_is_there(server, main_job):
    acknowledged, parts = {}, {}
    s3, numbers = main_job.s3, count()
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="large")["UploadId"]
    part = os.urandom(5 << 20)

    def put(size):
        for number in numbers:
            body = f"{number} ".encode() * size
            try:
                s3.put_object(Bucket=BUCKET, Key=f"put/{number}", Body=body)
            except BotoCoreError:
                return
            acknowledged[f"put/{number}"] = body

    def send_parts():
        for number in range(1, 10_000):
            try:
                found = s3.upload_part(Bucket=BUCKET, Key="large", UploadId=upload, PartNumber=number, Body=part)
            except BotoCoreError:
                return
            parts[number] = found["ETag"]

    threads = [threading.Thread(target=put, args=(size,)) for size in (10, 30_000)]
    threads.append(threading.Thread(target=send_parts))
    for thread in threads:
        thread.start()
    wait_until(lambda: len(acknowledged) > 40 and len(parts) > 2, "nothing was put")
    server.kill()
    for thread in threads:
        thread.join()
    server.start()

    for key, body in acknowledged.items():
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="put/")
    # A put that was cut off may be there or not; where it is, it is whole.
    more = {row["Key"] for page in listed for row in page["Contents"]} - acknowledged.keys()
    assert len(more) <= 2
    for key in more:
        number = key.removeprefix("put/").encode()
        assert set(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().split()) == {number}
    sent = [{"PartNumber": number, "ETag": etag} for number, etag in parts.items()]
    s3.complete_multipart_upload(Bucket=BUCKET, Key="large", UploadId=upload, MultipartUpload={"Parts": sent})
    assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == part * len(parts)


def test_the_main_job_with_its_state_in_postgres(tmp_path, postgres):
    server = Server(tmp_path, CLARY_DATABASE_URL=postgres)
    try:
        job = MainJob(server.client, "in-postgres")
        job.s3.create_bucket(Bucket="in-postgres")
        job.put("train/part-0.csv", labelled_rows())
        end = job.train("job", settings={**BOOSTING, "num_round": str(ROUNDS)})
        assert (end["TrainingJobStatus"], end.get("FailureReason")) == ("Completed", None)
        assert rounds_of(job, "job") == list(range(ROUNDS))
        assert samples_of(job, "train:logloss", "job") == ROUNDS
        job.deploy("endpoint", end["ModelArtifacts"]["S3ModelArtifacts"])
        before = job.invoke("endpoint", b"2,0,0")
        assert float(before) > 0.9
        server.kill()
        server.start()
        assert job.invoke("endpoint", b"2,0,0") == before
        assert not list(server.folder.glob("*.db"))
        server.stop()
        command = [sys.executable, "-m", "clary", "reset", "--yes", "--data-dir", str(server.folder)]
        subprocess.run(command, env={**os.environ, "CLARY_DATABASE_URL": postgres}, check=True, timeout=60)
        server.start()
        assert job.s3.list_buckets()["Buckets"] == []
    finally:
        server.close()
