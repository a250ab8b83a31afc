"""How good Linear Learner's models are on a channel: losses, the threshold of a binary classifier, the log's scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from clary.algorithms import scores as formulas
from clary.algorithms.base import Run
from clary.algorithms.exchange import gather
from clary.algorithms.linear_learner_hyperparameters import BINARY, MULTICLASS
from clary.algorithms.linear_learner_losses import logistic, objective_of, softmax
from clary.algorithms.reservoir import Sample
from clary.errors import ClientError

SCORED_ROWS = 1_000_000
"""Rows of a channel that the scores of a binary classifier are computed on, drawn at random where there are more."""
CALIBRATION_BYTES = 256 << 20
LOSSES = ("objective", "mse", "absolute_loss")
"""Ends of the names of scores that are to be small; multiclass_log_loss is a <score> in the containers' logs too."""


class Cut(NamedTuple):
    """Where a binary classifier's scores, before the sigmoid, become label 1, and what it reaches there."""

    value: float
    """The criterion's, higher is better."""
    score: float


def calibrate(scores: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any]) -> Cut:
    """The cut between (n,) scores that is best by binary_classifier_model_selection_criteria; ties: closest to 0."""
    order = np.argsort(-scores)
    ranked = scores[order].astype(np.float64)
    hits = np.concatenate([[0], np.cumsum(labels[order] > 0)])  # true positives if the first i rows are called 1
    called, rows = np.arange(len(hits)), len(scores)
    positives = hits[-1]
    precision, recall = hits / np.maximum(called, 1), hits / max(positives, 1)
    values = _criterion(precision, recall, (rows - positives - called + 2 * hits) / max(rows, 1), settings)
    cuts = np.concatenate([[np.nextafter(ranked[0], np.inf)], (ranked[:-1] + ranked[1:]) / 2, ranked[-1:]])
    values[1:-1][ranked[:-1] == ranked[1:]] = -np.inf  # no cut parts equal scores
    best = np.flatnonzero(values >= values.max() - 1e-12)
    chosen = best[np.abs(cuts[best]).argmin()]
    # A range of cuts does as well as this one; one that holds 0, where nothing speaks for either label, keeps 0.
    low = ranked[chosen] if chosen < rows else -np.inf
    high = ranked[chosen - 1] if chosen else np.inf
    return Cut(float(values[chosen]), 0.0 if low < 0 <= high else float(cuts[chosen]))


def _criterion(
    precision: np.ndarray, recall: np.ndarray, accuracy: np.ndarray, settings: Mapping[str, Any]
) -> np.ndarray:
    """The criterion's value at each cut; where a target can't be met, what comes closest to it is best."""
    name = settings["binary_classifier_model_selection_criteria"]
    if name == "accuracy":
        return accuracy
    if name in ("f1", "f_beta"):
        return formulas.f_beta(precision, recall, settings["f_beta"] if name == "f_beta" else 1.0)
    if name == "precision_at_target_recall":
        value, bound, target = precision, recall, settings["target_recall"]
    else:
        value, bound, target = recall, precision, settings["target_precision"]
    return np.where(bound >= target, value, bound - target - 1)


def calibrates(settings: Mapping[str, Any]) -> bool:
    """Whether there is a threshold to choose: a loss as the criterion leaves it where the loss has it."""
    criterion = settings["binary_classifier_model_selection_criteria"]
    return settings["predictor_type"] == BINARY and criterion not in ("cross_entropy_loss", "loss_function")


class Standing(NamedTuple):
    """How a model did; the least one is the best: ties of the criterion go to the smaller loss."""

    cost: float
    """The loss, or the criterion's value below 0."""
    loss: float
    cut: float
    """The score, before the sigmoid, from which on the label is 1."""


def standings(
    costs: Sequence[float] | np.ndarray, losses: np.ndarray, cuts: Sequence[float] | None = None
) -> list[Standing]:
    """The standings of all models; those whose loss is no number any more come last."""
    return [
        Standing(float(cost), float(loss), cut) if np.isfinite(loss) else Standing(np.inf, np.inf, 0.0)
        for cost, loss, cut in zip(costs, losses, cuts or [0.0] * len(losses), strict=True)
    ]


