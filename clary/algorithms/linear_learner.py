"""Linear Learner: many linear models trained side by side with stochastic gradient descent, the best of them kept.

A model is z = w . x + b. It minimises the mean loss of z against the labels plus l1 |w| + wd / 2 |w|^2 by steps on
mini-batches: logistic loss for two classes, softmax for more, squared loss for numbers, or another by `loss`. Which
step size and which regularisation are good nobody knows beforehand, so up to 32 models with different ones learn from
each mini-batch at once: their scores are one matrix product, their gradients another, which costs little more than one
model does (linear_learner_ensemble.py has the formulas). Then:

* The first `num_point_for_scaler` rows give each column's mean and deviation; models see (x - mean) / deviation, the
  model that is kept is turned back and takes rows as they come. Sparse rows are only divided, so they stay sparse.
* After every epoch all models meet the validation channel. For two classes the cut between scores is chosen there by
  `binary_classifier_model_selection_criteria`; the best model of the best epoch is kept, and where nothing improves
  for `early_stopping_patience` epochs training ends. Without that channel the training loss decides, and the cut is
  chosen on the training rows at the end.
* On several hosts each trains on its shard, and after every epoch all take the mean of their weights.

How it differs from AWS's: docs/differences.d/linear_learner.md.

Time: O(n d m k) for an epoch of n rows, d columns, m models and k scores each (1, or the number of classes beyond two),
two matrix products a mini-batch; for sparse rows the non-zeros take the place of n d. Memory: a mini-batch, the first
rows for the scaler (64 MiB at most), up to three arrays (d, m k), and the scores that give the cut, whatever n is.

Papers: Robbins and Monro, A stochastic approximation method, 1951. Kingma and Ba, Adam, ICLR 2015. McMahan et al.,
Communication-efficient learning of deep networks from decentralized data, AISTATS 2017 (the mean of weights).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from clary.algorithms import linear_learner_artifact, log_lines
from clary.algorithms.base import (
    CSV,
    RECORDIO_PROTOBUF,
    REPLICATED,
    SHARDED,
    Algorithm,
    Batches,
    Channel,
    Estimator,
    Example,
    Metric,
    Run,
    Stopped,
    as_batches,
    as_features,
)
from clary.algorithms.linear_learner_hyperparameters import (
    BINARY,
    HYPERPARAMETERS,
    MULTICLASS,
    REGRESSOR,
    Candidate,
    with_autos,
)
from clary.algorithms.linear_learner_losses import sigmoid, softmax
from clary.algorithms.linear_learner_training import NAME, Training, log
from clary.errors import ClientError
from clary.formats import Batch, Sparse

SCORES = {
    "binary_classification_accuracy": "binary_classification_accuracy",
    "binary_f_beta": r"binary_f_\S+",
    "precision": "precision",
    "recall": "recall",
    "roc_auc_score": "roc_auc_score",
    "multiclass_accuracy": "multiclass_accuracy",
    "multiclass_top_k_accuracy": r"multiclass_top_k_accuracy_\S+",
    "dcg": "dcg",
    "macro_f_beta": r"macro_f_\S+",
    "macro_precision": "macro_precision",
    "macro_recall": "macro_recall",
}
"""A metric's name -> how the log spells it."""
ERRORS = ("mse", "absolute_loss", "rmse")


def _metrics() -> tuple[Metric, ...]:
    """Every score of every channel, the loss of every epoch and of the finished model, progress and speed."""
    line = r"#quality_metric: host=\S+, "
    found = []
    for channel in ("train", "validation", "test"):
        found += [
            Metric(f"{channel}:{name}", rf"{line}{channel} {text} <score>=(\S+)", "Maximize")
            for name, text in SCORES.items()
        ]
        found += [Metric(f"{channel}:{name}", rf"{line}{channel} {name} <loss>=(\S+)", "Minimize") for name in ERRORS]
        final = "objective_loss" if channel == "test" else "objective_loss:final"
        found.append(Metric(f"{channel}:{final}", rf"{line}{channel} \S+_objective <loss>=(\S+)", "Minimize"))
    found += [
        Metric(f"{channel}:objective_loss", rf"{line}epoch=\S+, {channel} \S+_objective <loss>=(\S+)", "Minimize")
        for channel in ("train", "validation")
    ]
    return (
        *found,
        Metric("train:progress", r"#progress_metric: host=\S+, completed (\S+) %", "Maximize"),
        Metric("train:throughput", r"#throughput_metric: host=\S+, train throughput=(\S+) records/second", "Maximize"),
    )


METRICS = _metrics()


