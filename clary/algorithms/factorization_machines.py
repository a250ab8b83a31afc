"""Factorization Machines: a linear model that also learns how every two columns act together, for sparse rows.

A row x, d columns of which few are not zero, has the score

    y(x) = w0 + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j

Each column has a weight w_i and k factors v_i, so two columns that never met in a row still have an interaction,
<v_i, v_j>. A regressor's answer is y; a binary classifier's is the chance 1 / (1 + e^-y) of label 1.

The d^2 / 2 products cost no more than the row's own entries. All ordered pairs make the square of the sum, and each
unordered pair is in it twice, beside the pairs of a column with itself:

    sum_{i<j} <v_i, v_j> x_i x_j  =  1/2 sum_c [ (sum_i v_ic x_i)^2 - sum_i (v_ic x_i)^2 ]

which is O(k nnz), and so is the gradient: d y / d v_ic = x_i (s_c - v_ic x_i) with s_c = sum_j v_jc x_j.

Amazon's container is a sparse MXNet network under the Adam optimiser with `lazy_update` (its log shows both); this is
the same, step by step. A mini-batch of b rows with errors e = answer - label moves only the weights of columns that it
has entries in. Each such weight w, with rate, wd and moments m, u of its own, at step t:

    g = clip(rescale_grad * sum e dy/dw + wd * w, clip_gradient)          rescale_grad: 1 / b by default
    m = .9 m + .1 g,   u = .999 u + .001 g^2
    w = w - rate * sqrt(1 - .999^t) / (1 - .9^t) * m / (sqrt(u) + eps)    eps: 1e-8 by default

So weight decay is a term of the gradient, as L2 regularisation, and pulls a column's weights only in the steps that
the column takes part in: rare columns decay less. A zero in a dense row is no entry. Clary's own:

* `seed` makes runs repeatable, on any number of threads: rows are scored, and columns moved, each alone.
* On several hosts each learns from its shard with moments of its own, and after every epoch the weights of each column
  are averaged, each host's counted by the column's entries in its shard. `test` is scored by the first host.

Time: O((k + log d) nnz) an epoch. Memory: 12 (k + 1) bytes a column, and some mini-batches' entries, whatever n is; no
row is ever made dense.

Papers: Rendle, Factorization Machines, ICDM 2010. Kingma and Ba, Adam: a method for stochastic optimization, 2015.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from clary.algorithms import factorization_machines_artifact as artifact
from clary.algorithms import log_lines
from clary.algorithms.base import (
    JSON,
    JSON_LINES,
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
    as_batches,
    as_features,
)
from clary.algorithms.hyperparameters import Boolean, Categorical, Continuous, Hyperparameter, Hyperparameters, Integer
from clary.algorithms.hyperparameters import Text as FreeText
from clary.errors import ClientError
from clary.formats import Batch, Sparse

BINARY, REGRESSOR = "binary_classifier", "regressor"
PARTS = ("bias", "linear", "factors")
SETTING_OF_METHOD = {"normal": "sigma", "uniform": "scale", "constant": "value"}
RANGE = (1e-8, 512)


def _part(name: str, words: str, rate: float, decay: float, sigma: float) -> Iterator[Hyperparameter]:
    """The rows of one of the three kinds of weights."""
    of_method = f"where {name}_init_method is"
    yield Continuous(f"{name}_lr", f"The learning rate of {words}.", rate, minimum=0, tunable=RANGE)
    yield Continuous(f"{name}_wd", f"The weight decay of {words}.", decay, minimum=0, tunable=RANGE)
    yield Categorical(
        f"{name}_init_method",
        f"How the first values of {words} are chosen.",
        "normal",
        choices=("normal", "uniform", "constant"),
    )
    yield Continuous(
        f"{name}_init_sigma",
        f"The standard deviation of the first values of {words}, {of_method} normal.",
        sigma,
        minimum=0,
        tunable=RANGE,
    )
    yield Continuous(
        f"{name}_init_scale",
        f"How far from 0 the first values of {words} are at most, {of_method} uniform.",
        minimum=0,
        tunable=RANGE,
    )
    yield Continuous(f"{name}_init_value", f"The first values of {words}, {of_method} constant.", tunable=RANGE)


def _check_together(values: dict[str, Any]) -> Iterator[str]:
    """A sentence for each method of beginning whose number isn't there."""
    for part in PARTS:
        method = values[f"{part}_init_method"]
        needed = f"{part}_init_{SETTING_OF_METHOD[method]}"
        if values[needed] is None:
            yield f"Hyperparameter {part}_init_method: {method!r} needs {needed}"


