"""What the platform adds to a training: CreateTrainingJob -> Completed against the same training in a plain process.

    .venv/bin/python benchmarks/job_start.py [--repeat 7] [--rows 2000] [--columns 20]

Clary's side is a server of its own, asked through boto3 as a user would, and seen as Completed by a client that looks
every 10 ms. The plain side is the algorithm's own entry point in a fork of a process that has all imports done, on a
folder that holds the data already. They take turns; the medians are compared. The first job is created as soon as the
server answers at all.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import numpy as np
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

REACH_WARM, REACH_FIRST = 0.5, 2.0
ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
IMAGES = {
    "xgboost": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
    "kmeans": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
}
CONTENT = {"xgboost": "text/csv", "kmeans": "text/csv;label_size=1"}

PLAIN = """
import importlib, os, sys, time
from clary.algorithms.__main__ import main
name = sys.argv[1]
for module in ("xgboost", "pyarrow.csv", f"clary.algorithms.{name}", "clary.algorithms.train", "clary.formats.mxnet"):
    importlib.import_module(module)
print("ready", flush=True)
for line in sys.stdin:
    begun = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.environ["CLARY_OPT_ML"] = line.strip()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(main([name, "train"]))
    _, status = os.waitpid(pid, 0)
    assert status == 0
    print(time.perf_counter() - begun, flush=True)
"""


def hyperparameters(name: str, columns: int) -> dict[str, str]:
    if name == "xgboost":
        return {"num_round": "20", "objective": "binary:logistic"}
    return {"k": "5", "feature_dim": str(columns)}


def make_csv(rows: int, columns: int) -> bytes:
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, columns))
    lines = (",".join([str(int(row[0] + row[1] > 0)), *(f"{value:.5f}" for value in row)]) for row in x)
    return "\n".join(lines).encode() + b"\n"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server of its own; its URL as soon as it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "clary", "serve", "--port", str(port), "--data-dir", str(folder / "data")]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.005)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def client(service: str, url: str):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=url, config=Config(retries={"max_attempts": 0}), **keys)


def run_job(sagemaker, algorithm: str, name: str, columns: int) -> float:
    """Seconds from before CreateTrainingJob until a client sees Completed."""
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bench/data/"}
    begun = time.perf_counter()
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGES[algorithm], "TrainingInputMode": "File"},
        RoleArn=ROLE,
        HyperParameters=hyperparameters(algorithm, columns),
        InputDataConfig=[
            {"ChannelName": "train", "ContentType": CONTENT[algorithm], "DataSource": {"S3DataSource": source}}
        ],
        OutputDataConfig={"S3OutputPath": "s3://bench/out"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    while True:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] != "InProgress":
            break
        time.sleep(0.01)
    seconds = time.perf_counter() - begun
    if job["TrainingJobStatus"] != "Completed":
        sys.exit(f"{name}: {job.get('FailureReason')}")
    return seconds


class Plain:
    """A process with its imports done that trains when it is told to."""

    def __init__(self, folder: Path, algorithm: str, data: bytes, columns: int) -> None:
        self.folder, self.algorithm, self.data, self.columns = folder / f"plain-{algorithm}", algorithm, data, columns
        command = [sys.executable, "-c", PLAIN, algorithm]
        # As in a job: busy cores would drown the rest.
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "10000"}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.process.stdout.readline()

    def run(self, number: int) -> float:
        """Seconds of a training."""
        tree = self.folder / str(number)
        for inner in ("input/config", "input/data/train", "model", "output"):
            (tree / inner).mkdir(parents=True)
        (tree / "input/data/train/data.csv").write_bytes(self.data)
        channel = {
            "ContentType": CONTENT[self.algorithm],
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
        for name, content in (
            ("hyperparameters", hyperparameters(self.algorithm, self.columns)),
            ("inputdataconfig", {"train": channel}),
            ("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}),
        ):
            (tree / f"input/config/{name}.json").write_text(json.dumps(content))
        self.process.stdin.write(f"{tree}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def first_job(folder: Path, data: bytes, columns: int) -> float:
    """The first job of a fresh server, created as soon as it answers."""
    folder.mkdir()
    with server(folder) as url:
        s3 = client("s3", url)
        while True:
            try:
                s3.create_bucket(Bucket="bench")
                break
            except (BotoCoreError, ClientError):
                time.sleep(0.005)
        s3.put_object(Bucket="bench", Key="data/data.csv", Body=data)
        return run_job(client("sagemaker", url), "xgboost", "first", columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("repeat", 7), ("rows", 2000), ("columns", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    data = make_csv(given.rows, given.columns)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        first = first_job(folder / "first", data, given.columns)
        rows = []
        (folder / "warm").mkdir()
        with server(folder / "warm") as url:
            s3, sagemaker = client("s3", url), client("sagemaker", url)
            s3.create_bucket(Bucket="bench")
            s3.put_object(Bucket="bench", Key="data/data.csv", Body=data)
            for algorithm in IMAGES:
                run_job(sagemaker, algorithm, f"{algorithm}-warm-up", given.columns)
                plain = Plain(folder, algorithm, data, given.columns)
                plain.run(-1)
                turns = [
                    (run_job(sagemaker, algorithm, f"{algorithm}-{n}", given.columns), plain.run(n))
                    for n in range(given.repeat)
                ]
                plain.close()
                rows.append((algorithm, *(statistics.median(side) for side in zip(*turns, strict=True))))
    report(first, rows)


def report(first: float, rows: list[tuple[str, float, float]]) -> None:
    print(f"{'training':10} {'Clary':>9} {'plain':>9} {'ratio':>7} {'added':>9}   on {os.cpu_count()} cores")
    for name, job, plain in rows:
        added = job - plain
        verdict = "reached" if added <= REACH_WARM else "NOT REACHED"
        print(f"{name:10} {job:7.3f} s {plain:7.3f} s {job / plain:7.2f} {added:7.3f} s   <= {REACH_WARM} s: {verdict}")
    added = first - rows[0][2]
    verdict = "reached" if added <= REACH_FIRST else "NOT REACHED"
    print(
        f"{'first job':10} {first:7.3f} s {rows[0][2]:7.3f} s {first / rows[0][2]:7.2f} {added:7.3f} s"
        f"   <= {REACH_FIRST} s: {verdict}"
    )


if __name__ == "__main__":
    main()