class LinearLearner(Estimator):
    """Linear Learner with SageMaker's hyperparameters as keywords."""

    table: ClassVar = HYPERPARAMETERS

    weights_: np.ndarray
    """(k, d) float32 after `fit` or `load`, for rows as they come; k is 1, or the number of classes beyond two."""
    bias_: np.ndarray
    """(k,) float32"""
    predictor_type_: str
    loss_: str
    threshold_: float
    """The score from which on a binary classifier says 1."""

    def fit(
        self,
        batches: Any,
        y: Any = None,
        *,
        validation: Batches | None = None,
        test: Batches | None = None,
        run: Run | None = None,
    ) -> Self:
        """Learn from batches with labels, or from an (n, d) array and its (n,) labels y.

        validation: batches by which the best model, and a binary classifier's threshold, are chosen
        test: batches whose scores by the finished model are logged
        """
        run, begun = run or Run(), time.time()
        batches, settings = as_batches(batches, y), with_autos(self.settings())
        training = Training(batches, validation, settings, run)
        # A model may diverge; the others go on.
        with training.threads(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            models, cut = training.run_epochs()
            try:
                cut = training.score(models, cut, test)
            except Stopped:
                log.info("Training was asked to stop before all scores of the model were known")
        log.info("Best model found for hyperparameters: %s", describe(models.candidates[0], settings))
        weights, bias = models.unscaled()
        self._take(weights.T.astype(np.float32), bias.astype(np.float32), settings)
        self.threshold_ = float(self._answers(np.array(cut)))
        values = {"epochs": settings["epochs"], "totaltime": 1000 * (time.time() - begun)}
        run.say(log_lines.metrics(NAME, run.host, "training", begun, time.time(), values))
        return self

    def predict(self, x: Any) -> np.ndarray:
        """The label of each row of x, (n, d): (n,) float32, a class or a regressor's number."""
        answer = self.respond(Batch(as_features(x)))
        return np.asarray(answer.get("predicted_label", answer["score"]), np.float32)

    def predict_proba(self, x: Any) -> np.ndarray:
        """The chance of each class for each row of x, (n, classes); of logistic and softmax_loss alone."""
        if self.loss_ not in ("logistic", "softmax_loss"):
            raise ClientError(f"a model trained with the loss {self.loss_} knows no chances")
        chances = self._answers(self._scores(as_features(x)))
        return chances if self.predictor_type_ == MULTICLASS else np.column_stack([1 - chances, chances])

    def respond(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """score: a chance for logistic, (n, classes) chances for softmax_loss, else w . x + b; and for classifiers
        predicted_label."""
        scores = self._answers(self._scores(batch.features))
        answer = {"score": scores.astype(np.float32)}
        if self.predictor_type_ != REGRESSOR:
            labels = scores.argmax(axis=1) if self.predictor_type_ == MULTICLASS else scores >= self.threshold_
            answer["predicted_label"] = labels.astype(np.int64)
        return answer

    def save(self, folder: Path) -> None:
        """Write `model_algo-1`, a zip archive of an MXNet module as linear_learner_artifact.py describes it."""
        more = {"predictor_type": self.predictor_type_, "loss": self.loss_, "threshold": self.threshold_}
        linear_learner_artifact.save(folder, self.weights_, self.bias_, more)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder that `save` wrote."""
        weights, bias, more = linear_learner_artifact.load(folder)
        model = cls(predictor_type=more["predictor_type"], feature_dim=weights.shape[1], num_classes=len(bias))
        model._take(weights, bias, more)
        model.threshold_ = float(more["threshold"])
        return model

    def _take(self, weights: np.ndarray, bias: np.ndarray, settings: Mapping[str, Any]) -> None:
        """Keep a model's weights (k, d) and bias (k,)."""
        self.weights_, self.bias_ = weights, bias
        self.predictor_type_, self.loss_ = settings["predictor_type"], settings["loss"]
        self._columns = np.ascontiguousarray(weights.T, np.float64)

    def _scores(self, features: np.ndarray | Sparse) -> np.ndarray:
        """w . x + b in float64, where columns far from 0 keep their digits: (n,), or (n, classes)."""
        width = len(self._columns)
        Batch(features).check_width(width)
        rows: Any = features
        if isinstance(features, Sparse):
            rows = features.matrix(width)
        scores = np.asarray(rows @ self._columns + self.bias_)
        return scores if self.predictor_type_ == MULTICLASS else scores[:, 0]

    def _answers(self, scores: np.ndarray) -> np.ndarray:
        """What an endpoint calls the score."""
        return {"logistic": sigmoid, "softmax_loss": softmax}.get(self.loss_, np.asarray)(scores)


def describe(candidate: Candidate, settings: Mapping[str, Any]) -> str:
    """A model's settings as the containers log them."""
    found = {"optimizer": settings["optimizer"], **candidate._asdict()}
    if settings["predictor_type"] != BINARY:
        del found["positive_weight"]
    return json.dumps(found)


def _features() -> np.ndarray:
    """120 rows of three columns."""
    return np.random.default_rng(7).normal([0, 5, -1], [1, 3, 0.2], (120, 3)).astype(np.float32)


def _labels() -> np.ndarray:
    """1 where a weighted sum of the columns is above its mean, wrong for one row in 20."""
    x, rng = _features(), np.random.default_rng(8)
    return np.asarray((x @ np.array([2, -1, 5]) > -10) ^ (rng.random(120) < 0.05), np.float32)


ALGORITHM = Algorithm(
    name="linear-learner",
    title="Linear Learner",
    estimator="LinearLearner",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, (RECORDIO_PROTOBUF, CSV), (SHARDED, REPLICATED)),
        Channel("validation", False, (RECORDIO_PROTOBUF, CSV), (REPLICATED, SHARDED)),
        Channel("test", False, (RECORDIO_PROTOBUF, CSV), (REPLICATED, SHARDED)),
    ),
    example=Example({"predictor_type": BINARY, "mini_batch_size": "20", "epochs": "3"}, _features, _labels),
    gpu="yes",
)