HYPERPARAMETERS = Hyperparameters(
    Integer("feature_dim", "The number of columns.", required=True, minimum=1),
    Integer("num_factors", "The factors of each column.", required=True, minimum=1),
    Categorical("predictor_type", "What is learnt.", required=True, choices=(BINARY, REGRESSOR)),
    Integer("epochs", "Passes over the data.", 1, minimum=1, tunable=(1, 1000)),
    Integer("mini_batch_size", "Rows of one step.", 1000, minimum=1, tunable=(100, 10000)),
    *_part("bias", "the bias", 0.1, 0.01, 0.01),
    *_part("linear", "the linear terms", 0.001, 0.001, 0.01),
    *_part("factors", "the factors", 0.0001, 0.00001, 0.001),
    Continuous("clip_gradient", "The bound of each weight's gradient on either side; unset: none.", above=0),
    Continuous("eps", "What keeps a step from dividing by 0; unset: 1e-8.", above=0),
    Continuous(
        "rescale_grad", "What a mini-batch's summed gradients are multiplied with; unset: 1 / its rows.", above=0
    ),
    Boolean("use_bias", "Whether the model has a bias.", True),
    Boolean("use_linear", "Whether the model has linear terms.", True),
    Integer("batch_metrics_publish_interval", "Steps from one line of train scores to the next.", 500, minimum=1),
    Integer("seed", "Seed of every random choice (Clary's own).", 0, minimum=0),
    FreeText("_tuning_objective_metric", "The metric that a tuning job watches."),
    rule=_check_together,
)

LOSSES = {"rmse": "rmse", "mse": "mse", "absolute_loss": "absolute_loss"}
LOSSES |= {"binary_classification_cross_entropy": "binary_classification_cross_entropy"}
SCORES = {"binary_classification_accuracy": "binary_classification_accuracy", "binary_f_beta": r"binary_f_\S+"}
"""A metric's name -> how the log spells it."""


def _metrics() -> Iterator[Metric]:
    """The scores of the finished model on `test`, and those of the last epoch on `train`."""
    for channel in ("test", "train"):
        line = rf"#quality_metric: host=\S+, {channel} "
        for name, text in LOSSES.items():
            yield Metric(f"{channel}:{name}", rf"{line}{text} <loss>=(\S+)", "Minimize")
        for name, text in SCORES.items():
            yield Metric(f"{channel}:{name}", rf"{line}{text} <score>=(\S+)", "Maximize")


METRICS = tuple(_metrics())
NAME = "factorization-machines"
log = log_lines.log_of("factorization_machines")


