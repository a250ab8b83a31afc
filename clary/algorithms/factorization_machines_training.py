"""How a factorization machine learns: epochs over batches, the hosts' meeting after each, the log and its scores."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numba
import numpy as np

from clary.algorithms import log_lines
from clary.algorithms.base import Batches, Run, Stopped
from clary.algorithms.checkpoints import Epochs
from clary.algorithms.exchange import gather
from clary.algorithms.factorization_machines import BINARY, NAME, PARTS, SETTING_OF_METHOD
from clary.algorithms.factorization_machines_kernels import (
    Rows,
    Steps,
    Weights,
    as_compiled,
    as_rows,
    learn,
    turn_all,
)
from clary.algorithms.scores import count_classes
from clary.errors import ClientError
from clary.formats import Batch, regroup

EPSILON = 1e-8
BLOCK = 16384
"""Rows whose mini-batches are sorted by column together, so that each thread has some."""
WORTH_A_THREAD = 1 << 17
"""Entries x weights of a mini-batch below which threads wait longer for each other than they work."""
log = log_lines.log_of("factorization_machines")


def train(batches: Batches, settings: Mapping[str, Any], run: Run) -> Weights:
    """The weights after all epochs. A stop ends it with the weights as they are; raises Stopped where there was no
    step yet, ClientError where there is nothing to learn from."""
    learner = Learner(settings, run)
    checkpoints = Epochs(run, "factorization-machines", settings["epochs"], learner.arrays())
    for epoch in range(checkpoints.resume(), settings["epochs"]):
        begun, tally, before = time.time(), Tally(settings), learner.done
        try:
            learner.run_epoch(batches, epoch, tally)
            learner.meet_hosts()
        except Stopped:
            if not learner.done:
                raise
            log.info("Training was asked to stop; the model is the one of the rows seen so far")
            break
        log_epoch(run, epoch, settings["epochs"], tally, learner.done - before, begun)
        learner.check(epoch)
        checkpoints.save(epoch)
    tally.log(run, "train ")
    return learner.weights


class Learner:
    """One host's model and where it stands."""

    def __init__(self, settings: Mapping[str, Any], run: Run) -> None:
        self.settings, self.run = settings, run
        self.weights = first_weights(settings)
        self.steps = steps_of(settings)
        self.progress = np.zeros((), np.int64)
        self.labels = np.zeros(2, np.int64)
        """Of a classifier, how many labels 0 and 1 there were; of a regressor, 0 and how many rows."""
        self.entries = np.zeros(settings["feature_dim"] if len(run.hosts) > 1 else 0, np.int64)
        """How many entries each column had in this epoch."""
        self.rows = 0
        """How many rows this epoch had."""

    @property
    def done(self) -> int:
        """Steps taken."""
        return int(self.progress)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that a run needs to go on from here."""
        return {**self.weights._asdict(), "steps": self.progress, "labels": self.labels}

    def run_epoch(self, batches: Batches, epoch: int, tally: Tally) -> None:
        """Take the steps of one pass over the rows."""
        size, interval = self.settings["mini_batch_size"], self.settings["batch_metrics_publish_interval"]
        first, self.rows = self.done, 0
        self.entries[:] = 0
        for batch in regroup(batches, size * max(1, BLOCK // size)):
            labels, rows = labels_of(batch, self.settings), as_rows(batch, self.settings["feature_dim"])
            scores = self.learn(rows, labels)
            for start in range(0, len(labels), size):
                tally.add(labels[start : start + size], scores[start : start + size])
                number = self.done - first
                if number % interval == 0:
                    tally.log(self.run, f"epoch={epoch}, batch={number} train ")
                self.progress += 1
            self.rows += len(labels)
            self.labels += np.bincount(labels > 0 if tally.binary else np.ones(len(labels), int), minlength=2)
            if len(self.entries):
                np.add.at(self.entries, rows.columns, 1)

    def learn(self, rows: Rows, labels: np.ndarray) -> np.ndarray:
        """Take the steps of a few mini-batches; their rows' scores from before."""
        bits = max(1, (self.settings["feature_dim"] - 1).bit_length())
        logistic = self.settings["predictor_type"] == BINARY
        work = len(rows.columns) // -(-len(labels) // self.steps.size) * self.weights.table.shape[1]
        most = numba.get_num_threads()
        threads = most if work >= WORTH_A_THREAD else 1
        numba.set_num_threads(threads)
        try:
            turned = turn_all(rows, self.steps.size, bits)
            return np.asarray(learn(self.weights, rows, turned, labels, logistic, self.steps, self.done, threads))
        finally:
            numba.set_num_threads(most)

    def meet_hosts(self) -> None:
        """Make the weights the mean of all hosts', a column's by its entries in each host's epoch."""
        if len(self.run.hosts) == 1:
            return
        bias, table, _ = self.weights
        hosts = gather(self.run, [bias[:1], table, self.entries, np.array([self.rows]), self.labels])
        shares = np.array([host[3][0] for host in hosts]) / max(1, sum(host[3][0] for host in hosts))
        bias[0] = sum(share * host[0][0] for share, host in zip(shares, hosts, strict=True))
        entries = np.sum([host[2] for host in hosts], axis=0)
        met = entries > 0
        table[met] = sum(host[1][met] * (host[2][met] / entries[met])[:, None] for host in hosts)
        self.labels = np.sum([host[4] for host in hosts], axis=0)

    def check(self, epoch: int) -> None:
        """Raise ClientError where the epoch shows that no model can come of it."""
        if not self.labels.any():
            raise ClientError("the train channel has no records")
        if self.settings["predictor_type"] == BINARY and np.count_nonzero(self.labels) == 1:
            raise ClientError(
                f"all {self.labels.sum()} records of the train channel have the label {self.labels.argmax()}: "
                "a binary_classifier needs records of both labels, 0 and 1"
            )
        if not (np.isfinite(self.weights.bias).all() and np.isfinite(self.weights.table).all()):
            raise ClientError(
                f"the weights were no finite numbers any more after epoch {epoch}: smaller learning rates (bias_lr, "
                "linear_lr, factors_lr) or smaller features are needed"
            )


