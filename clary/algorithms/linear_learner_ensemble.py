"""Linear models that are trained side by side: one matrix product per mini-batch serves them all.

With n rows of d columns, m models and k scores of each (1, or the number of classes), weights W are (d, m k):

    scores    S = X W + b                   (n, m k)    one matrix product
    slopes    D = dloss / dS / n            (n, m k)    elementwise
    gradient  G = X' D                      (d, m k)    one matrix product

and every model's step is then elementwise on (d, m k), with its own step size and its own l1 and wd. Sparse rows touch
only the weights of the columns that they name (a lazy update: what isn't named has no step, nor shrinks).

l1 is a proximal step: with w moved to v by a step of size r, w = sign(v) max(0, |v| - r l1), so some become exactly 0.

Papers: Kingma and Ba, Adam, ICLR 2015. Duchi, Hazan and Singer, Adaptive subgradient methods, JMLR 2011. Langford, Li
and Zhang, Sparse online learning via truncated gradient, JMLR 2009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clary.algorithms.linear_learner_hyperparameters import MULTICLASS, REGRESSOR, Candidate
from clary.algorithms.linear_learner_losses import loss_of
from clary.algorithms.linear_learner_scaler import Scaler
from clary.errors import ClientError
from clary.formats import Batch, Sparse

RMSPROP_DECAY = 0.9


class Optimizer:
    """Moves weights (d, k) against a gradient; keeps what its kind remembers of past gradients."""

    def __init__(self, shape: tuple[int, int], settings: Mapping[str, Any]) -> None:
        beta_1, beta_2 = settings["beta_1"], settings["beta_2"]
        self.decays = np.array(
            {
                "sgd": (settings["momentum"], 1, 0, 0, 0),
                "adam": (beta_1, 1 - beta_1, beta_2, 1 - beta_2, 1),
                "adagrad": (0, 1, 1, 1, 0),
                "rmsprop": (0, 1, RMSPROP_DECAY, 1 - RMSPROP_DECAY, 0),
            }[settings["optimizer"]],
            np.float64,
        )
        """As `linear_learner_kernels.move` has them."""
        self.first = np.zeros(shape if self.decays[0] else (0, 0), np.float32)
        self.second = np.zeros(shape if self.decays[3] else (0, 0), np.float32)
        self.steps = np.zeros(shape[0], np.int64)
        self.all = np.arange(shape[0])

    def step(
        self,
        weights: np.ndarray,
        gradient: np.ndarray,
        rates: np.ndarray,
        l1: np.ndarray,
        wd: np.ndarray,
        columns: np.ndarray | None = None,
    ) -> None:
        """Move `weights`, or only those of some columns; rates, l1 and wd are (k,)."""
        from clary.algorithms.linear_learner_kernels import move

        rates, l1, wd = (values.astype(np.float32) for values in (rates, l1, wd))
        columns = self.all if columns is None else columns
        move(weights, gradient, columns, self.first, self.second, self.steps, rates, l1, wd, self.decays)


class Models:
    """Linear models side by side, of scaled rows: what they say of rows, and what their losses are."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        scaler: Scaler,
        settings: Mapping[str, Any],
        class_weights: np.ndarray | None,
    ) -> None:
        self.candidates, self.scaler, self.settings = tuple(candidates), scaler, settings
        self.classes = settings["num_classes"] if settings["predictor_type"] == MULTICLASS else 1
        self.regressor = settings["predictor_type"] == REGRESSOR
        self.loss = loss_of(settings)
        self.class_weights = class_weights
        """(classes,) what a row of each class weighs, or None where all weigh the same."""
        positive = np.array([candidate.positive_weight for candidate in candidates], np.float32)
        self.positive_weights = positive if (positive != 1).any() else None
        """(m,) what a row of class 1 weighs."""
        self.weights = np.zeros((scaler.width, len(self) * self.classes), np.float32)
        self.bias = np.zeros((1, len(self) * self.classes), np.float32)
        self.places = np.full(scaler.width, -1, np.int32)
        """What `number_columns` works with."""

    def __len__(self) -> int:
        return len(self.candidates)

    def pick(self, number: int) -> Models:
        """One of the models, with weights of its own."""
        its = slice(number * self.classes, (number + 1) * self.classes)
        picked = Models([self.candidates[number]], self.scaler, self.settings, self.class_weights)
        picked.weights[:], picked.bias[:] = self.weights[:, its], self.bias[:, its]
        return picked

    def unscaled(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (d, m k) and bias (m k,) for rows, and a regressor's labels, as they come; float64."""
        return self.scaler.unscale(self.weights, self.bias[0])

    def scores(self, batch: Batch) -> np.ndarray:
        """(n, m), or (n, m, k) with classes; a regressor's in the labels' units."""
        scores = self._product(*self._features(batch.features), batch)
        if self.regressor:
            scores *= np.float32(self.scaler.label_deviation)
            scores += np.float32(self.scaler.label_mean)
        return scores

    def losses(self, scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows' losses summed up, and their weights, (m,) each, of scores as `scores` gives them."""
        return self._sum(self.loss(scores, labels)[0], self._row_weights(labels))

    def _features(self, features: np.ndarray | Sparse) -> tuple[Any, np.ndarray | None]:
        """Rows as matrices: dense, (n, d) and None; sparse, CSR of the columns that they name, and these columns."""
        if isinstance(features, Sparse) and self.scaler.means is not None:
            features = features.dense(self.scaler.width)
        if not isinstance(features, Sparse):
            return features if self.scaler.shift is None else features - self.scaler.shift, None
        from scipy.sparse import csr_matrix

        from clary.algorithms.linear_learner_kernels import number_columns

        columns, places = number_columns(features.indices, self.places)
        return csr_matrix((features.values, places, features.indptr), (features.rows, len(columns))), columns

    def _product(self, features: Any, columns: np.ndarray | None, batch: Batch) -> np.ndarray:
        """Scores of scaled rows, (n, m) or (n, m, k); ClientError where a row has what is no number."""
        weights, factors = self.weights, self.scaler.factors
        if columns is not None:
            weights, factors = weights[columns], factors[columns]
        scores: np.ndarray = features @ (weights * factors)
        scores += self.bias if self.scaler.offsets is None else self.bias - self.scaler.offsets.T @ weights
        if not np.isfinite(scores.sum()):
            values = batch.features.values if isinstance(batch.features, Sparse) else batch.features
            if not np.isfinite(values).all():
                raise ClientError("the features have a number that is missing (NaN) or infinite")
        return scores.reshape(len(scores), len(self), self.classes) if self.classes > 1 else scores

    def _row_weights(self, labels: np.ndarray) -> np.ndarray | None:
        """What each row weighs for each model, (n, m) or (n, 1); None: 1."""
        if self.positive_weights is not None:
            return np.where(labels[:, None] > 0, self.positive_weights, np.float32(1))
        return None if self.class_weights is None else self.class_weights[labels.astype(np.int64)][:, None]

    def _sum(self, losses: np.ndarray, row_weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The losses and the weights of all rows, (m,) each."""
        if row_weights is None:
            return losses.sum(axis=0, dtype=np.float64), np.full(len(self), float(len(losses)))
        sums = (losses * row_weights).sum(axis=0, dtype=np.float64)
        return sums, np.broadcast_to(row_weights.sum(axis=0, dtype=np.float64), sums.shape)


class Ensemble(Models):
    """Models that learn."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        scaler: Scaler,
        settings: Mapping[str, Any],
        class_weights: np.ndarray | None,
    ) -> None:
        super().__init__(candidates, scaler, settings, class_weights)
        rng = np.random.default_rng([settings["seed"], 0])
        if settings["init_method"] == "normal":
            self.weights[:] = rng.standard_normal(self.weights.shape, np.float32) * np.float32(settings["init_sigma"])
        else:
            self.weights[:] = (2 * rng.random(self.weights.shape, np.float32) - 1) * np.float32(settings["init_scale"])
        self.bias[:] = settings["init_bias"] if settings["use_bias"] else 0
        self.optimizer = Optimizer(self.weights.shape, settings)
        self.bias_optimizer = Optimizer(self.bias.shape, settings)
        self.steps = 0
        self.each = {
            name: np.repeat([getattr(candidate, name) for candidate in candidates], self.classes)
            for name in Candidate._fields
        }
        """The models' settings, once for each score: (m k,)."""

    def learn(self, batch: Batch, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One step of every model; the rows' losses before it summed up, and their weights, (m,) each.

        A regressor's losses are those of scaled labels.
        """
        features, columns = self._features(batch.features)
        scores = self._product(features, columns, batch)
        if self.regressor:
            labels = (labels - np.float32(self.scaler.label_mean)) / np.float32(self.scaler.label_deviation)
        losses, slopes = self.loss(scores, labels)
        row_weights = self._row_weights(labels)
        if row_weights is not None:
            slopes *= row_weights if slopes.ndim == 2 else row_weights[:, :, None]
        slopes = slopes.reshape(len(labels), -1)
        slopes /= len(labels)
        gradient, bias_gradient = features.T @ slopes, slopes.sum(axis=0, keepdims=True)
        gradient *= self.scaler.factors if columns is None else self.scaler.factors[columns]
        if self.scaler.offsets is not None:
            gradient -= self.scaler.offsets * bias_gradient
        self._step(gradient, bias_gradient, columns)
        return self._sum(losses, row_weights)

    def _step(self, gradient: np.ndarray, bias_gradient: np.ndarray, columns: np.ndarray | None) -> None:
        """Move all models; the step size falls every lr_scheduler_step steps."""
        each, settings = self.each, self.settings
        fallen = each["learning_rate"] * each["lr_scheduler_factor"] ** (self.steps // each["lr_scheduler_step"])
        rates = np.maximum(fallen, np.minimum(each["lr_scheduler_minimum_lr"], each["learning_rate"]))
        self.steps += 1
        self.optimizer.step(self.weights, gradient, rates, each["l1"], each["wd"], columns)
        if settings["use_bias"]:
            rates, wd = rates * settings["bias_lr_mult"], each["wd"] * settings["bias_wd_mult"]
            self.bias_optimizer.step(self.bias, bias_gradient, rates, np.zeros_like(wd), wd)
