"""The metrics that Amazon's container adds to XGBoost's own, on labels and on predictions after the objective's link.

Each is scikit-learn's of the same name: precision, recall and f1_binary are of class 1, `f1` is the macro average.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clary.algorithms.xgboost_hosts import add_up, largest
from clary.errors import ClientError

BINARY_ONLY = ("f1_binary", "precision", "recall")


def own_metrics(names: Sequence[str]) -> list[str]:
    """Those of the names that are computed here and not by XGBoost, in the same order."""
    return [name for name in names if name in _SCORES or name in _ERRORS]


def evaluator(names: Sequence[str], objective: str) -> Callable[[np.ndarray, Any], list[tuple[str, float]]]:
    """What `xgboost.train` takes as custom_metric: (predictions, DMatrix) -> (name, value) each, over all hosts."""
    needs_classes = any(name in _SCORES for name in names)
    needs_errors = any(name in _ERRORS for name in names)

    def evaluate(predictions: np.ndarray, matrix: Any) -> list[tuple[str, float]]:
        labels = matrix.get_label()
        classes = predicted_classes(predictions, objective) if needs_classes else None
        counts = add_up(confusion(labels, classes)) if classes is not None else None
        sums = add_up(error_sums(labels, predictions)) if needs_errors else None
        return [(name, _ERRORS[name](sums) if name in _ERRORS else _score(name, counts)) for name in names]

    return evaluate


def predicted_classes(predictions: np.ndarray, objective: str) -> np.ndarray:
    """(n,) or (n, k) predictions -> (n,) classes: the likeliest, or whether a probability passes one half."""
    if predictions.ndim == 2:
        return np.asarray(predictions.argmax(axis=1))
    if objective in ("multi:softmax", "binary:hinge"):
        return predictions.astype(np.int64)
    threshold = 0.0 if objective == "binary:logitraw" else 0.5
    return (predictions > threshold).astype(np.int64)


def confusion(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(n,) true and (n,) predicted classes -> (k, k) counts, true class by predicted class; k is all hosts' largest."""
    true = labels.astype(np.int64)
    size = largest(int(max(true.max(initial=0), classes.max(initial=0)))) + 1
    counts: np.ndarray = np.bincount(true * size + classes, minlength=size * size).reshape(size, size)
    return counts


def _score(name: str, counts: np.ndarray | None) -> float:
    assert counts is not None
    if name in BINARY_ONLY and len(counts) > 2:
        raise ClientError(f"Target is multiclass but metric {name} is for two classes; use {name}_macro or f1_macro")
    seen = (counts.sum(axis=0) + counts.sum(axis=1)) > 0  # classes that are neither true nor predicted don't count
    return float(_SCORES[name](counts, seen))


def _recalls(counts: np.ndarray) -> np.ndarray:
    return _divide(np.diag(counts), counts.sum(axis=1))


def _precisions(counts: np.ndarray) -> np.ndarray:
    return _divide(np.diag(counts), counts.sum(axis=0))


def _f1s(counts: np.ndarray) -> np.ndarray:
    return _divide(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotients; 0 where nothing is below."""
    return np.asarray(above / np.maximum(below, 1))


def _accuracy(counts: np.ndarray, _seen: np.ndarray) -> float:
    return float(np.trace(counts) / max(counts.sum(), 1))


def _of_class_1(values: np.ndarray) -> float:
    return float(values[1]) if len(values) > 1 else 0.0


_SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": _accuracy,
    "precision_micro": _accuracy,
    "recall_micro": _accuracy,
    "balanced_accuracy": lambda counts, _: _recalls(counts)[counts.sum(axis=1) > 0].mean(),
    "f1": lambda counts, seen: _f1s(counts)[seen].mean(),
    "f1_macro": lambda counts, seen: _f1s(counts)[seen].mean(),
    "precision_macro": lambda counts, seen: _precisions(counts)[seen].mean(),
    "recall_macro": lambda counts, seen: _recalls(counts)[seen].mean(),
    "f1_binary": lambda counts, _: _of_class_1(_f1s(counts)),
    "precision": lambda counts, _: _of_class_1(_precisions(counts)),
    "recall": lambda counts, _: _of_class_1(_recalls(counts)),
}


def error_sums(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """(4,): the number of rows, and the sums of labels, of their squares, and of the squared errors."""
    true = labels.astype(np.float64)
    return np.array([len(true), true.sum(), np.square(true).sum(), np.square(true - predictions).sum()])


def _mse(sums: Any) -> float:
    rows, _, _, errors = sums
    return float(errors / rows)


def _r2(sums: Any) -> float:
    """1 - residual / total sum of squares; where all labels are equal 1 for no residual, else 0."""
    rows, labels, squares, errors = sums
    total = squares - labels**2 / rows
    return float(1 - errors / total) if total > 0 else float(errors == 0)


_ERRORS: dict[str, Callable[[Any], float]] = {"mse": _mse, "r2": _r2}
