"""Random Cut Forest: how much would a row change a tree that cuts the data at random? Outliers change it a lot.

Each tree takes its own part of one uniform sample of the rows and cuts the box that holds them in two: in a column
drawn by the length of the box's side, at a uniform place; then each half the same, until every point stands alone. A
point far from the others is cut off early. A row's score is what depth it would have if it were inserted, in
expectation over the cuts: a box with the sum of sides s, which must grow by e to hold the row, is cut between the two
with probability e / (s + e). At a depth D, in a tree of m points, a tree says

    log2(m + 1) / (D + 1)                                               to a row that is cut off there,
    log2(m + 1) (1 - c / (2 m)) / (D + log2(c + 1))                     to one that equals the c points of a leaf,

and the score is the mean over the trees: about 0.8 for ordinary rows, above 2 for outliers, whatever m is. This is
the scoring of Amazon's open-source library, which the real container's answers fit.

* With fewer rows than num_trees x num_samples_per_tree each tree gets rows / num_trees, as in the real container.
* On several hosts each samples its own shard; all samples are joined to one that is uniform over all rows.
* `seed` makes a run repeatable, on several hosts too (Clary's own).
* `clary.algorithms.randomcutforest_stream.Forest` is the same forest for streams, a point at a time.

Time: O(n d) to sample n rows with d columns, O(t s d log s) for t trees of s points, O(t d log s) to score a row.
Memory: the sample and the boxes, 12 t s d bytes, whatever n is.

Papers: Guha, Mishra, Roy and Schrijvers, Robust random cut forest based anomaly detection on streams, ICML 2016.
Vitter, Random sampling with a reservoir, 1985.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from clary.algorithms import log_lines
from clary.algorithms import randomcutforest_trees as arrays
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
from clary.algorithms.exchange import gather
from clary.algorithms.hyperparameters import Boolean, Hyperparameters, Integer, JsonList, Text
from clary.algorithms.reservoir import Sample
from clary.algorithms.scores import binary_scores
from clary.errors import ClientError
from clary.formats import Batch, Sparse, mxnet, regroup

ACCURACY, PRECISION_RECALL_FSCORE = "accuracy", "precision_recall_fscore"

HYPERPARAMETERS = Hyperparameters(
    Integer("feature_dim", "The number of columns.", required=True, minimum=1, maximum=10000),
    Integer("num_trees", "The number of trees.", 100, minimum=50, maximum=1000, tunable=(50, 1000)),
    Integer(
        "num_samples_per_tree",
        "The rows that each tree is made of; 1 / num_samples_per_tree should be near the share of anomalies.",
        256,
        minimum=1,
        maximum=2048,
        tunable=(1, 2048),
    ),
    JsonList(
        "eval_metrics",
        "What is reported of the test channel.",
        (ACCURACY, PRECISION_RECALL_FSCORE),
        choices=(ACCURACY, PRECISION_RECALL_FSCORE),
    ),
    Integer("mini_batch_size", "Rows that are sampled at a time.", 1000, minimum=1),
    Integer("epochs", "Passes over the data: a sample needs one.", 1, minimum=1, maximum=1),
    Boolean("force_dense", "Accepted; the result is the same.", True),
    Integer("seed", "Seed of every random choice (Clary's own).", 0, minimum=0),
    Text("_tuning_objective_metric", "The metric that a tuning job watches."),
)

METRICS = (Metric("test:f1", r"#quality_metric: host=\S+, test f1 <score>=(\S+)", "Maximize"),)

MODEL = "model_algo-1"
SIGMAS = 3
"""A row is an anomaly if its score lies so many standard deviations above the mean score."""
NAME = "RandomCutForest"
log = log_lines.log_of("randomcutforest")


class RandomCutForest(Estimator):
    """Random Cut Forest with SageMaker's hyperparameters as keywords; `feature_dim` may be left out where fit gets an
    array."""

    table: ClassVar[Hyperparameters] = HYPERPARAMETERS
    answer_name: ClassVar[str] = "scores"

    trees_: arrays.Trees
    """After `fit` or `load`."""

    def fit(self, batches: Any, y: Any = None, *, test: Batches | None = None, run: Run | None = None) -> Self:  # noqa: ARG002
        """Make the forest of a sample of the rows of batches or of an (n, d) array; `y` and labels are not looked at.

        test: batches with labels, 1 for an anomaly, 0 for none, against which the 3-sigma rule is scored
        """
        from clary.algorithms.randomcutforest_kernels import build

        run = run or Run()
        batches = as_batches(batches)
        settings = self.settings_for(batches)
        check_memory(settings)
        begun = time.time()
        sample = join_hosts(draw_sample(batches, settings, run), settings, run)
        built = time.time()
        log.info("Building Random Cut Forest...")
        self.trees_ = build(partition(sample, settings), np.random.default_rng([settings["seed"], 1]))
        log.info("Random Cut Forest built: \n\n%s\n", arrays.forest_info(self.trees_))
        run.say(
            log_lines.metrics(
                NAME, run.host, "training", built, time.time(), {"fit_model.time": 1000 * (time.time() - built)}
            )
        )
        if test is None:
            log.info("Test data is not provided.")
        elif run.first:
            self._score_test(test, settings, run)
        totals = {"totaltime": 1000 * (time.time() - begun)}
        run.say(log_lines.metrics(NAME, run.host, "training", begun, time.time(), totals))
        return self

    def predict(self, x: Any) -> np.ndarray:
        """The anomaly score of each row of x, (n, d): (n,) float64, the higher the stranger."""
        return self._score(Batch(as_features(x)))

    def respond(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """score: (n,) float64."""
        return {"score": self._score(batch)}

    def save(self, folder: Path) -> None:
        """Write the trees as the arrays of `model_algo-1`, which `mx.nd.load` reads."""
        mxnet.save(folder / MODEL, arrays.to_arrays(self.trees_))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder. What SageMaker's own holds is not documented: it can't be read."""
        if not (folder / MODEL).is_file():
            raise ClientError(f"There is no model file in {folder}; {MODEL} was expected")
        found = mxnet.load(folder / MODEL)
        trees = arrays.from_arrays(found) if isinstance(found, dict) else None
        if trees is None:
            raise ClientError(f"{MODEL} must hold the arrays {', '.join(arrays.SAVED)} of a random cut forest")
        count, size, width = trees.points.shape
        model = cls(feature_dim=width, num_trees=count, num_samples_per_tree=size)
        model.trees_ = trees
        return model

    def _score(self, batch: Batch) -> np.ndarray:
        from clary.algorithms.randomcutforest_kernels import score

        return score(self.trees_, rows_of(batch, self.trees_.points.shape[2]))

    def _score_test(self, test: Batches, settings: Mapping[str, Any], run: Run) -> None:
        """Log how well the 3-sigma rule finds the anomalies of the test channel."""
        parts = [(self._score(batch), labels_of(batch)) for batch in regroup(test, settings["mini_batch_size"])]
        if not parts:
            raise ClientError("The test channel has no records")
        scores, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
        found = evaluate(scores, labels)
        for name in settings["eval_metrics"]:
            for score, value in found[name].items():
                log.info(log_lines.test_score(run.host, score, value))
                log.info("#quality_metric: host=%s, test %s <score>=%s", run.host, score, value)


