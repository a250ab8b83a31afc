"""The epochs of Linear Learner: look at the first rows, train all models, after each epoch see which one is best.

On several hosts each trains on its own shard; after every epoch all take the mean of their weights, by rows seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from clary.algorithms import log_lines
from clary.algorithms.base import Batches, Run, Stopped
from clary.algorithms.linear_learner_checkpoints import Progress
from clary.algorithms.linear_learner_ensemble import Ensemble, Models
from clary.algorithms.linear_learner_hyperparameters import BINARY, MULTICLASS, REGRESSOR, candidates
from clary.algorithms.linear_learner_losses import objective_of
from clary.algorithms.linear_learner_scaler import Moments, check_width, moments, scaler_of, take_sample, width_of
from clary.algorithms.linear_learner_scores import (
    Evaluation,
    Standing,
    Tally,
    add,
    calibrates,
    is_loss,
    join,
    standings,
)
from clary.errors import ClientError
from clary.formats import Batch, Sparse, regroup

NAME = "Linear Learner"
WORTH_THREADS = 1 << 26
"""Multiplications of one product, some milliseconds' work for a core, from which on it is shared."""
log = log_lines.log_of("linear_learner")


class Best(NamedTuple):
    """The best model so far, and how it stands."""

    models: Models
    """That one."""
    standing: Standing


