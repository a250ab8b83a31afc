"""An XGBoost job through the training entry point against `xgboost.train` on the same CSV file in a plain process.

    .venv/bin/python benchmarks/xgboost_job.py [--rows 400000] [--columns 40] [--rounds 150] [--repeat 3]

Both sides are a process of their own and are timed from its start to its end: imports, reading the file, training with
the train metric each round, saving the model. The plain process reads with pyarrow. They take turns; the medians are
compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REACH = 1.1

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


def prepare_job(folder: Path, data: Path, settings: dict) -> dict[str, str]:
    """The /opt/ml tree of a job on the file; the environment that points to it."""
    (folder / "input/config").mkdir(parents=True)
    (folder / "input/data/train").mkdir(parents=True)
    os.link(data, folder / "input/data/train/data.csv")
    texts = {name: str(value) for name, value in settings.items()}
    (folder / "input/config/hyperparameters.json").write_text(json.dumps(texts))
    (folder / "input/config/inputdataconfig.json").write_text(json.dumps({"train": {"ContentType": "text/csv"}}))
    return {**os.environ, "CLARY_OPT_ML": str(folder)}


def run(command: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """Seconds and peak memory in MiB of a process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[:3]} failed")
    return time.perf_counter() - begun, usage.ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("rows", 400_000), ("columns", 40), ("rounds", 150), ("repeat", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    settings = {"num_round": given.rounds, "objective": "binary:logistic", "max_depth": 8}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data, plain_model = folder / "data.csv", folder / "plain.ubj"
        write_csv(data, given.rows, given.columns)
        environment = prepare_job(folder / "ml", data, settings)
        plain = [sys.executable, "-c", PLAIN, str(data), str(settings), str(plain_model)]
        job = [sys.executable, "-m", "clary.algorithms", "xgboost", "train"]
        found = [(run(plain, dict(os.environ)), run(job, environment)) for _ in range(given.repeat)]
        same = plain_model.read_bytes() == (folder / "ml/model/xgboost-model").read_bytes()
        report(found, data.stat().st_size, same)


def report(found: list[tuple[tuple[float, int], tuple[float, int]]], size: int, same: bool) -> None:
    print(f"{size / 1e6:.0f} MB of CSV on {os.cpu_count()} cores; models identical: {'yes' if same else 'no'}")
    sides = {"xgboost.train": [plain for plain, _ in found], "Clary's job": [job for _, job in found]}
    for name, runs in sides.items():
        print(f"{name:15} {statistics.median(s for s, _ in runs):7.1f} s   peak {max(m for _, m in runs):6} MiB")
    ratio = statistics.median(job[0] for _, job in found) / statistics.median(plain[0] for plain, _ in found)
    print(f"{'ratio':15} {ratio:7.2f}     reach <= {REACH}: {'reached' if ratio <= REACH else 'NOT REACHED'}")


if __name__ == "__main__":
    main()
