"""A processing script as a user has one: splits a table in two."""

import argparse
import os

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--train-rows", type=int)
settings = parser.parse_args()
table = np.loadtxt("/opt/ml/processing/input/data/rows.csv", delimiter=",")
for name, part in {"train": table[: settings.train_rows], "rest": table[settings.train_rows :]}.items():
    os.makedirs(f"/opt/ml/processing/{name}", exist_ok=True)  # noqa: PTH103
    np.savetxt(f"/opt/ml/processing/{name}/rows.csv", part, delimiter=",", fmt="%g")
    print(f"{name}: {len(part)} rows")
