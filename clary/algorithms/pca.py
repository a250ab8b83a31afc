"""PCA: the few directions along which rows differ most, and each row's place along them.

The k components are the orthonormal v_1..v_k that keep the most of the rows' variance, sum |(x - m) V|^2 about the mean
m: the eigenvectors of the scatter S = sum (x - m)^T (x - m) of the largest eigenvalues s^2, where s are the singular
values of the centred data. A row's projection is (x - m) V. With `subtract_mean` false m is 0. One pass over the data:

* `regular` adds up S itself, (d, d). Exact: projections agree with a full singular value decomposition of the data to
  what float32 can tell, also for data far from the origin (`Scatter.add` says how).
* `randomized` adds up Y = S T, (d, l), for a random T of l = k + extra_components orthonormal columns, and takes the
  components of Nystrom's approximation Y (T^T Y)^-1 Y^T. Approximate; exact where the data has no more than l
  dimensions. On MNIST, with the default l = 2 k, its components keep 98.8 % of the variance that the exact ones keep
  for k = 50 and 92 % for k = 10, and 96 % there with l = 30. The singular values come out too small, in these three
  cases by 7 %, 19 % and 12 % on average.

Neither sum depends on the mini-batches or the order of rows, and hosts' sums are added up.

SageMaker's randomized mode sketches the rows instead, B = H X with random signs H, (l, n), and takes the singular
vectors of B. That is half the work, but keeps 88 %, 63 % and 71 % in the three cases above, and turns even the first
component by 26, 56 and 48 degrees (Clary's: 1, 15 and 9). To multiply S instead of X squares the ratio between what
matters and what doesn't, in the same single pass and the same memory.

Time for n rows: O(n d^2 + d^3) or O(n d l + d l^2). Memory: a mini-batch and O(d^2) or O(d l). Sparse rows are not made
dense where that costs more. `force_dense` and `epochs`, which the container has too, change nothing: one pass is all.

Papers: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 2011. Tropp, Yurtsever, Udell and Cevher,
Fixed-rank approximation of a positive-semidefinite matrix from streaming data, NIPS 2017.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

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
)
from clary.algorithms.exchange import gather
from clary.algorithms.hyperparameters import Boolean, Categorical, Hyperparameters, Integer, Text
from clary.algorithms.kmeans_kernels import as_rows
from clary.algorithms.pca_kernels import Scatter, join, random_test_matrix
from clary.errors import ClientError
from clary.formats import Batch, mxnet, regroup

AUTO, FEWEST_EXTRA = -1, 10
USUAL_BATCH = 500
"""The SDK's mini_batch_size, for a fit on an array that names none."""


def components_fit(values: dict[str, Any]) -> Iterator[str]:
    """There are as many components as columns at most."""
    if values["num_components"] > values["feature_dim"]:
        yield (
            f"num_components is {values['num_components']}, but feature_dim is {values['feature_dim']}: there are no "
            "more components than columns"
        )


HYPERPARAMETERS = Hyperparameters(
    Integer("feature_dim", "The number of columns.", required=True, minimum=1),
    Integer("num_components", "The number of components.", required=True, minimum=1),
    Integer(
        "mini_batch_size",
        "Rows taken together; more where that is quicker. The model doesn't depend on it.",
        required=True,
        minimum=1,
    ),
    Categorical(
        "algorithm_mode",
        "Exact from all products of columns (regular), or approximate in memory linear in feature_dim (randomized).",
        "regular",
        choices=("regular", "randomized"),
    ),
    Boolean("subtract_mean", "Whether the mean is subtracted, in training and in answers.", True),
    Integer(
        "extra_components",
        "What randomized sums up beyond num_components: more is more accurate; -1: num_components, 10 at least.",
        AUTO,
        minimum=AUTO,
    ),
    Integer("epochs", "Passes over the data; one says all.", 1, minimum=1, maximum=1),
    Boolean("force_dense", "Accepted; the result is the same.", True),
    Integer("seed", "Seed of the random directions of randomized (Clary's own).", 0, minimum=0),
    Text("_tuning_objective_metric", "The metric that a tuning job watches."),
    rule=components_fit,
)

EXPLAINED = "explained_variance_ratio"
METRICS = tuple(
    Metric(f"{channel}:{EXPLAINED}", rf"#quality_metric: host=\S+, {channel} {EXPLAINED} <score>=(\S+)", "Maximize")
    for channel in ("train", "test")
)

MODEL = "model_algo-1"
NAME = "PCA"
BLOCK_ROWS, BLOCK_BYTES = 2048, 32 << 20
"""A block of rows in float64 that keeps BLAS busy."""
CHUNK = 4096
log = log_lines.log_of("pca")