def check_memory(settings: Mapping[str, Any]) -> None:
    """Log what a full forest takes; ClientError where that is more than the machine has."""
    needed = arrays.bytes_of(settings["num_trees"], settings["num_samples_per_tree"], settings["feature_dim"])
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    log.info("Available memory in bytes: %d", available)
    log.info("Estimated memory needed to build the forest in bytes: %d", needed)
    if needed > available:
        raise ClientError(
            f"{settings['num_trees']} trees of {settings['num_samples_per_tree']} records with "
            f"{settings['feature_dim']} columns need {needed} bytes, but the machine has {available}: lower num_trees "
            "or num_samples_per_tree"
        )


def draw_sample(batches: Batches, settings: Mapping[str, Any], run: Run) -> Sample:
    """A uniform sample of this host's rows, enough for all trees. A stop ends it with the rows seen so far."""
    width, begun = settings["feature_dim"], time.time()
    sample = Sample(sample_size(settings), width, np.random.default_rng([settings["seed"], 0, run.rank]))
    log.info("Sampling training data...")
    try:
        for batch in regroup(batches, settings["mini_batch_size"]):
            sample.add(rows_of(batch, width))
    except Stopped:
        if not sample.seen:
            raise
        log.info("Training was asked to stop; the model is made of the rows seen so far")
    log.info("Sampling training data completed.")
    log.info(log_lines.progress(run.host, 100))
    now, values = time.time(), {"Number of Records Since Last Reset": sample.seen}
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, values, epoch=0, Meta="training_data_iter"))
    log.info(log_lines.throughput(run.host, sample.seen / max(now - begun, 1e-9)))
    return sample


