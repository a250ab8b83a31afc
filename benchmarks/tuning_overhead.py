"""What a tuning job costs beyond its trainings: 30 trials of XGBoost on wdbc, two at a time, through boto3.

    python benchmarks/tuning_overhead.py [--trials 30] [--rounds 200] [--strategy Bayesian]

The same trainings then run in two plain processes that have their imports done and the data in memory. Prints the time
from CreateHyperParameterTuningJob until a client sees Completed, that of the trainings, and the difference. The server
is fresh: its first job warms it up. To be reached: a difference of at most 15 s.
"""

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import xgboost
from job_start import IMAGES, ROLE, client, server
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

REACH = 15.0
PARALLEL = 2
NAME = "wdbc"
STATIC = {"objective": "binary:logistic", "eval_metric": "logloss", "nthread": "1"}
RANGES = {
    "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "10"}],
    "ContinuousParameterRanges": [
        {"Name": "eta", "MinValue": "0.01", "MaxValue": "0.5", "ScalingType": "Logarithmic"},
        {"Name": "subsample", "MinValue": "0.5", "MaxValue": "1"},
        {"Name": "lambda", "MinValue": "0.001", "MaxValue": "1000", "ScalingType": "Logarithmic"},
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--strategy", default="Bayesian")
    arguments = parser.parse_args()
    os.environ["CLARY_JOB_CORES"] = str(2 * PARALLEL)  # an ml.m5.large has two
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as url:
        seconds, trials = tune(url, arguments)
    plain = train_plainly([trial["TunedHyperParameters"] for trial in trials], arguments.rounds)
    print(f"{arguments.trials} trials of {arguments.rounds} rounds, {PARALLEL} at a time, {arguments.strategy}")
    print(f"tuning job {seconds:.1f} s, trainings {plain:.1f} s")
    print(f"beyond the trainings: {seconds - plain:.1f} s, to be reached: at most {REACH:.0f} s")
    print(f"while no trial was between its TrainingStartTime and TrainingEndTime: {seconds - busy(trials):.1f} s")


def parts() -> dict[str, np.ndarray]:
    """The rows of each channel, the label first."""
    rows, labels = load_breast_cancer(return_X_y=True)
    whole = np.column_stack([labels, rows]).astype(np.float32)
    return dict(zip(("train", "validation"), train_test_split(whole, test_size=1 / 3, random_state=0), strict=True))


def tune(url: str, arguments: argparse.Namespace) -> tuple[float, list[dict]]:
    """Seconds, and the summaries of the trials."""
    s3, sagemaker = client("s3", url), client("sagemaker", url)
    s3.create_bucket(Bucket="bench")
    for channel, rows in parts().items():
        body = "".join(",".join(map(str, row)) + "\n" for row in rows.tolist())
        s3.put_object(Bucket="bench", Key=f"{channel}/part-0.csv", Body=body.encode())
    begun = time.perf_counter()
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=NAME,
        HyperParameterTuningJobConfig={
            "Strategy": arguments.strategy,
            "RandomSeed": 0,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:logloss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": arguments.trials, "MaxParallelTrainingJobs": PARALLEL},
            "ParameterRanges": RANGES,
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {"TrainingImage": IMAGES["xgboost"], "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "StaticHyperParameters": {**STATIC, "num_round": str(arguments.rounds)},
            "InputDataConfig": [channel_of(name) for name in ("train", "validation")],
            "OutputDataConfig": {"S3OutputPath": "s3://bench/out"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
    )
    job = {"HyperParameterTuningJobStatus": "InProgress"}
    while job["HyperParameterTuningJobStatus"] == "InProgress":
        time.sleep(0.05)
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=NAME)
    seconds = time.perf_counter() - begun
    if job["TrainingJobStatusCounters"]["Completed"] != arguments.trials:
        raise SystemExit(job.get("FailureReason") or str(job["TrainingJobStatusCounters"]))
    listed = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=NAME, MaxResults=100
    )
    return seconds, listed["TrainingJobSummaries"]


def busy(trials: list[dict]) -> float:
    """Seconds in which at least one trial ran."""
    seconds, until = 0.0, trials[0]["TrainingStartTime"]
    for trial in sorted(trials, key=lambda trial: trial["TrainingStartTime"]):
        seconds += max(0.0, (trial["TrainingEndTime"] - max(until, trial["TrainingStartTime"])).total_seconds())
        until = max(until, trial["TrainingEndTime"])
    return seconds


def channel_of(name: str) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://bench/{name}/"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


def train_plainly(tuned: list[dict[str, str]], rounds: int) -> float:
    """Seconds of the same trainings in two processes."""
    with ProcessPoolExecutor(PARALLEL) as pool:
        list(pool.map(train, tuned[:PARALLEL], [rounds] * PARALLEL))  # the processes are there before the clock runs
        begun = time.perf_counter()
        list(pool.map(train, tuned, [rounds] * len(tuned)))
        return time.perf_counter() - begun


def train(tuned: dict[str, str], rounds: int) -> None:
    matrices = {name: xgboost.DMatrix(rows[:, 1:], label=rows[:, 0]) for name, rows in parts().items()}
    evals = [(matrix, name) for name, matrix in matrices.items()]
    xgboost.train({**STATIC, **tuned}, matrices["train"], rounds, evals=evals, verbose_eval=False)


if __name__ == "__main__":
    main()