class PCA(Estimator):
    """PCA with SageMaker's hyperparameters as keywords. Where fit gets an array, `feature_dim` and `mini_batch_size`
    may be left out. As in SageMaker's model and answers the components are in ascending order: the last is the largest.
    """

    table: ClassVar[Hyperparameters] = HYPERPARAMETERS
    answer_name: ClassVar[str] = "projections"

    mean_: np.ndarray | None
    """(d,) float64, after `fit` or `load`; None where the mean isn't subtracted."""
    singular_values_: np.ndarray
    """(k,) float32, ascending."""
    components_: np.ndarray
    """(k, d) float32, a component a row."""

    def fit(self, batches: Any, y: Any = None, *, test: Batches | None = None, run: Run | None = None) -> Self:  # noqa: ARG002
        """Find the components of the rows of batches or of an (n, d) array; `y` and labels are not looked at.

        test: batches of which is logged what share of their variance about the training mean the components keep
        """
        run = run or Run()
        batches = as_batches(batches)
        settings = self.settings_for(batches, mini_batch_size=lambda _: USUAL_BATCH)
        begun = time.time()
        scatter = join_hosts(stream(batches, settings, run), run)
        check_rows(scatter.rows, settings)
        found = scatter.components(settings["num_components"])
        self._take(scatter.mean if settings["subtract_mean"] else None, found.values, found.vectors)
        log_share(run, "train", float(found.values @ found.values), scatter.total)
        if test is not None and run.first:
            self._score(test, run)
        run.say(log_lines.metrics(NAME, run.host, "training", begun, time.time(), {"totaltime": elapsed(begun)}))
        return self

    def predict(self, x: Any) -> np.ndarray:
        """The projection of each row of x, (n, d): (n, k) float32, the largest component last."""
        return self._project(Batch(as_features(x)))

    transform = predict

    def fit_transform(self, x: Any, y: Any = None) -> np.ndarray:
        """The projections of the rows that are fitted, as scikit-learn's transformers answer: (n, k) float32."""
        return self.fit(x, y).predict(x)

    def respond(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """projection: (n, k) float32."""
        return {"projection": self._project(batch)}

    def save(self, folder: Path) -> None:
        """Write `model_algo-1`, which `mx.nd.load` reads: s (k,), v (d, k) and, where it is subtracted, mean (1, d)."""
        arrays = {"s": self.singular_values_, "v": self.components_.T}
        if self.mean_ is not None:
            arrays["mean"] = self.mean_[None]
        mxnet.save(folder / MODEL, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder: Clary's, or one that SageMaker trained."""
        if not (folder / MODEL).is_file():
            raise ClientError(f"There is no model file in {folder}; {MODEL} was expected")
        arrays = mxnet.load(folder / MODEL)
        if not (isinstance(arrays, dict) and fits_together(arrays)):
            raise ClientError(
                f"{MODEL} must hold the arrays s (k), v (feature_dim, k) and, or not, mean (1, feature_dim)"
            )
        width, count = arrays["v"].shape
        centred = "mean" in arrays
        model = cls(num_components=count, feature_dim=width, mini_batch_size=USUAL_BATCH, subtract_mean=centred)
        model._take(arrays["mean"].reshape(-1) if centred else None, arrays["s"], arrays["v"])
        return model

    def _take(self, mean: np.ndarray | None, values: np.ndarray, vectors: np.ndarray) -> None:
        """Take a model as it is saved, (d,), (k,) and (d, k), and prepare to answer with it."""
        self.mean_ = None if mean is None else np.asarray(mean, np.float64)
        with np.errstate(over="ignore"):
            self.singular_values_ = values.astype(np.float32)
        if not np.isfinite(self.singular_values_).all():
            raise ClientError(f"The singular value {values.max():g} is beyond float32; divide the data by a number")
        self.components_ = np.ascontiguousarray(vectors.T, np.float32)
        self._basis = np.ascontiguousarray(self.components_.T, np.float64)
        self._origin = np.zeros(len(values)) if self.mean_ is None else self.mean_ @ self._basis

    def _project(self, batch: Batch) -> np.ndarray:
        """(x - m) V as x V - m V: in float64 the digits that cancel are there."""
        batch.check_width(len(self._basis))
        rows = as_rows(batch.features, len(self._basis))
        found = np.empty((rows.shape[0], len(self._origin)), np.float32)
        for start in range(0, len(found), CHUNK):
            found[start : start + CHUNK] = rows[start : start + CHUNK] @ self._basis - self._origin
        return found

    def _score(self, test: Batches, run: Run) -> None:
        """Log the share of the test channel's variance that the components keep."""
        kept, total, rows = 0.0, 0.0, 0
        mean = np.zeros(len(self._basis)) if self.mean_ is None else self.mean_
        try:
            for batch in test:
                projections = self._project(batch).astype(np.float64)
                kept += float(np.vdot(projections, projections))
                total += squared_distance(as_rows(batch.features, len(mean)), mean)
                rows += len(batch)
        except Stopped:  # the model is worth keeping
            log.info("Training was asked to stop; the test channel is not scored")
            return
        if not rows:
            raise ClientError("The test channel has no records")
        log.info(log_lines.test_score(run.host, EXPLAINED, share(kept, total)))
        log_share(run, "test", kept, total)


def stream(batches: Batches, settings: Mapping[str, Any], run: Run) -> Scatter:
    """The scatter of this host's rows. A stop ends it with the rows seen so far."""
    width, begun = settings["feature_dim"], time.time()
    size = max(settings["mini_batch_size"], min(BLOCK_ROWS, BLOCK_BYTES // (8 * width)))
    scatter = None
    try:
        for batch in regroup(batches, size):
            batch.check_width(width)
            scatter = scatter or empty_scatter(settings)  # a feature_dim that is a slip takes no memory
            scatter.add(as_rows(batch.features, width))
    except Stopped:
        if scatter is None:
            raise
        log.info("Training was asked to stop; the model is made of the rows seen so far")
    scatter = scatter or empty_scatter(settings)
    scatter.centre()
    log.info(log_lines.progress(run.host, 100))
    now, values = time.time(), {"Number of Records Since Last Reset": scatter.rows}
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, values, epoch=0, Meta="training_data_iter"))
    log.info(log_lines.throughput(run.host, scatter.rows / max(now - begun, 1e-9)))
    return scatter


def empty_scatter(settings: Mapping[str, Any]) -> Scatter:
    """The scatter of no rows; for the randomized mode with T, which is the same on every host."""
    width, count, extra = (settings[name] for name in ("feature_dim", "num_components", "extra_components"))
    test = None
    try:
        if settings["algorithm_mode"] == "randomized":
            extra = max(FEWEST_EXTRA, count) if extra == AUTO else extra
            test = random_test_matrix(width, min(width, count + extra), np.random.default_rng(settings["seed"]))
        return Scatter(width, centred=settings["subtract_mean"], test=test)
    except (MemoryError, ValueError):  # numpy says the latter of arrays beyond all memory
        advice = "" if settings["algorithm_mode"] == "randomized" else "; algorithm_mode randomized needs far less"
        raise ClientError(f"There is not enough memory for a feature_dim of {width}{advice}") from None


def join_hosts(scatter: Scatter, run: Run) -> Scatter:
    """The scatter of the rows of all hosts; each host gets it."""
    if len(run.hosts) == 1:
        return scatter
    arrays = [np.array(scatter.rows), scatter.mean, np.array(scatter.total), scatter.matrix]
    return join([tuple(part) for part in gather(run, arrays)], scatter.centred, scatter.test)


def check_rows(rows: int, settings: Mapping[str, Any]) -> None:
    """ClientError where there are none; a warning where they can't have as many components as are wanted."""
    if not rows:
        raise ClientError("The train channel has no records")
    span = rows - 1 if settings["subtract_mean"] else rows
    if span < settings["num_components"]:
        log.warning(
            "%d record(s) differ in %d direction(s) at most: of %d components the first %d have the singular value 0",
            rows,
            span,
            settings["num_components"],
            settings["num_components"] - span,
        )


def squared_distance(rows: Any, mean: np.ndarray) -> float:
    """The sum of the rows' squared distances to the mean."""
    if isinstance(rows, np.ndarray):
        gaps = (rows - mean).reshape(-1)
        return float(gaps @ gaps)
    values, sums = rows.data.astype(np.float64), np.asarray(rows.sum(axis=0, dtype=np.float64)).reshape(-1)
    return float(values @ values - 2 * sums @ mean + rows.shape[0] * mean @ mean)


def share(kept: float, total: float) -> float:
    """Of the variance `total` the part `kept`; all of it where there is none."""
    return min(1.0, kept / total) if total > 0 else 1.0


def log_share(run: Run, channel: str, kept: float, total: float) -> None:
    """Log what share of a channel's variance the components keep."""
    log.info("#quality_metric: host=%s, %s %s <score>=%s", run.host, channel, EXPLAINED, share(kept, total))


def elapsed(begun: float) -> float:
    """Milliseconds since then."""
    return 1000 * (time.time() - begun)


def fits_together(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether the arrays are those of a PCA model, and of one."""
    if not {"s", "v"} <= arrays.keys() <= {"s", "v", "mean"} or arrays["v"].ndim != 2:
        return False
    width, count = arrays["v"].shape
    finite = all(np.isfinite(array).all() for array in arrays.values())
    return finite and arrays["s"].shape == (count,) and ("mean" not in arrays or arrays["mean"].size == width)


def _example() -> np.ndarray:
    """Rows of three columns about (1, 2, 3) that differ most along the first, least along the last."""
    return np.random.default_rng(7).normal([1, 2, 3], [3, 1, 0.3], (60, 3)).astype(np.float32)


ALGORITHM = Algorithm(
    name="pca",
    title="PCA",
    estimator="PCA",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, (RECORDIO_PROTOBUF, CSV), (SHARDED, REPLICATED)),
        Channel("test", False, (RECORDIO_PROTOBUF, CSV), (REPLICATED, SHARDED)),
    ),
    example=Example({"num_components": "2", "feature_dim": "3", "mini_batch_size": "20"}, _example),
    gpu="yes",
)
