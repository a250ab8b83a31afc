"""An XGBoost job against `xgboost.train` on the same CSV file in a plain process.

    .venv/bin/python benchmarks/xgboost_job.py [--rows 400000] [--columns 40] [--rounds 300] [--repeat 3]

Three sides take turns, and medians are compared:
* the plain process, from its start to its end: imports, reading with pyarrow, training with the train metric each round
  (which a job prints too), saving the model;
* Clary's training entry point, the container, from its start to its end;
* the job: CreateTrainingJob to Completed through boto3, on a server that has run one small job before.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from job_start import CONTENT, IMAGES, ROLE, client, server

REACH = 1.1
SMALL = 2000

PLAIN = """
import sys, numpy as np, xgboost
from pyarrow import csv
path, settings, model = sys.argv[1], eval(sys.argv[2]), sys.argv[3]
table = csv.read_csv(path, read_options=csv.ReadOptions(autogenerate_column_names=True))
rows = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float32)
matrix = xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])
rounds = settings.pop("num_round")
booster = xgboost.train(settings, matrix, rounds, evals=[(matrix, "train")], verbose_eval=False)
booster.save_model(model)
"""


def write_csv(path: Path, rows: int, columns: int) -> None:
    """Rows of a smooth binary problem with noise, the label first."""
    random = np.random.default_rng(0)
    with path.open("w") as file:
        for start in range(0, rows, 50_000):
            x = random.normal(size=(min(50_000, rows - start), columns))
            score = x[:, 0] + x[:, 1] * x[:, 2] - np.abs(x[:, 3]) + random.normal(size=len(x))
            np.savetxt(file, np.column_stack([score > 0, x]), delimiter=",", fmt="%.5g")


class Plain:
    name = "xgboost.train"

    def __init__(self, folder: Path, data: Path, settings: dict) -> None:
        self.path = folder / "plain.ubj"
        self.command = [sys.executable, "-c", PLAIN, str(data), str(settings), str(self.path)]

    def run(self) -> tuple[float, int]:
        return run_process(self.command, dict(os.environ))

    def model(self) -> bytes:
        return self.path.read_bytes()


class Entry:
    name = "training entry"

    def __init__(self, folder: Path, data: Path, settings: dict) -> None:
        self.folder = folder / "ml"
        (self.folder / "input/config").mkdir(parents=True)
        (self.folder / "input/data/train").mkdir(parents=True)
        os.link(data, self.folder / "input/data/train/data.csv")
        (self.folder / "input/config/hyperparameters.json").write_text(json.dumps(as_texts(settings)))
        channels = {"train": {"ContentType": "text/csv"}}
        (self.folder / "input/config/inputdataconfig.json").write_text(json.dumps(channels))

    def run(self) -> tuple[float, int]:
        command = [sys.executable, "-m", "clary.algorithms", "xgboost", "train"]
        return run_process(command, {**os.environ, "CLARY_OPT_ML": str(self.folder)})

    def model(self) -> bytes:
        return (self.folder / "model/xgboost-model").read_bytes()


class Job:
    name = "job"

    def __init__(self, url: str, data: Path, settings: dict) -> None:
        self.s3, self.sagemaker, self.settings, self.count = client("s3", url), client("sagemaker", url), settings, 0
        self.s3.create_bucket(Bucket="bench")
        lines = data.read_bytes()[: 1 << 20].splitlines(keepends=True)[:SMALL]
        self.s3.put_object(Bucket="bench", Key="small/data.csv", Body=b"".join(lines))
        self.s3.upload_file(str(data), "bench", "large/data.csv")
        self._train("small", {**settings, "num_round": 5})

    def run(self) -> tuple[float, int]:
        return self._train("large", self.settings), 0

    def model(self) -> bytes:
        key = f"out/job-{self.count}/output/model.tar.gz"
        packed = self.s3.get_object(Bucket="bench", Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            return archive.extractfile("xgboost-model").read()

    def _train(self, prefix: str, settings: dict) -> float:
        """Seconds from before CreateTrainingJob until Completed is seen."""
        self.count += 1
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bench/{prefix}/"}}
        begun = time.perf_counter()
        self.sagemaker.create_training_job(
            TrainingJobName=f"job-{self.count}",
            AlgorithmSpecification={"TrainingImage": IMAGES["xgboost"], "TrainingInputMode": "File"},
            RoleArn=ROLE,
            HyperParameters=as_texts(settings),
            InputDataConfig=[{"ChannelName": "train", "ContentType": CONTENT["xgboost"], "DataSource": source}],
            OutputDataConfig={"S3OutputPath": "s3://bench/out"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
        )
        while True:
            job = self.sagemaker.describe_training_job(TrainingJobName=f"job-{self.count}")
            if job["TrainingJobStatus"] != "InProgress":
                break
            time.sleep(0.05)
        if job["TrainingJobStatus"] != "Completed":
            sys.exit(f"the job failed: {job.get('FailureReason')}")
        return time.perf_counter() - begun


def as_texts(settings: dict) -> dict[str, str]:
    return {name: str(value) for name, value in settings.items()}


def run_process(command: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """Seconds and peak memory in MiB of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[:3]} failed")
    return time.perf_counter() - begun, usage.ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 400_000), ("columns", 40), ("rounds", 300), ("repeat", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    settings = {"num_round": given.rounds, "objective": "binary:logistic", "max_depth": 8}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = folder / "data.csv"
        write_csv(data, given.rows, given.columns)
        with server(folder) as url:
            sides = [Plain(folder, data, settings), Entry(folder, data, settings), Job(url, data, settings)]
            found = [[side.run() for side in sides] for _ in range(given.repeat)]
            models = {side.model() for side in sides}
        print(f"{data.stat().st_size / 1e6:.0f} MB of CSV, {given.rounds} rounds, {os.cpu_count()} cores")
        print(f"models identical: {'yes' if len(models) == 1 else 'NO'}")
        report([side.name for side in sides], found)


def report(names: list[str], found: list[list[tuple[float, int]]]) -> None:
    seconds = [statistics.median(turn[place][0] for turn in found) for place in range(len(names))]
    for place, name in enumerate(names):
        memory = max(turn[place][1] for turn in found)
        peak = f"   peak {memory} MiB" if memory else ""
        print(f"{name:15} {seconds[place]:7.1f} s   {seconds[place] / seconds[0]:5.2f} x{peak}")
    ratio = seconds[-1] / seconds[0]
    print(f"reach: the job <= {REACH} x: {'reached' if ratio <= REACH else 'NOT REACHED'} ({ratio:.2f} x)")


if __name__ == "__main__":
    main()