class Training:
    """One fit: the channels, all models, the best one so far."""

    def __init__(self, batches: Batches, validation: Batches | None, settings: Mapping[str, Any], run: Run) -> None:
        self.batches, self.validation, self.settings, self.run = batches, validation, settings, run
        self.objective = objective_of(settings["loss"])
        self.best: Best | None = None
        self.waited = 0
        """Epochs without improvement."""
        self.first = self._prepare()

    def threads(self) -> AbstractContextManager[Any]:
        """One thread for matrix products too small to share, while this is open.

        BLAS' threads wait for each other: on a machine whose cores others use as well, a product of 0.1 ms was seen to
        take 24 ms with two threads.
        """
        work = self.settings["mini_batch_size"] * self.ensemble.weights.size
        if work >= WORTH_THREADS:
            return nullcontext()
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
        return limits

    def run_epochs(self) -> tuple[Models, float]:
        """Train until the epochs are over, nothing improves, or the job is stopped; the best model and its cut."""
        progress = Progress(self)
        begins = progress.resume()
        for epoch in range(begins, self.settings["epochs"]):
            begun = time.time()
            try:
                found = self._train(iter(self.batches) if epoch > begins else self.first, epoch)
                if self.validation is not None:
                    found = self._validate(self.validation, epoch)
            except Stopped:
                self._keep_what_there_is()
                break
            self._choose(found, epoch)
            self._log_epoch(epoch, begun)
            if self.waited >= self.settings["early_stopping_patience"]:
                log.info("Early stop condition met. Stopping training.")
                log.info(log_lines.progress(self.run.host, 100))
                break
            progress.save(epoch)
        assert self.best is not None
        return self.best.models, self.best.standing.cut

    def _prepare(self) -> Iterator[Batch]:
        """Make the models from what the first rows are like; the batches of the first epoch, these rows among them."""
        rest = iter(self.batches)
        read, sample = take_sample(rest, self.settings["num_point_for_scaler"])
        columns, labels, counts, sparse = survey(sample, self.settings, self.run)
        scaler = scaler_of(columns, labels, self.settings, sparse)
        found: dict[str, Any] = {"stdev_weight": scaler.deviations, "mean_weight": scaler.means}
        found |= {"stdev_label": scaler.label_deviation, "mean_label": scaler.label_mean}
        log.info("Scaling model computed with parameters:\n %s", found)
        # With these weights every class that was seen weighs the same in sum, and all rows as many as they are.
        balanced = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        multiclass = self.settings["predictor_type"] == MULTICLASS
        classes = len(counts) if multiclass else 1
        models = candidates(self.settings, scaler.width, classes, float(balanced[-1] / balanced[0]))
        log.info("Number of models trained side by side: %d", len(models))
        by_class = multiclass and self.settings["balance_multiclass_weights"]
        self.ensemble = Ensemble(models, scaler, self.settings, balanced.astype(np.float32) if by_class else None)
        return chain(read, rest)

    def _train(self, batches: Iterator[Batch], epoch: int) -> list[Standing]:
        """One epoch; each model by its loss on the rows as they came."""
        self.losses, self.weights = (np.zeros(len(self.ensemble)) for _ in range(2))
        self.rows, self.counts = 0, np.zeros(classes_of(self.settings), np.int64)
        for batch in regroup(batches, self.settings["mini_batch_size"]):
            labels = self._labels(batch)
            losses, weights = self.ensemble.learn(batch, labels)
            self.losses += losses
            self.weights += weights
            self.rows += len(labels)
            self.counts += count_labels(labels, len(self.counts))
        self._meet_hosts()
        check_classes(self.counts)
        means = self.losses / self.weights
        found = standings(means, means)
        self._log_losses("train", found, epoch)
        return found

    def _meet_hosts(self) -> None:
        """Every host goes on with the mean of all hosts' weights, and knows the losses of all rows."""
        if len(self.run.hosts) == 1:
            return
        ensemble = self.ensemble
        parts = [ensemble.weights, ensemble.bias, np.array(self.rows), self.losses, self.weights, self.counts]
        weights, biases, rows, losses, shares, counts = join(self.run, parts)
        shares_of_rows = [np.float32(count / add(rows)) for count in rows]
        ensemble.weights[:] = add([part * share for part, share in zip(weights, shares_of_rows, strict=True)])
        ensemble.bias[:] = add([part * share for part, share in zip(biases, shares_of_rows, strict=True)])
        self.losses, self.weights, self.counts = add(losses), add(shares), add(counts)

    def _validate(self, validation: Batches, epoch: int) -> list[Standing]:
        """Each model by the criterion, or its loss, on the validation channel."""
        evaluation = Evaluation(len(self.ensemble), self.settings, self.run)
        for batch in regroup(validation, self.settings["mini_batch_size"]):
            labels = self._labels(batch)
            scores = self.ensemble.scores(batch)
            evaluation.add(scores, labels, self.ensemble.losses(scores, labels))
        found = evaluation.standings()
        self._log_losses("validation", found, epoch)
        return found

    def score(self, models: Models, cut: float, test: Batches | None) -> float:
        """Log the finished model's scores; the cut of a binary classifier, chosen on `train` where that is all."""
        on, batches = ("train", self.batches) if self.validation is None else ("validation", self.validation)
        tally = self._tally(models, batches)
        if self.validation is None and calibrates(self.settings):
            cut = tally.calibrate()
        self._log_scores(on, tally.scores(cut))
        if test is None:
            log.info("Test data is not provided.")
        else:
            self._log_scores("test", self._tally(models, test).scores(cut))
        return cut

    def _tally(self, models: Models, batches: Batches) -> Tally:
        """One model's scores on a channel, over all hosts."""
        tally = Tally(self.settings, self.run)
        for batch in regroup(batches, self.settings["mini_batch_size"]):
            labels = self._labels(batch)
            scores = models.scores(batch)
            losses, weights = models.losses(scores, labels)
            tally.add(scores[:, 0], labels, float(losses[0]), float(weights[0]))
        tally.join_hosts()
        return tally

    def _labels(self, batch: Batch) -> np.ndarray:
        check_width(batch, self.ensemble.scaler.width, self.settings["feature_dim"])
        return labels_of(batch, self.settings)

    def _choose(self, found: Sequence[Standing], epoch: int) -> None:
        """Keep the best model if it is better than the best of earlier epochs, and mind whether it is much better."""
        number = min(range(len(found)), key=found.__getitem__)
        now, before = found[number], self.best
        if not np.isfinite(now.loss):
            raise ClientError("the loss of every model is infinite or no number: lower the learning_rate")
        if before is None or now < before.standing:
            self.best = Best(self.ensemble.pick(number), now)
        sampled = self.validation is not None and calibrates(self.settings)
        name = f"sampled_{self.settings['binary_classifier_model_selection_criteria']}" if sampled else self.objective
        value = -now.cost if sampled else now.cost
        log.info(
            "#early_stopping_criteria_metric: host=%s, epoch=%d, criteria=%s, value=%s",
            *(self.run.host, epoch, name, value),
        )
        if before is None or self._improves(before.standing.cost, now.cost):
            self.waited = 0
            log.info("Epoch %d: Loss improved. Updating best model", epoch)
        else:
            self.waited += 1
            log.info("Epoch %d: Loss has not improved for %d epochs.", epoch, self.waited)

    def _improves(self, before: float, now: float) -> bool:
        """Whether the cost fell, by early_stopping_tolerance of what it was at least."""
        return now < before and before - now >= self.settings["early_stopping_tolerance"] * abs(before)

    def _keep_what_there_is(self) -> None:
        """After a stop: the best model of the epochs before, else the best by the rows seen so far."""
        if self.best is None:
            if len(self.run.hosts) > 1 or not self.rows:
                raise Stopped
            means = self.losses / self.weights
            self._choose(standings(means, means), 0)
        log.info("Training was asked to stop; the best model so far is kept")

    def _log_scores(self, channel: str, scores: Mapping[str, float]) -> None:
        """The scores of a channel, in both forms of the containers' logs."""
        for name, value in scores.items():
            log.info("#%s_score (%s) : (%r, %s)", channel, self.run.host, name, value)
        for name, value in scores.items():
            kind = "loss" if is_loss(name) else "score"
            log.info("#quality_metric: host=%s, %s %s <%s>=%s", self.run.host, channel, name, kind, value)

    def _log_losses(self, channel: str, found: Sequence[Standing], epoch: int) -> None:
        """Every model's loss, and the best model's."""
        now, host, name = time.time(), self.run.host, f"{channel}_{self.objective}"
        for number, standing in enumerate(found):
            if np.isfinite(standing.loss):
                values = {name: standing.loss}
                self.run.say(log_lines.metrics(NAME, host, "training", now, now, values, model=number, epoch=epoch))
        title = f"{channel} {self.objective}"
        log.info(log_lines.quality_metric(host, epoch, title, min(found).loss, higher_is_better=False))

    def _log_epoch(self, epoch: int, begun: float) -> None:
        """The epoch's progress, rows and speed."""
        now, host = time.time(), self.run.host
        log.info(log_lines.progress(host, 100 * (epoch + 1) // self.settings["epochs"]))
        values = {"Number of Records Since Last Reset": self.rows}
        self.run.say(
            log_lines.metrics(NAME, host, "training", begun, now, values, epoch=epoch, Meta="training_data_iter")
        )
        log.info(log_lines.throughput(host, self.rows / max(now - begun, 1e-9)))


def survey(sample: Sequence[Batch], settings: Mapping[str, Any], run: Run) -> tuple[Moments, Moments, np.ndarray, bool]:
    """Of all hosts' first rows: moments of columns and of labels, the rows of each class, whether any is sparse."""
    width = width_of(sample, settings["feature_dim"])
    columns, labels = Moments.none(width), Moments.none(1)
    counts = np.zeros(classes_of(settings), np.int64)
    for batch in sample:
        check_width(batch, width, settings["feature_dim"])
        found = labels_of(batch, settings)
        columns = columns.join(moments(batch.features, width))
        labels = labels.join(moments(found[:, None], 1))
        counts += count_labels(found, len(counts))
    sparse = np.array(any(isinstance(batch.features, Sparse) for batch in sample))
    parts = [part for each in (columns, labels) for part in (each.counts, each.means, each.squares)]
    *six, counted, flags = join(run, [*parts, counts, sparse])
    columns, labels = (reduce(Moments.join, map(Moments, *six[place : place + 3])) for place in (0, 3))
    if not labels.counts.any():
        raise ClientError("the train channel has no records")
    return columns, labels, add(counted), any(flags)


def classes_of(settings: Mapping[str, Any]) -> int:
    """How many classes there are; a regressor's labels count as one."""
    number: int = {BINARY: 2, MULTICLASS: settings["num_classes"], REGRESSOR: 1}[settings["predictor_type"]]
    return number


def count_labels(labels: np.ndarray, classes: int) -> np.ndarray:
    """The rows of each class, (classes,)."""
    return np.bincount(labels.astype(np.int64), minlength=classes) if classes > 1 else np.array([len(labels)])


def check_classes(counts: np.ndarray) -> None:
    """Raise ClientError where a classifier's rows are all of one class."""
    if len(counts) > 1 and np.count_nonzero(counts) == 1:
        raise ClientError(
            f"all {counts.sum()} records of the train channel have the label {counts.argmax()}: a classifier needs "
            "records of two classes at least"
        )


def labels_of(batch: Batch, settings: Mapping[str, Any]) -> np.ndarray:
    """A batch's labels, (n,) float32; ClientError where there are none, several a row, or ones that can't be."""
    labels = batch.single_labels()
    classes = classes_of(settings)
    wrong = (
        ~((labels >= 0) & (labels < classes) & (labels == np.floor(labels))) if classes > 1 else ~np.isfinite(labels)
    )
    if wrong.any():
        row = int(wrong.argmax())
        kind = f"a {settings['predictor_type']}" + (f" of {classes} classes" if classes > 2 else "")
        need = (
            "finite labels" if classes == 1 else f"labels from 0 to {classes - 1}" if classes > 2 else "labels 0 and 1"
        )
        raise ClientError(f"{batch.place(row)}the label is {labels[row]:g}, but {kind} needs {need}")
    return labels
