"""How good predictions are, in the scores that the containers' logs name; pure numpy.

Scores of classes follow from `count_classes`, whose counts add up over batches and hosts. Each score is scikit-learn's
of the same name; one that divides by nothing is 0.
"""

import numpy as np


def count_classes(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(n,) true and (n,) predicted classes, 0 to `classes` - 1 -> (3, classes) counts of hits, predicted and true."""
    true, guessed = labels.astype(np.int64), predicted.astype(np.int64)
    return np.stack([np.bincount(which, minlength=classes) for which in (true[true == guessed], guessed, true)])


def binary_scores(labels: np.ndarray, predicted: np.ndarray, beta: float = 1.0) -> dict[str, float]:
    """accuracy, precision, recall and f_beta of (n,) true and predicted classes, each 0 or 1; 1 is the positive one."""
    counts = count_classes(labels, predicted, 2)
    precision, recall = float(_precisions(counts)[1]), float(_recalls(counts)[1])
    return {
        "accuracy": _accuracy(counts),
        "precision": precision,
        "recall": recall,
        "f_beta": float(f_beta(precision, recall, beta)),
    }


def multiclass_scores(labels: np.ndarray, predicted: np.ndarray, classes: int, beta: float = 1.0) -> dict[str, float]:
    """accuracy, balanced_accuracy, macro_precision, macro_recall and macro_f_beta of (n,) true and predicted classes.

    The macro scores are means over the classes that are true or predicted somewhere; balanced accuracy is the mean
    recall of those that are true somewhere.
    """
    return multiclass_scores_of(count_classes(labels, predicted, classes), beta)


def multiclass_scores_of(counts: np.ndarray, beta: float = 1.0) -> dict[str, float]:
    """`multiclass_scores` from `count_classes`, of one batch or of many added up."""
    _, predicted, true = counts
    seen = true + predicted > 0
    precisions, recalls = _precisions(counts), _recalls(counts)
    return {
        "accuracy": _accuracy(counts),
        "balanced_accuracy": _mean(recalls[true > 0]),
        "macro_precision": _mean(precisions[seen]),
        "macro_recall": _mean(recalls[seen]),
        "macro_f_beta": _mean(f_beta(precisions, recalls, beta)[seen]),
    }


def f_beta(precision: np.ndarray | float, recall: np.ndarray | float, beta: float = 1.0) -> np.ndarray:
    """(1 + beta^2) P R / (beta^2 P + R): recall counts beta times as much as precision."""
    above = (1 + beta**2) * np.multiply(precision, recall)
    below = np.asarray(beta**2 * np.asarray(precision) + recall)
    return np.asarray(np.divide(above, below, out=np.zeros(below.shape), where=below > 0))


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The odds that a row of class 1 scores above one of class 0, equal scores count half; NaN where a class lacks."""
    order = np.argsort(scores, kind="stable")
    ranked, positive = scores[order], labels[order] > 0
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)  # the last row of each equal score
    positives, negatives = (np.diff(np.cumsum(which)[ends], prepend=0) for which in (positive, ~positive))
    pairs = float(positives.sum()) * float(negatives.sum())
    below = np.cumsum(negatives) - negatives
    return float(positives @ (below + negatives / 2.0)) / pairs if pairs else float("nan")


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean of -ln p of the true class; probabilities (n,) of class 1, or (n, k) of each."""
    chances = probabilities.astype(np.float64)
    if chances.ndim == 1:
        true = np.where(labels > 0, chances, 1 - chances)
    else:
        true = chances[np.arange(len(labels)), labels.astype(np.int64)]
    return float(-np.log(np.maximum(true, 1e-15)).mean())


def ranks_of_true(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Where each row's true class stands among its (n, k) scores: (n,), 1 for the highest; of equals the first leads.

    `ranks <= k` are the top-k hits, and with one relevant class a row's discounted gain is 1 / log2(1 + rank).
    """
    true = labels.astype(np.int64)[:, None]
    own = np.take_along_axis(scores, true, axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < true))
    return np.asarray(1 + ahead.sum(axis=1))


def _accuracy(counts: np.ndarray) -> float:
    return float(counts[0].sum() / max(counts[2].sum(), 1))


def _precisions(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts[0] / np.maximum(counts[1], 1))


def _recalls(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts[0] / np.maximum(counts[2], 1))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
