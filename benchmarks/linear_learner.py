"""Linear Learner on 60,000 x 784, two classes: 32 models at once against 32 scikit-learn SGDClassifiers, and one model
against one, and against Vowpal Wabbit where it is installed; in turns.

    python benchmarks/linear_learner.py [--mnist FOLDER] [--rows N] [--epochs N] [--rounds N]

FOLDER holds mnist.npz (the classes are 0 to 4 and 5 to 9); without it data of the same size is generated. All sides
make the same number of passes over the same float32 rows in memory (Vowpal Wabbit over its own cache, made before the
clock runs) and vary step size, l1 and wd alike; of 32 models the one with the best accuracy on a validation part is
kept, and its AUC on a test part is compared. Ours includes what else the algorithm does: scaling, validation of all
models after each pass, the choice of the threshold. To be reached: 32 models at least 8 times as fast, AUC not lower by
more than 0.002; one model not slower.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score

from clary.algorithms.base import as_batches
from clary.algorithms.linear_learner import LinearLearner
from clary.algorithms.linear_learner_hyperparameters import LEARNING_RATES, REGULARIZATION

try:
    from vowpalwabbit import Workspace
except ImportError:
    Workspace = None

HELD_BACK = 10_000


class Data(NamedTuple):
    """Rows and labels of the three parts."""

    x: np.ndarray
    y: np.ndarray
    validation_x: np.ndarray
    validation_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, metavar="FOLDER")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    data = read_mnist(arguments.mnist, arguments.rows) if arguments.mnist else generate(arguments.rows)
    epochs = arguments.epochs
    name = "MNIST" if arguments.mnist else "generated"
    print(f"{name}, {data.x.shape[0]:,} x {data.x.shape[1]}, {epochs} passes, medians of {arguments.rounds} rounds\n")
    ours(data._replace(x=data.x[:2000], y=data.y[:2000]), 1, 32)  # imports and threads are made before the clock runs

    with tempfile.TemporaryDirectory() as folder:
        single: dict[str, Callable[[], float]] = {
            "Clary, 1 model": lambda: ours(data, epochs, 1),
            "SGDClassifier": lambda: theirs(data, epochs, 1),
        }
        if Workspace:
            write_cache(data, Path(folder))
            single["Vowpal Wabbit"] = lambda: wabbit(data, epochs, Path(folder))
        compare(
            "Clary, 32 models",
            {
                "Clary, 32 models": lambda: ours(data, epochs, 32),
                "32 SGDClassifiers": lambda: theirs(data, epochs, 32),
            },
            arguments.rounds,
            "reach >= 8",
        )
        compare("Clary, 1 model", single, arguments.rounds, "reach >= 1")
    if not Workspace:
        print("Vowpal Wabbit is not installed here: left out")


def compare(mine: str, sides: dict[str, Callable[[], float]], rounds: int, goal: str) -> None:
    """Run all sides in turns; print their median times and AUCs, and how many times as fast the first one is."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            begun = time.perf_counter()
            score = run()
            runs[name].append((time.perf_counter() - begun, score))
    times = {name: statistics.median(seconds for seconds, _ in each) for name, each in runs.items()}
    scores = {name: statistics.median(score for _, score in each) for name, each in runs.items()}
    print(f"{'':24}{'time, s':>10}{'AUC':>10}{'times as slow':>16}{'our AUC - its':>16}")
    for name, seconds in times.items():
        ratio = f"{seconds / times[mine]:16.2f}{scores[mine] - scores[name]:16.4f}  ({goal})" if name != mine else ""
        print(f"{name:24}{seconds:10.3f}{scores[name]:10.4f}{ratio}")
    print()


def ours(data: Data, epochs: int, models: int) -> float:
    model = LinearLearner(
        predictor_type="binary_classifier", num_models=models, epochs=epochs, early_stopping_patience=epochs + 1
    )
    model.fit(data.x, data.y, validation=as_batches(data.validation_x, data.validation_y))
    return float(roc_auc_score(data.test_y, data.test_x @ model.weights_[0]))


def theirs(data: Data, epochs: int, models: int) -> float:
    """The best of SGDClassifiers on the grid of ours; scikit-learn's alpha and l1_ratio are wd and l1 in one."""
    fitted = []
    for rate, l1, wd, schedule in list(
        product(LEARNING_RATES["sgd"], *REGULARIZATION.values(), ("constant", "invscaling"))
    )[:models]:
        alpha = l1 + wd
        one = SGDClassifier(
            loss="log_loss",
            penalty="elasticnet" if l1 else "l2",
            alpha=alpha,
            l1_ratio=l1 / alpha,
            learning_rate=schedule,
            eta0=rate,
            power_t=0.25,
            max_iter=epochs,
            tol=None,
        )
        fitted.append(one.fit(data.x, data.y))
    best = max(fitted, key=lambda one: one.score(data.validation_x, data.validation_y))
    return float(roc_auc_score(data.test_y, best.decision_function(data.test_x)))


def write_cache(data: Data, folder: Path) -> None:
    """Vowpal Wabbit's text of the rows, and the cache that it makes of it."""
    with (folder / "rows.txt").open("w") as file:
        for row, label in zip(data.x, data.y, strict=True):
            columns = np.flatnonzero(row)
            values = " ".join(map("{}:{:.4g}".format, columns, row[columns]))
            file.write(f"{1 if label else -1} | {values}\n")
    Workspace(f"-d {folder}/rows.txt --cache_file {folder}/rows.cache -k --passes 1 --quiet -b 12").finish()


def wabbit(data: Data, epochs: int, folder: Path) -> float:
    model = Workspace(
        f"--cache_file {folder}/rows.cache --passes {epochs} --holdout_off --loss_function logistic --quiet -b 12"
    )
    weights = np.array([model.get_weight(model.hash_feature(str(column), 0)) for column in range(data.x.shape[1])])
    model.finish()
    return float(roc_auc_score(data.test_y, data.test_x @ weights))


def read_mnist(folder: Path, rows: int) -> Data:
    with np.load(folder / "mnist.npz") as arrays:
        x, test_x = (arrays[name].reshape(-1, 784).astype(np.float32) / 255 for name in ("train_images", "test_images"))
        y, test_y = ((arrays[name] >= 5).astype(np.float32) for name in ("train_labels", "test_labels"))
    half = len(test_x) // 2
    return Data(x[:rows], y[:rows], test_x[:half], test_y[:half], test_x[half:], test_y[half:])


def generate(rows: int) -> Data:
    """784 columns of many scales, of which 100 bear on the label; one label in twenty is wrong."""
    rng = np.random.default_rng(0)
    total = rows + HELD_BACK
    x = rng.standard_normal((total, 784), np.float32)
    weights = np.zeros(784, np.float32)
    weights[rng.choice(784, 100, replace=False)] = rng.standard_normal(100, np.float32)
    y = ((x @ weights + 3 * rng.standard_normal(total, np.float32) > 0) ^ (rng.random(total) < 0.05)).astype(np.float32)
    x *= rng.uniform(0.3, 1.0, 784).astype(np.float32)
    first, second = rows, rows + HELD_BACK // 2
    return Data(x[:first], y[:first], x[first:second], y[first:second], x[second:], y[second:])


if __name__ == "__main__":
    main()
