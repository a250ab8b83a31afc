"""Bayesian against random search: the best of 25 trials, from the same seeds, on three small problems.

    python benchmarks/tuning_search.py [--seeds 30] [--trials 25] [--problem NAME]

The search of `clary.tuning` drives the estimators directly, without a server. Both strategies begin with the same
random trials, so a difference is what the Bayesian one learned from them. Prints the median of the best objective a
seed (the lower the better) and how often each side won. To be reached: Bayesian not worse on any, better on two.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from clary.algorithms.base import as_batches
from clary.algorithms.knn import KNN
from clary.algorithms.linear_learner import LinearLearner
from clary.algorithms.xgboost import XGBoost
from clary.tuning import Categorical, Continuous, Integer, Known, Space, suggest

STRATEGIES = ("Random", "Bayesian")


class Data(NamedTuple):
    """Rows to learn from and rows to judge by."""

    rows: np.ndarray
    judged: np.ndarray
    labels: np.ndarray
    answers: np.ndarray


class Problem(NamedTuple):
    """What is searched, and the cost of values on data."""

    title: str
    load: Callable[..., Any]
    space: Space
    cost: Callable[[Data, dict[str, Any]], float]


def boost(data: Data, values: dict[str, Any]) -> float:
    """Log loss of XGBoost."""
    model = XGBoost(objective="binary:logistic", num_round=50, nthread=1, **values).fit(data.rows, data.labels)
    return float(log_loss(data.answers, np.clip(model.predict(data.judged), 1e-6, 1 - 1e-6)))


def look_near(data: Data, values: dict[str, Any]) -> float:
    """Share of wrong answers of k-NN."""
    model = KNN(predictor_type="classifier", **values).fit(data.rows, data.labels)
    return float(np.mean(model.predict(data.judged) != data.answers))


def regress(data: Data, values: dict[str, Any]) -> float:
    """Mean squared error of Linear Learner."""
    model = LinearLearner(predictor_type="regressor", num_models=1, epochs=15, **values)
    model.fit(data.rows, data.labels, validation=as_batches(data.judged, data.answers))
    return float(np.mean((model.predict(data.judged) - data.answers) ** 2))


PROBLEMS = {
    "wdbc": Problem(
        "wdbc, XGBoost, log loss",
        datasets.load_breast_cancer,
        Space(
            [
                Continuous("eta", 0.01, 0.5, "Logarithmic"),
                Integer("max_depth", 1, 10),
                Continuous("min_child_weight", 0, 20),
                Continuous("subsample", 0.5, 1),
                Continuous("colsample_bytree", 0.5, 1),
                Continuous("reg_lambda", 0.001, 1000, "Logarithmic"),
            ]
        ),
        boost,
    ),
    "digits": Problem(
        "digits, k-NN, errors",
        datasets.load_digits,
        Space([Integer("k", 1, 256, "Logarithmic"), Integer("sample_size", 256, 1200)]),
        look_near,
    ),
    "diabetes": Problem(
        "diabetes, Linear Learner, squared error",
        datasets.load_diabetes,
        Space(
            [
                Continuous("learning_rate", 1e-5, 1, "Logarithmic"),
                Continuous("l1", 1e-7, 1, "Logarithmic"),
                Continuous("wd", 1e-7, 1, "Logarithmic"),
                Integer("mini_batch_size", 10, 300, "Logarithmic"),
                Categorical("use_bias", ("true", "false")),
            ]
        ),
        regress,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--problem", choices=PROBLEMS, action="append")
    arguments = parser.parse_args()
    print(f"{arguments.trials} trials each, {arguments.seeds} seeds\n")
    print(f"{'problem':42}{'Random':>12}{'Bayesian':>12}{'ratio':>8}   won by Bayesian, tied, lost")
    verdicts = [compare(PROBLEMS[name], arguments) for name in arguments.problem or PROBLEMS]
    better, worse = sum(ratio < 1 for ratio in verdicts), sum(ratio > 1 for ratio in verdicts)
    print(f"\nBayesian better on {better}, worse on {worse}; to be reached: better on 2, worse on none")


def compare(problem: Problem, arguments: argparse.Namespace) -> float:
    """Print a row; the ratio of the medians."""
    rows, labels = problem.load(return_X_y=True)
    data = Data(*train_test_split(rows.astype(np.float32), labels.astype(np.float32), test_size=1 / 3, random_state=0))
    began = time.perf_counter()
    found = [
        [search(problem, data, name, seed, arguments.trials) for name in STRATEGIES] for seed in range(arguments.seeds)
    ]
    random, bayesian = (statistics.median(column) for column in zip(*found, strict=True))
    won, lost = sum(ours < theirs for theirs, ours in found), sum(ours > theirs for theirs, ours in found)
    counts = f"{won}, {len(found) - won - lost}, {lost}"
    print(f"{problem.title:42}{random:12.5g}{bayesian:12.5g}{bayesian / random:8.3f}   {counts}", end="")
    print(f"   ({time.perf_counter() - began:.0f} s)", flush=True)
    return bayesian / random


def search(problem: Problem, data: Data, strategy: str, seed: int, trials: int) -> float:
    """The lowest cost that a search finds."""
    known: list[Known] = []
    for number in range(trials):
        values = suggest(strategy, problem.space, seed=seed, number=number, known=known)
        known.append(Known(values, problem.cost(data, values)))
    return min(trial.cost for trial in known if trial.cost is not None)


if __name__ == "__main__":
    main()