class Tally:
    """Sums over labels and scores from which the containers' quality metrics follow."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.binary = settings["predictor_type"] == BINARY
        self.rows = 0
        self.sums = np.zeros(2)
        """Squared and absolute errors, or -ln p of the true class."""
        self.counts = np.zeros((3, 2), np.int64)
        """Of the labels 0 and 1: hits, predictions, rows."""

    def add(self, labels: np.ndarray, scores: np.ndarray) -> None:
        """Rows' labels and scores y, (n,) each."""
        self.rows += len(labels)
        if self.binary:
            self.sums[0] += np.logaddexp(0, np.where(labels > 0, -scores, scores), dtype=np.float64).sum()
            self.counts += count_classes(labels, scores >= 0, 2)
        else:
            errors = scores.astype(np.float64) - labels
            self.sums += errors @ errors, np.abs(errors).sum()

    def scores(self) -> dict[str, float]:
        """Name -> value, in the order of the log; none where there were no rows."""
        if not self.rows:
            return {}
        first, second = (self.sums / self.rows).tolist()
        if not self.binary:
            return {"rmse": first**0.5, "mse": first, "absolute_loss": second}
        hits, predicted, true = self.counts
        return {
            "binary_classification_accuracy": float(hits.sum() / self.rows),
            "binary_classification_cross_entropy": first,
            "binary_f_1.000": float(2 * hits[1] / max(1, predicted[1] + true[1])),
        }

    def log(self, run: Run, words: str) -> None:
        """Log each as a quality metric; `words` say of what."""
        for name, value in self.scores().items():
            kind = "score" if name in ("binary_classification_accuracy", "binary_f_1.000") else "loss"
            log.info("#quality_metric: host=%s, %s%s <%s>=%s", run.host, words, name, kind, value)


def labels_of(batch: Batch, settings: Mapping[str, Any]) -> np.ndarray:
    """A batch's labels, (n,) float32; ClientError where there are none, several a row, or ones that can't be."""
    labels = batch.single_labels()
    wrong = (labels != 0) & (labels != 1) if settings["predictor_type"] == BINARY else ~np.isfinite(labels)
    if wrong.any():
        row = int(wrong.argmax())
        need = "0 and 1" if settings["predictor_type"] == BINARY else "that are finite"
        raise ClientError(
            f"{batch.place(row)}the label is {labels[row]:g}, but a {settings['predictor_type']} needs labels {need}"
        )
    return as_compiled(labels)


def first_weights(settings: Mapping[str, Any]) -> Weights:
    """The weights that training begins with, the same on every host."""
    rng = np.random.default_rng(settings["seed"])
    width, count = settings["feature_dim"], settings["num_factors"]
    bias, table = np.zeros(3, np.float32), np.zeros((width, 1 + count), np.float32)
    if settings["use_bias"]:
        bias[:1] = draw(settings, "bias", 1, rng)
    if settings["use_linear"]:
        table[:, 0] = draw(settings, "linear", width, rng)
    table[:, 1:] = draw(settings, "factors", (width, count), rng)
    return Weights(bias, table, np.zeros((width, 2, 1 + count), np.float32))


def draw(settings: Mapping[str, Any], part: str, shape: Any, rng: np.random.Generator) -> np.ndarray:
    """Weights of one of the PARTS as its hyperparameters say."""
    method = settings[f"{part}_init_method"]
    number = settings[f"{part}_init_{SETTING_OF_METHOD[method]}"]
    if method == "constant":
        return np.full(shape, number, np.float32)
    drawn = rng.standard_normal(shape, np.float32) if method == "normal" else 2 * rng.random(shape, np.float32) - 1
    return np.asarray(drawn * np.float32(number))


def steps_of(settings: Mapping[str, Any]) -> Steps:
    """What Adam's steps follow; a part that isn't used doesn't move."""
    used = np.array([settings["use_bias"], settings["use_linear"], True])
    return Steps(
        settings["mini_batch_size"],
        np.array([settings[f"{part}_lr"] for part in PARTS], float) * used,
        np.array([settings[f"{part}_wd"] for part in PARTS], float),
        settings["rescale_grad"] or 0.0,
        settings["clip_gradient"] or np.inf,
        settings["eps"] or EPSILON,
    )


def log_epoch(run: Run, epoch: int, epochs: int, tally: Tally, batches: int, begun: float) -> None:
    """Log an epoch's scores, progress, rows and speed."""
    now = time.time()
    tally.log(run, f"epoch={epoch}, train ")
    took = {"update.time": 1000 * (now - begun)}
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, took))
    log.info(log_lines.progress(run.host, 100 * (epoch + 1) / epochs))
    values = {"Number of Records Since Last Reset": tally.rows, "Number of Batches Since Last Reset": batches}
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, values, epoch=epoch, Meta="training_data_iter"))
    log.info(log_lines.throughput(run.host, tally.rows / max(now - begun, 1e-9)))