class FactorizationMachines(Estimator):
    """Factorization Machines with SageMaker's hyperparameters as keywords; `feature_dim` may be left out where fit
    gets an array."""

    table: ClassVar[Hyperparameters] = HYPERPARAMETERS

    bias_: float
    weights_: np.ndarray
    """(d, 1 + k) float32, after `fit` or `load`: of each column the linear term, then the factors."""
    predictor_type_: str

    def fit(self, batches: Any, y: Any = None, *, test: Batches | None = None, run: Run | None = None) -> Self:
        """Learn from batches with labels, or from an (n, d) array and its (n,) labels y.

        test: batches whose scores by the finished model are logged
        """
        from clary.algorithms.factorization_machines_training import Tally, labels_of, train

        run, begun = run or Run(), time.time()
        batches = as_batches(batches, y)
        settings = self.settings_for(batches)
        weights = train(batches, settings, run)
        self._take(float(weights.bias[0]), weights.table, settings["predictor_type"])
        if test is not None and run.first:
            tally = Tally(settings)
            for batch in test:
                tally.add(labels_of(batch, settings), self._scores(batch.features))
            for name, value in tally.scores().items():
                log.info(log_lines.test_score(run.host, name, value))
            tally.log(run, "test ")
        values = {"totaltime": 1000 * (time.time() - begun)}
        run.say(log_lines.metrics(NAME, run.host, "training", begun, time.time(), values))
        return self

    @property
    def linear_(self) -> np.ndarray:
        """The linear term of each column, (d,)."""
        return self.weights_[:, 0]

    @property
    def factors_(self) -> np.ndarray:
        """The factors of each column, (d, k)."""
        return self.weights_[:, 1:]

    def predict(self, x: Any) -> np.ndarray:
        """The label of each row of x, (n, d): (n,) float32, 0 or 1, or a regressor's number."""
        answer = self.respond(Batch(as_features(x)))
        return np.asarray(answer.get("predicted_label", answer["score"]), np.float32)

    def predict_proba(self, x: Any) -> np.ndarray:
        """The chances of the labels 0 and 1 for each row of x, (n, 2); of a binary classifier alone."""
        if self.predictor_type_ != BINARY:
            raise ClientError(f"a {self.predictor_type_} knows no chances")
        chances = self.respond(Batch(as_features(x)))["score"]
        return np.column_stack([1 - chances, chances])

    def respond(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """score: (n,) float32, a chance for a classifier; for it also predicted_label, 1 where score >= .5."""
        scores = self._scores(batch.features)
        if not np.isfinite(scores).all():
            row = int(np.argmin(np.isfinite(scores)))
            raise ClientError(f"the score of row {row + 1} is no finite number: its values are too large")
        if self.predictor_type_ == REGRESSOR:
            return {"score": scores}
        chances = 0.5 + 0.5 * np.tanh(0.5 * scores)  # the logistic function, without a power that overflows
        return {"score": chances, "predicted_label": (chances >= 0.5).astype(np.int64)}

    def save(self, folder: Path) -> None:
        """Write `model_algo-1`, a zip archive of an MXNet module as factorization_machines_artifact.py describes it."""
        width, count = self.factors_.shape
        given = {name: value for name, value in self.get_params().items() if value is not None}
        learnt = {"feature_dim": width, "num_factors": count, "predictor_type": self.predictor_type_}
        artifact.save(folder, self.bias_, self.weights_, given | learnt)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder: Clary's, or one that SageMaker trained."""
        bias, weights, predictor_type = artifact.load(folder)
        model = cls(feature_dim=len(weights), num_factors=weights.shape[1] - 1, predictor_type=predictor_type)
        model._take(bias, weights, predictor_type)
        model._scores(np.zeros((1, len(weights)), np.float32))  # so that the first request needn't wait for the kernel
        return model

    def _take(self, bias: float, weights: np.ndarray, predictor_type: str) -> None:
        self.bias_, self.weights_, self.predictor_type_ = bias, weights, predictor_type

    def reading(self, channel: str) -> dict[str, Any]:  # noqa: ARG002
        """Only float32 tensors are taken, as by the real container."""
        return {"float32_only": True}

    def _scores(self, features: np.ndarray | Sparse) -> np.ndarray:
        """y of each row, (n,) float32."""
        from clary.algorithms.factorization_machines_kernels import as_rows, score

        return np.asarray(score(as_rows(Batch(features), len(self.weights_)), np.float32(self.bias_), self.weights_))


def _example() -> np.ndarray:
    """200 rows of eight columns, few of them not zero."""
    rng = np.random.default_rng(7)
    return (rng.normal(size=(200, 8)) * (rng.random((200, 8)) < 0.4)).astype(np.float32)


def _labels() -> np.ndarray:
    """1 where the product of the first two columns and the third are more than nothing together."""
    x = _example()
    return np.asarray(x[:, 0] * x[:, 1] + x[:, 2] > 0, np.float32)


ALGORITHM = Algorithm(
    name=NAME,
    title="Factorization Machines",
    estimator="FactorizationMachines",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, (RECORDIO_PROTOBUF,), (SHARDED, REPLICATED)),
        Channel("test", False, (RECORDIO_PROTOBUF,), (REPLICATED, SHARDED)),
    ),
    example=Example(
        {"feature_dim": "8", "num_factors": "4", "predictor_type": BINARY, "mini_batch_size": "20", "epochs": "3"},
        _example,
        _labels,
    ),
    content_types=(JSON, JSON_LINES, RECORDIO_PROTOBUF),
    gpu="yes",
)
