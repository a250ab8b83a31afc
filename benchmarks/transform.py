"""A batch transform with XGBoost against reading, predicting and writing the same CSV file in one plain process.

    .venv/bin/python benchmarks/transform.py [--rows 1000000] [--columns 20] [--rounds 100] [--repeat 3]

Three sides take turns, and medians are compared:
* the plain process, from its start to its end: imports, reading with pyarrow, predicting on all cores, writing a line a
  row and syncing it;
* the transform of one object through boto3, CreateTransformJob to Completed, on a server that has run a small one;
* the same with the rows' ids: left out for the model ($[1:]), joined with the scores ($[0,-1]).
The first two must write the same bytes.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from job_start import IMAGES, ROLE, client, server

REACH = 2.0
TRAINING_ROWS = 20_000
JOIN = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}

PLAIN = """
import os, sys, numpy as np, xgboost
from pyarrow import csv
path, model, target = sys.argv[1:]
booster = xgboost.Booster(model_file=model)
table = csv.read_csv(path, read_options=csv.ReadOptions(autogenerate_column_names=True))
rows = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float32)
scores = booster.predict(xgboost.DMatrix(rows))
with open(target, "w") as file:
    file.write("\\n".join(map(str, scores.tolist())) + "\\n")
    file.flush()
    os.fsync(file.fileno())
"""


def write_csv(path: Path, rows: int, columns: int, *, ids: bool) -> None:
    """Rows of normal numbers, with or without their number in front."""
    random = np.random.default_rng(0)
    with path.open("w") as file:
        for start in range(0, rows, 50_000):
            count = min(50_000, rows - start)
            table = random.normal(size=(count, columns))
            numbers = np.arange(start, start + count)[:, None]
            form = ["%d"] * ids + ["%.5g"] * columns
            np.savetxt(file, np.hstack([numbers, table]) if ids else table, delimiter=",", fmt=form)


class Plain:
    name = "plain process"

    def __init__(self, folder: Path, data: Path, model: Path) -> None:
        self.target = folder / "plain.out"
        self.command = [sys.executable, "-c", PLAIN, str(data), str(model), str(self.target)]

    def run(self) -> tuple[float, int]:
        begun = time.perf_counter()
        process = subprocess.Popen(self.command)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit("the plain process failed")
        return time.perf_counter() - begun, usage.ru_maxrss // 1024

    def output(self) -> bytes:
        return self.target.read_bytes()


class Transform:
    """A transform of one object; `processing` is its DataProcessing."""

    count = 0

    def __init__(self, name: str, url: str, key: str, processing: dict[str, str]) -> None:
        self.name, self.key, self.processing = name, key, processing
        self.s3, self.sagemaker = client("s3", url), client("sagemaker", url)

    def run(self) -> tuple[float, int]:
        Transform.count += 1
        self.job = f"transform-{Transform.count}"
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bench/{self.key}"}}
        with PeakMemory() as memory:
            begun = time.perf_counter()
            self.sagemaker.create_transform_job(
                TransformJobName=self.job,
                ModelName="model",
                TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
                TransformOutput={"S3OutputPath": "s3://bench/out", "Accept": "text/csv", "AssembleWith": "Line"},
                TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
                DataProcessing=self.processing,
            )
            while (job := self.sagemaker.describe_transform_job(TransformJobName=self.job))[
                "TransformJobStatus"
            ] == "InProgress":
                time.sleep(0.05)
            seconds = time.perf_counter() - begun
        if job["TransformJobStatus"] != "Completed":
            sys.exit(f"the transform failed: {job.get('FailureReason')}")
        return seconds, memory.peak

    def output(self) -> bytes:
        return self.s3.get_object(Bucket="bench", Key=f"out/{self.key}.out")["Body"].read()


class PeakMemory:
    """The most memory, in MiB, that all processes below this one held together: the server, the driver, the model."""

    def __enter__(self) -> "PeakMemory":
        self.peak, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.peak = max(self.peak, sum(map(proportional_memory, descendants(os.getpid()))))


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def proportional_memory(pid: int) -> int:
    """MiB, what is shared counted by share."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) // 1024


def make_model(folder: Path, columns: int, rounds: int) -> Path:
    import xgboost

    random = np.random.default_rng(1)
    x = random.normal(size=(TRAINING_ROWS, columns)).astype(np.float32)
    label = x[:, 0] + x[:, 1] * x[:, 2] + random.normal(size=len(x)) > 0
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(x, label=label), rounds)
    booster.save_model(folder / "model.ubj")
    return folder / "model.ubj"


def register(url: str, folder: Path, model: Path) -> None:
    """Put the model and the data into the server."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(model, "xgboost-model")
    s3 = client("s3", url)
    s3.create_bucket(Bucket="bench")
    s3.put_object(Bucket="bench", Key="model.tar.gz", Body=archive.getvalue())
    for name in ("data.csv", "ids.csv"):
        s3.upload_file(str(folder / name), "bench", name)
    with (folder / "data.csv").open("rb") as file:
        s3.put_object(Bucket="bench", Key="small.csv", Body=b"".join(file.readline() for _ in range(100)))
    container = {"Image": IMAGES["xgboost"], "ModelDataUrl": "s3://bench/model.tar.gz"}
    client("sagemaker", url).create_model(ModelName="model", PrimaryContainer=container, ExecutionRoleArn=ROLE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 1_000_000), ("columns", 20), ("rounds", 100), ("repeat", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = make_model(folder, given.columns, given.rounds)
        data = folder / "data.csv"
        write_csv(data, given.rows, given.columns, ids=False)
        write_csv(folder / "ids.csv", given.rows, given.columns, ids=True)
        with server(folder) as url:
            register(url, folder, model)
            Transform("small", url, "small.csv", {}).run()
            plain, transform = Plain(folder, data, model), Transform("transform", url, "data.csv", {})
            sides = [plain, transform, Transform("transform, joined", url, "ids.csv", JOIN)]
            found = [[side.run() for side in sides] for _ in range(given.repeat)]
            same = plain.output() == transform.output()
        print(f"{given.rows} rows, {data.stat().st_size / 1e6:.0f} MB of CSV, {os.cpu_count()} cores")
        print(f"outputs identical: {'yes' if same else 'NO'}")
        report([side.name for side in sides], found)


def report(names: list[str], found: list[list[tuple[float, int]]]) -> None:
    seconds = [statistics.median(turn[place][0] for turn in found) for place in range(len(names))]
    for place, name in enumerate(names):
        memory = max(turn[place][1] for turn in found)
        print(f"{name:18} {seconds[place]:7.2f} s   {seconds[place] / seconds[0]:5.2f} x   peak {memory} MiB")
    ratio = seconds[1] / seconds[0]
    print(f"reach: the transform <= {REACH} x: {'reached' if ratio <= REACH else 'NOT REACHED'} ({ratio:.2f} x)")


if __name__ == "__main__":
    main()