class Evaluation:
    """A pass of all models over the validation channel."""

    def __init__(self, models: int, settings: Mapping[str, Any], run: Run) -> None:
        self.settings, self.run = settings, run
        self.losses, self.weights, self.entropies, self.rows = np.zeros(models), np.zeros(models), np.zeros(models), 0
        criterion = settings["binary_classifier_model_selection_criteria"]
        self.by_entropy = settings["predictor_type"] == BINARY and criterion == "cross_entropy_loss"
        size = min(settings["num_calibration_samples"], CALIBRATION_BYTES // (4 * (models + 1)))
        rng = np.random.default_rng([settings["seed"], 2, run.rank])
        self.sample = Sample(size if calibrates(settings) else 0, models + 1, rng)

    def add(self, scores: np.ndarray, labels: np.ndarray, losses: tuple[np.ndarray, np.ndarray]) -> None:
        """A batch's scores, labels and what `Ensemble.losses` says of them."""
        self.losses += losses[0]
        self.weights += losses[1]
        self.rows += len(labels)
        if self.sample.size:
            self.sample.add(np.column_stack([scores, labels]))
        if self.by_entropy:
            self.entropies += logistic(scores, labels)[0].sum(axis=0, dtype=np.float64)

    def standings(self) -> list[Standing]:
        """How each model did, over all hosts."""
        parts = [self.losses, self.weights, self.entropies, np.array(self.rows), self.sample.rows]
        losses, weights, entropies, rows, samples = join(self.run, parts)
        if not add(rows):
            raise ClientError("the validation channel has no records")
        means = add(losses) / add(weights)
        if not self.sample.size:
            return standings(add(entropies) / add(rows) if self.by_entropy else means, means)
        *scores, labels = np.concatenate(samples).T
        cuts = [calibrate(each, labels, self.settings) for each in scores]
        return standings([-cut.value for cut in cuts], means, [cut.score for cut in cuts])


def join(run: Run, parts: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
    """Each part as all hosts have it: part -> host -> array."""
    return list(zip(*(gather(run, parts) if len(run.hosts) > 1 else [list(parts)]), strict=True))


def add(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of the hosts' arrays."""
    return reduce(np.add, parts)


class Tally:
    """A pass of the finished model over a channel: all its scores in the words of the containers' logs."""

    def __init__(self, settings: Mapping[str, Any], run: Run) -> None:
        self.settings, self.run = settings, run
        self.sums = np.zeros(7)
        """Rows, loss, weights; of a regressor squared and absolute errors; of classes -ln p, top k hits, gain."""
        self.counts = np.zeros((3, settings["num_classes"] if settings["predictor_type"] == MULTICLASS else 0), int)
        rng = np.random.default_rng([settings["seed"], 3, run.rank])
        self.sample = Sample(SCORED_ROWS if settings["predictor_type"] == BINARY else 0, 2, rng)

    def add(self, scores: np.ndarray, labels: np.ndarray, loss: float, weight: float) -> None:
        """A batch's scores, (n,) or (n, classes), its labels, its summed loss and weights."""
        self.sums[:3] += len(labels), loss, weight
        if self.sample.size:
            self.sample.add(np.column_stack([scores, labels]))
        elif scores.ndim == 2:
            ranks = formulas.ranks_of_true(labels, scores)
            self.counts += formulas.count_classes(labels, scores.argmax(axis=1), scores.shape[1])
            entropy = formulas.cross_entropy(labels, softmax(scores.astype(np.float64))) * len(labels)
            hits = (ranks <= self.settings["accuracy_top_k"]).sum()
            self.sums[3:6] += entropy, hits, (1 / np.log2(1 + ranks)).sum()
        else:
            errors = scores.astype(np.float64) - labels
            self.sums[3:5] += errors @ errors, np.abs(errors).sum()

    def join_hosts(self) -> None:
        """Make it the tally of all hosts; each must call this."""
        sums, counts, samples = join(self.run, [self.sums, self.counts, self.sample.rows])
        self.sums, self.counts = add(sums), add(counts)
        self.scored = np.concatenate(samples)

    def calibrate(self) -> float:
        """The cut that is best on these rows."""
        scores, labels = self.scored[: self.settings["num_calibration_samples"]].T
        return calibrate(scores, labels, self.settings).score

    def scores(self, cut: float) -> dict[str, float]:
        """Name -> value, in the order of the log; what can't be said of these rows is left out."""
        rows, loss, weight, *more = self.sums.tolist()
        beta = self.settings["f_beta"]
        found: dict[str, float] = {objective_of(self.settings["loss"]): loss / weight}
        if self.sample.size:
            ranked, labels = self.scored.T
            values = formulas.binary_scores(labels, ranked >= cut, beta)
            found |= {"binary_classification_accuracy": values["accuracy"], f"binary_f_{beta:.3f}": values["f_beta"]}
            found |= {"precision": values["precision"], "recall": values["recall"]}
            found["roc_auc_score"] = formulas.roc_auc(labels, ranked)
        elif self.counts.size:
            entropy, hits, gain = (value / rows for value in more[:3])
            values = formulas.multiclass_scores_of(self.counts, beta)
            found["multiclass_accuracy"] = values["accuracy"]
            found[f"multiclass_top_k_accuracy_{self.settings['accuracy_top_k']}"] = hits
            found |= {"dcg": gain, "macro_recall": values["macro_recall"]}
            found |= {"macro_precision": values["macro_precision"], f"macro_f_{beta:.3f}": values["macro_f_beta"]}
            found |= {"multiclass_balanced_accuracy": values["balanced_accuracy"], "multiclass_log_loss": entropy}
        else:
            squared, absolute = (value / rows for value in more[:2])
            found |= {"mse": squared, "absolute_loss": absolute, "rmse": squared**0.5}
        return {name: value for name, value in found.items() if np.isfinite(value)}


def is_loss(name: str) -> bool:
    """Whether a score of the log is one that is to be small."""
    return name.endswith(LOSSES)