def sample_size(settings: Mapping[str, Any]) -> int:
    """The rows of a full forest."""
    return int(settings["num_trees"] * settings["num_samples_per_tree"])


def join_hosts(sample: Sample, settings: Mapping[str, Any], run: Run) -> np.ndarray:
    """A uniform sample of all hosts' rows in random order, (m, d); the same on each host."""
    log.info("Gathering samples...")
    rng = np.random.default_rng([settings["seed"], 2])
    if len(run.hosts) == 1:
        rows = sample.rows
    else:
        gathered = gather(run, [sample.rows, np.array(sample.seen)])
        samples, seen = [part for part, _ in gathered], [int(count) for _, count in gathered]
        rows = join_samples(samples, seen, sample_size(settings), rng)
    if not len(rows):
        raise ClientError("The train channel has no records")
    log.info("%d samples gathered", len(rows))
    return np.asarray(rng.permutation(rows))


def join_samples(samples: Sequence[np.ndarray], seen: Sequence[int], size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` rows as if drawn from all that were seen, from a uniform sample of each part, of `size` rows or all.

    Which part each row comes from is drawn first, then any rows of that part's sample do.
    """
    ends = np.cumsum(seen)
    drawn = rng.choice(ends[-1], min(size, ends[-1]), replace=False, shuffle=False)
    counts = np.bincount(np.searchsorted(ends, drawn, side="right"), minlength=len(seen))
    return np.concatenate([rng.permutation(sample)[:count] for sample, count in zip(samples, counts, strict=True)])


def partition(sample: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """Each tree's own rows of a shuffled sample, (m, d): (num_trees, samples per tree, d).

    As few as m / num_trees where that is less than num_samples_per_tree; one row for each tree, the same for several
    trees, where there are fewer rows than trees.
    """
    trees, wanted = settings["num_trees"], settings["num_samples_per_tree"]
    size = max(1, min(wanted, len(sample) // trees))
    if size < wanted:
        log.warning("%d record(s) for %d trees make %d a tree, not %d", len(sample), trees, size, wanted)
    return np.resize(sample, (trees, size, sample.shape[1]))


def rows_of(batch: Batch, width: int) -> np.ndarray:
    """A batch's rows, (n, width) float32; ClientError unless they are that wide and finite."""
    batch.check_width(width)
    rows: np.ndarray = batch.features.dense(width) if isinstance(batch.features, Sparse) else batch.features
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise ClientError(f"row {row + 1}, column {column + 1} is {rows[row, column]}; a finite number is needed")
    return rows


def labels_of(batch: Batch) -> np.ndarray:
    """A test batch's labels, (n,); ClientError unless each row has one, 0 or 1."""
    labels = batch.single_labels()
    wrong = (labels != 0) & (labels != 1)
    if wrong.any():
        row = int(wrong.argmax())
        raise ClientError(f"{batch.place(row)}the label is {labels[row]:g}; it must be 1 for an anomaly or 0")
    return labels


def evaluate(scores: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, float]]:
    """The scores of the 3-sigma rule by eval_metrics' names; precision, recall and f1 of anomalies and of the rest."""
    anomalies = scores > scores.mean() + SIGMAS * scores.std()
    found, rest = binary_scores(labels, anomalies), binary_scores(1 - labels, ~anomalies)
    return {
        ACCURACY: {"accuracy": found["accuracy"]},
        PRECISION_RECALL_FSCORE: {
            "precision": found["precision"],
            "recall": found["recall"],
            "f1": found["f_beta"],
            "negative_precision": rest["precision"],
            "negative_recall": rest["recall"],
            "negative_f1": rest["f_beta"],
        },
    }


def _example_features() -> np.ndarray:
    """Rows of two columns about 0, and a few far away."""
    rng = np.random.default_rng(7)
    rows = rng.normal(0, 1, (400, 2))
    rows[::100] += 20
    return rows.astype(np.float32)


def _example_labels() -> np.ndarray:
    """1 for those far away."""
    return np.equal(np.arange(400) % 100, 0).astype(np.float32)


ALGORITHM = Algorithm(
    name="randomcutforest",
    title="Random Cut Forest",
    estimator="RandomCutForest",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, (RECORDIO_PROTOBUF, CSV), (SHARDED,)),
        Channel("test", False, (RECORDIO_PROTOBUF, CSV), (REPLICATED,), label_size=1),
    ),
    example=Example({"num_trees": "50", "feature_dim": "2"}, _example_features, _example_labels),
    gpu="no",
)
