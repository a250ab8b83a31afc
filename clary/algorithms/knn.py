"""k-NN: a row is like the k training rows that are nearest to it.

A classifier answers the label that most of the k have, a regressor the mean of their labels. There is nothing to fit
but the index in which neighbours are found:

1. A uniform sample of `sample_size` rows is drawn while the train channel streams by (fewer where it has fewer).
2. Where `dimension_reduction_type` is set a random matrix makes the rows narrow (knn_projection.py).
3. faiss builds the index (knn_index.py): exact, or faster and approximate.

Nearest by Euclidean distance (L2), by inner product (INNER_PRODUCT, the largest) or by the cosine of the angle between
the rows (COSINE): the inner product of rows scaled to length 1. Verbose answers hold these very numbers, the nearest
first; for L2 the squared distance, as faiss gives it.

Where labels have equally many votes among the k, the one of the nearest of these neighbours wins: k = 2 answers as
k = 1 does. scikit-learn takes the smallest label; SageMaker's rule is not documented.

On several hosts each samples its own shard, and the samples meet in proportion to the shards' rows, so that every row
of the job is as likely to be in the index. `test` is scored by the first host, so it should be FullyReplicated.

Time: O(n d) to sample n rows of d columns, O(m d) for a query to faiss.Flat with m = sample_size. Memory: 8 m d bytes
while training, half of that while serving, and a mini-batch; d is the width after the reduction.

Papers: Fix and Hodges, Discriminatory analysis: nonparametric discrimination, 1951. Cover and Hart, Nearest neighbor
pattern classification, 1967. Those of the parts stand in their files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from clary.algorithms import log_lines
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
    say_rows,
)
from clary.algorithms.exchange import gather
from clary.algorithms.hyperparameters import Categorical, Hyperparameters, Integer, Text
from clary.algorithms.knn_projection import KINDS, Projection
from clary.algorithms.knn_votes import Scores, mean, most_frequent
from clary.algorithms.reservoir import Sample
from clary.errors import AlgorithmError, ClientError
from clary.formats import Batch, Sparse

if TYPE_CHECKING:
    from clary.algorithms.knn_index import Index

IVF, IVFPQ = "faiss.IVFFlat", "faiss.IVFPQ"
PARTS = (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96)
"""Values of faiss_index_pq_m."""


def settings_fit(values: dict[str, Any]) -> Iterator[str]:
    """What holds between hyperparameters."""
    if values["k"] > values["sample_size"]:
        yield f"k is {values['k']}, but sample_size is {values['sample_size']}: there are no more neighbours than that"
    target, kind = values["dimension_reduction_target"], values["dimension_reduction_type"]
    if (target is None) != (kind is None):
        yield "dimension_reduction_type and dimension_reduction_target must be set together"
    elif target is not None and target >= values["feature_dim"]:
        yield f"dimension_reduction_target is {target}, it must be less than feature_dim, {values['feature_dim']}"
    if values["index_type"] == IVFPQ:
        if values["index_metric"] != "L2":
            yield f"index_metric {values['index_metric']} is not supported with index_type {IVFPQ}, which needs L2"
        if values["faiss_index_pq_m"] is None:
            yield f"index_type {IVFPQ} needs faiss_index_pq_m"
    if values["faiss_index_pq_m"] not in (None, *PARTS):
        yield f"Hyperparameter faiss_index_pq_m: {values['faiss_index_pq_m']} is not in {list(PARTS)}"


HYPERPARAMETERS = Hyperparameters(
    Integer("feature_dim", "The number of columns.", required=True, minimum=1),
    Integer("k", "The number of neighbours.", required=True, minimum=1, tunable=(1, 1024)),
    Categorical(
        "predictor_type",
        "Whether a row gets the label that most neighbours have, or the mean of their labels.",
        required=True,
        choices=("classifier", "regressor"),
    ),
    Integer(
        "sample_size",
        "The most training rows that the index holds.",
        required=True,
        minimum=1,
        tunable=(256, 20000000),
    ),
    Categorical("dimension_reduction_type", "How rows are made narrow first; unset: they aren't.", choices=KINDS),
    Integer("dimension_reduction_target", "How many columns are left, fewer than feature_dim.", minimum=1),
    Categorical("index_type", "Exact search, or a faster one.", "faiss.Flat", choices=("faiss.Flat", IVF, IVFPQ)),
    Categorical(
        "index_metric", "What nearest means. IVFPQ takes L2 only.", "L2", choices=("COSINE", "INNER_PRODUCT", "L2")
    ),
    Integer(
        "faiss_index_ivf_nlists",
        "Groups of rows in IVFFlat and IVFPQ; auto: the square root of how many rows are indexed.",
        "auto",
        words=("auto",),
        minimum=1,
    ),
    Integer(
        "faiss_index_pq_m",
        "Parts of a row in IVFPQ, a byte each: 1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64 or 96. "
        "Rows are made wider where it doesn't divide their width.",
        minimum=1,
        maximum=96,
    ),
    Integer("mini_batch_size", "Rows that are read and scored together.", 5000, minimum=1),
    Integer("_faiss_index_nprobe", "Groups that a query of IVFFlat and IVFPQ looks into.", 5, minimum=1),
    Integer("seed", "Seed of every random choice (Clary's own).", 0, minimum=0),
    Text("_tuning_objective_metric", "The metric that a tuning job watches."),
    rule=settings_fit,
)

METRICS = (
    Metric("test:accuracy", r"#quality_metric: host=\S+, test accuracy <score>=(\S+)", "Maximize"),
    Metric("test:mse", r"#quality_metric: host=\S+, test mse <loss>=(\S+)", "Minimize"),
)

MODEL, LABELS, DESCRIPTION = "model_algo-1", "model_algo-1.labels", "model_algo-1.json"
DENSE_BYTES = 64 << 20
"""A mini-batch is no larger, whatever mini_batch_size says."""
NAME = "AWS/KNN"
log = log_lines.log_of("knn")


class KNN(Estimator):
    """k-NN with SageMaker's hyperparameters as keywords. Where fit gets an array, `feature_dim` may be left out, and
    `sample_size` too: then all rows are kept.
    """

    table: ClassVar[Hyperparameters] = HYPERPARAMETERS

    k: int
    predictor_type: str
    feature_dim: int
    normalize: bool
    """Whether rows are scaled to length 1: COSINE."""
    projection: Projection | None
    index: Index
    """The rows of the sample, (m, d), as they are compared: reduced, scaled, padded."""
    labels: np.ndarray
    """(m,) float32, their labels."""

    def fit(self, batches: Any, y: Any = None, *, test: Batches | None = None, run: Run | None = None) -> Self:
        """Index a sample of labelled batches, or of an (n, d) array and its labels y.

        test: labelled batches of which accuracy and macro F1, or the mean squared error, are logged
        """
        run = run or Run()
        batches = as_batches(batches, y)
        settings = self.settings_for(batches, sample_size=lambda batch: max(1, len(batch)))
        begun = time.time()
        self._take(settings, projection_of(settings))
        try:
            self._learn(batches, settings, run)
        except MemoryError:
            raise ClientError(
                f"The memory doesn't hold {settings['sample_size']} rows, once as sampled and once in the index: "
                "choose a larger instance type, reduce the dimension, or decrease sample_size"
            ) from None
        values = {"epochs": 1, "totaltime": 1000 * (time.time() - begun)}
        run.say(log_lines.metrics(NAME, run.host, "training", begun, time.time(), values))
        if test is not None and run.first:
            self._score(test, settings, run)
        return self

    def predict(self, x: Any) -> np.ndarray:
        """The label of each row of x, (n, d): (n,) float32."""
        return self._decide(self._neighbours(Batch(as_features(x)))[1])

    def respond(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """predicted_label, (n,) float32."""
        return {"predicted_label": self._decide(self._neighbours(batch)[1])}

    def respond_verbosely(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """predicted_label, and of the k neighbours, the nearest first, distances and labels: (n, k) float32 each."""
        distances, labels = self._neighbours(batch)
        return {"predicted_label": self._decide(labels), "distances": distances, "labels": labels}

    def save(self, folder: Path) -> None:
        """Write the index, the labels and the description; `k` and `predictor_type` may be changed in the last."""
        self.index.write(folder / MODEL)
        self.labels.tofile(folder / LABELS)
        description = {
            "k": self.k,
            "predictor_type": self.predictor_type,
            "dimension_reduction": self.projection.describe() if self.projection else None,
            "normalize": self.normalize,
            "feature_dim": self.feature_dim,
            "version": "1.0",
        }
        (folder / DESCRIPTION).write_text(json.dumps(description))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder: Clary's, or one that SageMaker trained without dimension reduction."""
        from clary.algorithms.knn_index import Index

        for name in (MODEL, LABELS, DESCRIPTION):
            if not (folder / name).is_file():
                raise ClientError(f"There is no model file in {folder}; {name} was expected")
        description = read_description(folder / DESCRIPTION)
        index = Index.read(folder / MODEL)
        labels = np.fromfile(folder / LABELS, np.float32)
        if len(labels) != index.size or not np.isfinite(labels).all():
            raise AlgorithmError(f"{LABELS} doesn't hold a number for each of the {index.size} rows of {MODEL}")
        reduction = description.get("dimension_reduction")
        projection = Projection.of(reduction) if reduction else None
        width = projection.input_dim if projection else description.get("feature_dim", index.width)
        given = {name: description.get(name) for name in ("k", "predictor_type")}
        model = cls(**given, feature_dim=width, sample_size=index.size)
        settings = model.settings()
        settings["index_metric"] = "COSINE" if description.get("normalize") else "L2"
        model._take(settings, projection)
        if (projection.target_dim if projection else width) > index.width:
            raise ClientError(f"{DESCRIPTION} and {MODEL} don't fit: rows of {index.width} columns are in the index")
        model.index, model.labels = index, labels
        return model

    def _take(self, settings: Mapping[str, Any], projection: Projection | None) -> None:
        """Take over what answers depend on."""
        self.k, self.predictor_type = settings["k"], settings["predictor_type"]
        self.feature_dim, self.normalize = settings["feature_dim"], settings["index_metric"] == "COSINE"
        self.projection = projection

    def _learn(self, batches: Batches, settings: Mapping[str, Any], run: Run) -> None:
        """Sample, then index."""
        from clary.algorithms.knn_index import Index

        rows, self.labels = join_hosts(*self._sample(batches, settings, run), settings, run)
        if len(rows) < self.k:
            raise ClientError(f"k is {self.k}, but the train channel has {say_rows(len(rows))}")
        if not run.first:  # only the first host saves and scores a model
            return
        log.info("calling index.train and index.add...")
        self.index = Index.build(rows, settings)
        log.info("...done calling index.add (%d, %d)", self.index.size, self.index.width)

    def _sample(self, batches: Batches, settings: Mapping[str, Any], run: Run) -> tuple[Sample, Sample]:
        """This host's sample of rows as they are compared, (m, d), and of their labels, (m, 1)."""
        log.info("Using per-worker sample size = %d", settings["sample_size"])
        seeds = [settings["seed"], run.rank]
        width = compared_width(settings, self.projection)
        # Two samples from one seed draw alike, so they keep the same rows.
        rows, labels = (
            Sample(settings["sample_size"], columns, np.random.default_rng(seeds)) for columns in (width, 1)
        )
        begun = time.time()
        try:
            for batch in self._mini_batches(batches, settings):
                labels.add(batch.single_labels()[:, None])
                rows.add(self._prepare(batch, width))
        except Stopped:
            if rows.seen < self.k:
                raise
            log.info("Training was asked to stop; the model is made of the rows seen so far")
        log.info(log_lines.progress(run.host, 100))
        values = {"Number of Records Since Last Reset": rows.seen}
        now = time.time()
        run.say(log_lines.metrics(NAME, run.host, "training", begun, now, values, epoch=0, Meta="training_data_iter"))
        log.info(log_lines.throughput(run.host, rows.seen / max(now - begun, 1e-9)))
        return rows, labels

    def _mini_batches(self, batches: Batches, settings: Mapping[str, Any]) -> Iterator[Batch]:
        """The batches in parts that are small enough, each still knowing which file and row it is from."""
        size = max(1, min(settings["mini_batch_size"], DENSE_BYTES // (4 * self.feature_dim)))
        for batch in batches:
            for start in range(0, len(batch), size):
                yield batch.slice(start, min(start + size, len(batch)))

    def _prepare(self, batch: Batch, width: int) -> np.ndarray:
        """The rows of a batch as they are compared, (n, width) float32."""
        batch.check_width(self.feature_dim)
        features = batch.features
        rows = features.dense(self.feature_dim) if isinstance(features, Sparse) else features
        if self.normalize and not (filled := rows.any(axis=1)).all():
            where = f"{batch.source}: row" if batch.source else "row"
            row = batch.first_row + int(filled.argmin())
            raise ClientError(f"{where} {row} is all zeros, which has no direction that COSINE could compare")
        if self.projection:
            rows = self.projection.project(rows)
        if self.normalize:
            rows = scale_to_one(rows)
        if rows.shape[1] < width:
            rows = np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
        return np.ascontiguousarray(rows, np.float32)

    def _neighbours(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """What `Index.search` finds for each row: distances and labels, (n, k) float32 each."""
        distances, places = self.index.search(self._prepare(batch, self.index.width), self.k)
        return distances, self.labels[places]

    def _decide(self, labels: np.ndarray) -> np.ndarray:
        """The answers that the neighbours' labels, (n, k), come to."""
        return most_frequent(labels) if self.predictor_type == "classifier" else mean(labels)

    def _score(self, test: Batches, settings: Mapping[str, Any], run: Run) -> None:
        """Log the test channel's scores."""
        classifies = self.predictor_type == "classifier"
        scores = Scores(np.unique(self.labels) if classifies else np.empty(0))
        try:
            for batch in self._mini_batches(test, settings):
                scores.add(batch.single_labels(), self._decide(self._neighbours(batch)[1]))
        except Stopped:
            log.info("Training was asked to stop; the scores are those of %d records", scores.rows)
        if not scores.rows:
            log.warning("The test channel has no records, so there are no scores")
            return
        values = scores.of_classifier() if classifies else scores.of_regressor()
        for name, value in values.items():
            log.info(log_lines.test_score(run.host, name, value))
            kind = "loss" if name == "mse" else "score"
            log.info("#quality_metric: host=%s, test %s <%s>=%s", run.host, name, kind, value)


def projection_of(settings: Mapping[str, Any]) -> Projection | None:
    """The random matrix that the settings ask for; its target is made divisible by faiss_index_pq_m."""
    if settings["dimension_reduction_type"] is None:
        return None
    target = divisible(settings["dimension_reduction_target"], settings)
    return Projection(settings["dimension_reduction_type"], settings["seed"], target, settings["feature_dim"])


def compared_width(settings: Mapping[str, Any], projection: Projection | None) -> int:
    """How wide rows are in the index."""
    return projection.target_dim if projection else divisible(settings["feature_dim"], settings)


def divisible(width: int, settings: Mapping[str, Any]) -> int:
    """The width, or the next one that IVFPQ can cut into its parts."""
    parts: int = settings["faiss_index_pq_m"] if settings["index_type"] == IVFPQ else 1
    return -(-width // parts) * parts


def join_hosts(rows: Sample, labels: Sample, settings: Mapping[str, Any], run: Run) -> tuple[np.ndarray, np.ndarray]:
    """A uniform sample of all hosts' rows, (m, d), and their labels, (m,); each host gets it.

    How many of m rows are a shard's is what drawing without replacement from all rows would give (the multivariate
    hypergeometric distribution); a shard's own sample holds at least as many.
    """
    if len(run.hosts) == 1:
        return rows.rows, labels.rows[:, 0]
    seen = [int(count) for (count,) in gather(run, [np.array(rows.seen)])]
    rng = np.random.default_rng(settings["seed"])
    shares = rng.multivariate_hypergeometric(seen, min(settings["sample_size"], sum(seen)))
    chosen = np.random.default_rng([settings["seed"], run.rank, 1]).permutation(len(rows.rows))[: shares[run.rank]]
    parts = gather(run, [rows.rows[chosen], labels.rows[chosen, 0]])
    return np.concatenate([part for part, _ in parts]), np.concatenate([part for _, part in parts])


def scale_to_one(rows: np.ndarray) -> np.ndarray:
    """Each row divided by its length; zeros stay zeros."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    return np.asarray(rows / np.where(lengths, lengths, 1)[:, None], np.float32)


def read_description(path: Path) -> dict[str, Any]:
    """The JSON beside an index; ClientError for what is none."""
    try:
        description = json.loads(path.read_bytes())
    except ValueError:
        description = None
    if not isinstance(description, dict):
        raise ClientError(f"{path.name} doesn't hold a JSON object that describes the model")
    return description


def _example() -> np.ndarray:
    """Three groups of rows around (0, 0), (10, 0) and (0, 10)."""
    middles = np.array([[0, 0], [10, 0], [0, 10]])
    spread = np.random.default_rng(7).normal(0, 1, (90, 2))
    return np.asarray(middles[_example_labels().astype(int)] + spread, np.float32)


def _example_labels() -> np.ndarray:
    return np.repeat(np.arange(3, dtype=np.float32), 30)


ALGORITHM = Algorithm(
    name="knn",
    title="k-NN",
    estimator="KNN",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, (RECORDIO_PROTOBUF, CSV), (SHARDED, REPLICATED), label_size=1),
        Channel("test", False, (RECORDIO_PROTOBUF, CSV), (REPLICATED, SHARDED), label_size=1),
    ),
    example=Example(
        {"k": "5", "feature_dim": "2", "predictor_type": "classifier", "sample_size": "80"}, _example, _example_labels
    ),
    gpu="yes",
)
