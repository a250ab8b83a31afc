"""The losses of Linear Learner and their slopes, for all models and all rows of a mini-batch at once; pure numpy.

A loss takes scores, (n, m) for m models or (n, m, k) where there are k classes, and the n labels, and answers the loss
(n, m) and its derivative by each score, of the scores' shape.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

Loss = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

OBJECTIVES = {
    "logistic": "binary_classification_cross_entropy_objective",
    "softmax_loss": "multiclass_cross_entropy_objective",
    "squared_loss": "mse_objective",
}
"""What the containers' logs call a loss, where it isn't `<loss>_objective`."""


def loss_of(settings: Mapping[str, Any]) -> Loss:
    """The loss that the settings name, with its parameters from there."""
    parameters = {
        "hinge_loss": "margin",
        "quantile_loss": "quantile",
        "huber_loss": "huber_delta",
        "eps_insensitive_squared_loss": "loss_insensitivity",
        "eps_insensitive_absolute_loss": "loss_insensitivity",
    }
    name = settings["loss"]
    loss = _LOSSES[name]
    return partial(loss, parameter=settings[parameters[name]]) if name in parameters else loss


def objective_of(loss: str) -> str:
    """The loss' name in the log."""
    return OBJECTIVES.get(loss, f"{loss}_objective")


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-z), without overflow."""
    small = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1, small) / (1 + small))


def softmax(scores: np.ndarray) -> np.ndarray:
    """e^z / sum e^z over the last axis, without overflow."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return np.asarray(powers)


def logistic(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln(1 + e^z) - y z, for labels 0 and 1."""
    small = np.exp(-np.abs(scores))
    chances = np.where(scores >= 0, 1, small) / (1 + small)
    return np.log(1 + small) + np.maximum(scores, 0) - labels[:, None] * scores, chances - labels[:, None]


def hinge_loss(scores: np.ndarray, labels: np.ndarray, parameter: float) -> tuple[np.ndarray, np.ndarray]:
    """max(0, margin - s z), s = -1 and 1 for labels 0 and 1."""
    signs = 2 * labels[:, None] - 1
    missing = parameter - signs * scores
    return np.maximum(missing, 0), np.where(missing > 0, -signs, 0)


def softmax_loss(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-ln of the true class' softmax."""
    chances = softmax(scores)
    true = (np.arange(len(labels)), slice(None), labels.astype(np.int64))
    losses = -np.log(np.maximum(chances[true], np.finfo(chances.dtype).tiny))
    chances[true] -= 1
    return losses, chances


def squared_loss(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(z - y)^2."""
    errors = scores - labels[:, None]
    return errors * errors, 2 * errors


def absolute_loss(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|z - y|."""
    errors = scores - labels[:, None]
    return np.abs(errors), np.sign(errors)


def eps_insensitive_squared_loss(
    scores: np.ndarray, labels: np.ndarray, parameter: float
) -> tuple[np.ndarray, np.ndarray]:
    """max(0, |z - y| - eps)^2."""
    errors = scores - labels[:, None]
    beyond = np.maximum(np.abs(errors) - parameter, 0)
    return beyond * beyond, 2 * beyond * np.sign(errors)


def eps_insensitive_absolute_loss(
    scores: np.ndarray, labels: np.ndarray, parameter: float
) -> tuple[np.ndarray, np.ndarray]:
    """max(0, |z - y| - eps)."""
    errors = scores - labels[:, None]
    beyond = np.maximum(np.abs(errors) - parameter, 0)
    return beyond, np.where(beyond > 0, np.sign(errors), 0)


def quantile_loss(scores: np.ndarray, labels: np.ndarray, parameter: float) -> tuple[np.ndarray, np.ndarray]:
    """q (y - z) where the label is above, (1 - q) (z - y) where it is below."""
    errors = scores - labels[:, None]
    slopes = np.where(errors < 0, -parameter, 1 - parameter).astype(scores.dtype)
    return errors * slopes, slopes


def huber_loss(scores: np.ndarray, labels: np.ndarray, parameter: float) -> tuple[np.ndarray, np.ndarray]:
    """e^2 / 2 up to an error of delta, beyond it delta (|e| - delta / 2)."""
    errors = scores - labels[:, None]
    slopes = np.clip(errors, -parameter, parameter)
    return slopes * (errors - slopes / 2), slopes


_LOSSES: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    function.__name__: function
    for function in (
        logistic,
        hinge_loss,
        softmax_loss,
        squared_loss,
        absolute_loss,
        eps_insensitive_squared_loss,
        eps_insensitive_absolute_loss,
        quantile_loss,
        huber_loss,
    )
}
