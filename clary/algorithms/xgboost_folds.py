"""Cross validation, as `_kfold` and `_num_cv_round` ask: a booster a fold, mean metrics, held-out predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from clary.algorithms.base import Run
from clary.algorithms.log_lines import log_of
from clary.algorithms.xgboost_metrics import predicted_classes
from clary.algorithms.xgboost_training import boost
from clary.errors import ClientError

log = log_of("xgboost")

History = dict[str, dict[str, list[float]]]


def cross_validate(settings: dict[str, Any], matrix: xgboost.DMatrix, run: Run) -> list[xgboost.Booster]:
    """A booster a fold and round; prints their mean metrics, writes predictions.csv into output/data."""
    folds, rounds, count = settings["_kfold"], settings["_num_cv_round"] or 1, matrix.num_row()
    if count < folds:
        raise ClientError(f"_kfold {folds} needs as many rows at least; there are {count}")
    log.info("Run %d-round of %d-fold cross validation with %d rows", rounds, folds, count)
    labels = matrix.get_label()
    classes = settings["objective"].startswith(("binary:", "multi:"))
    random = np.random.default_rng(settings["seed"])
    boosters: list[xgboost.Booster] = []
    histories: list[History] = []
    predictions: list[np.ndarray] = []
    for _ in range(rounds):
        fold_of = assign_folds(labels if classes else None, count, folds, random)
        held_out = [np.flatnonzero(fold_of == fold) for fold in range(folds)]
        predicted = []
        for fold, outside in enumerate(held_out):
            log.info("Train cross validation fold %d", fold + 1)
            train, validation = matrix.slice(np.flatnonzero(fold_of != fold)), matrix.slice(outside)
            booster, history = boost(settings, train, [(train, "train"), (validation, "validation")], run)
            boosters.append(booster)
            histories.append(history)
            predicted.append(booster.predict(validation))
        predictions.append(np.concatenate(predicted)[np.argsort(np.concatenate(held_out))])
        run.say(mean_line(settings["num_round"], histories[-folds:]))
    if rounds > 1:
        log.info("The overall metrics of %d-round cross validation", rounds)
        run.say(mean_line(settings["num_round"], histories))
    if run.output:
        save_predictions(run.output, labels, predictions, settings["objective"] if classes else None)
    return boosters


def assign_folds(labels: np.ndarray | None, rows: int, folds: int, random: np.random.Generator) -> np.ndarray:
    """(rows,) a fold for each row at random, folds of equal size; with labels, equal shares of each label too."""
    order = random.permutation(rows)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    fold_of = np.empty(rows, np.int64)
    fold_of[order] = np.arange(rows) % folds
    return fold_of


def mean_line(rounds: int, histories: list[History]) -> str:
    """`[100]#011train-rmse:1.2#011validation-rmse:1.5`: the means of the folds' last values."""
    first = histories[0]
    names = [(data, metric) for metric in first["train"] for data in first]
    means = [(data, metric, np.mean([history[data][metric][-1] for history in histories])) for data, metric in names]
    return f"[{rounds}]" + "".join(f"#011{data}-{metric}:{mean:.5f}" for data, metric, mean in means)


def save_predictions(folder: Path, labels: np.ndarray, predictions: list[np.ndarray], objective: str | None) -> None:
    """predictions.csv, a row each: label, mean prediction; for classes mean probability and most frequent class."""
    folder.mkdir(parents=True, exist_ok=True)
    likeliest = [values.max(axis=1) if values.ndim == 2 else values for values in predictions]
    columns = [labels, np.mean(likeliest, axis=0)]
    if objective is not None:
        votes = np.stack([predicted_classes(values, objective) for values in predictions])
        counts = np.stack([(votes == value).sum(axis=0) for value in range(int(votes.max()) + 1)])
        columns.append(counts.argmax(axis=0))
    path = folder / "predictions.csv"
    log.info("Storing predictions on validation set(s) in %s", path)
    np.savetxt(path, np.column_stack(columns), delimiter=",", fmt="%f")
