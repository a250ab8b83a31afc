"""K-Means: k centres such that rows lie close to their nearest, found in one pass over data of any size.

Rows stream by in mini-batches and move K = k * extra_center_factor centres, each a running mean of the rows that came
closest to it. At the end the K centres, weighted with how many rows each stands for, are clustered themselves: Lloyd's
algorithm with k-means++ seeding, several trials, the best kept. That is Amazon's web-scale k-means, as its guide
describes it. Two things are Clary's own:

* A uniform sample of the rows seen (16 MiB at most) is kept, and Lloyd's algorithm goes on from the k centres over the
  sample. Data that fits is thus clustered to Lloyd's own optimum; where k is so large that the sample holds fewer than
  100 rows a centre, the step is left out. On MNIST it takes the excess over full Lloyd from 1.3 % to 0.5 %.
* `seed` makes a run repeatable; runs on several hosts are too.

On several hosts each streams its own shard, and all shards' centres and samples meet before the last two steps. There
`test` is scored by the first host, so it should be FullyReplicated.

Time: O(n d K) for an epoch of n rows with d columns. Memory: a mini-batch, (K, d) and the sample, whatever n is.
`force_dense` is accepted and changes nothing: sparse rows stay sparse where that is exact.

Papers: Lloyd, Least squares quantization in PCM, 1982. Arthur and Vassilvitskii, k-means++: the advantages of careful
seeding, SODA 2007. Sculley, Web-scale k-means clustering, WWW 2010. Vitter, Random sampling with a reservoir, 1985.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

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
from clary.algorithms.hyperparameters import Boolean, Categorical, Continuous, Hyperparameters, Integer, JsonList, Text
from clary.algorithms.kmeans_checkpoints import Progress
from clary.algorithms.kmeans_kernels import (
    Found,
    as_rows,
    compare,
    lloyd,
    nearest,
    prepare,
    seed,
    squared_distances,
    sum_by_label,
)
from clary.algorithms.reservoir import Rows, Sample, pick
from clary.errors import ClientError
from clary.formats import Batch, mxnet, regroup

AUTO_FACTOR, AUTO_TRIALS = 10, 10
SEEDINGS = ("random", "kmeans++")

HYPERPARAMETERS = Hyperparameters(
    Integer("feature_dim", "The number of columns.", required=True, minimum=1),
    Integer("k", "The number of clusters.", required=True, minimum=1),
    Integer("epochs", "Passes over the data.", 1, minimum=1, tunable=(1, 10)),
    Integer("mini_batch_size", "Rows that move the centres together.", 5000, minimum=1, tunable=(3000, 15000)),
    Categorical(
        "init_method",
        "How the first centres are chosen from the first mini-batch.",
        "random",
        choices=SEEDINGS,
        tunable=SEEDINGS,
    ),
    Integer(
        "extra_center_factor",
        "How many times k centres stream; auto: 10, or fewer so that the first mini-batch holds them.",
        "auto",
        words=("auto",),
        minimum=1,
        tunable=(4, 10),
    ),
    Integer("half_life_time_size", "Rows after which a row's weight has halved; 0: it keeps it.", 0, minimum=0),
    Categorical(
        "local_lloyd_init_method",
        "How Lloyd's algorithm begins when K centres become k.",
        "kmeans++",
        choices=SEEDINGS,
    ),
    Integer("local_lloyd_max_iter", "The most steps of Lloyd's algorithm.", 300, minimum=1),
    Continuous("local_lloyd_tol", "The relative change of the loss at which it ends.", 0.0001, minimum=0, maximum=1),
    Integer(
        "local_lloyd_num_trials",
        "How often Lloyd's algorithm is tried, the best is kept; auto: 10.",
        "auto",
        words=("auto",),
        minimum=1,
    ),
    JsonList("eval_metrics", "What is reported of the test channel.", ("msd",), choices=("msd", "ssd")),
    Boolean("force_dense", "Accepted; the result is the same.", True),
    Integer("seed", "Seed of every random choice (Clary's own).", 0, minimum=0),
    Text("_tuning_objective_metric", "The metric that a tuning job watches."),
)

METRICS = tuple(
    Metric(f"test:{name}", rf"#quality_metric: host=\S+, test {name} <loss>=(\S+)", "Minimize")
    for name in ("msd", "ssd")
)

MODEL = "model_algo-1"
SAMPLE_BYTES = 16 << 20
ENOUGH_ROWS = 100
"""Rows a centre that make the sample's optimum better than the stream's: a mean of 100 errs by a hundredth."""
NAME = "AWS/KMeansWebscale"
log = log_lines.log_of("kmeans")


class KMeans(Estimator):
    """K-Means with SageMaker's hyperparameters as keywords; `feature_dim` may be left out where fit gets an array."""

    table: ClassVar[Hyperparameters] = HYPERPARAMETERS

    cluster_centers_: np.ndarray
    """(k, d) float32, after `fit` or `load`."""

    def fit(self, batches: Any, y: Any = None, *, test: Batches | None = None, run: Run | None = None) -> Self:  # noqa: ARG002
        """Find the centres of the rows of batches or of an (n, d) array; `y` and labels are not looked at.

        test: batches whose msd (mean squared distance to the closest centre) and ssd (their sum) are logged
        """
        run = run or Run()
        batches = as_batches(batches)
        settings = self.settings_for(batches)
        begun = time.time()
        hosts = join_hosts(stream(batches, settings, run), run)
        found = finish(hosts, settings)
        self._set_centers(found.centers)
        log.info("finished shrinking process. Mean Square Distance = %s", found.loss)
        log.info("#quality_metric: host=%s, train msd <loss>=%s", run.host, found.loss)
        values = {"epochs": settings["epochs"], "totaltime": 1000 * (time.time() - begun)}
        run.say(log_lines.metrics(NAME, run.host, "training", begun, time.time(), values))
        if test is not None and run.first:
            self._score(test, settings, run)
        return self

    def predict(self, x: Any) -> np.ndarray:
        """The closest centre of each row of x, (n, d): (n,) int64."""
        labels: np.ndarray = compare(self._rows(x), self._terms).argmin(axis=1)
        return labels

    def fit_predict(self, x: Any, y: Any = None) -> np.ndarray:
        """The clusters of the rows that were fitted, as scikit-learn's clusterers answer: (n,) int64."""
        return self.fit(x, y).predict(x)

    def respond(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """closest_cluster, and distance_to_cluster: Euclidean, in the input's units; (n,) float32 each."""
        rows = self._rows(batch.features)
        labels = compare(rows, self._terms).argmin(axis=1)
        distances = np.sqrt(squared_distances(rows, self.cluster_centers_, labels))
        return {"closest_cluster": labels.astype(np.float32), "distance_to_cluster": distances.astype(np.float32)}

    def save(self, folder: Path) -> None:
        """Write the centres as the one array of `model_algo-1`, which `mx.nd.load` reads."""
        mxnet.save(folder / MODEL, [self.cluster_centers_])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder: Clary's, or one that SageMaker trained."""
        if not (folder / MODEL).is_file():
            raise ClientError(f"There is no model file in {folder}; {MODEL} was expected")
        arrays = mxnet.load(folder / MODEL)
        centers = list(arrays.values() if isinstance(arrays, dict) else arrays)
        if len(centers) != 1 or centers[0].ndim != 2:
            raise ClientError(f"{MODEL} must hold one array, the centres as (k, feature_dim)")
        model = cls(k=len(centers[0]), feature_dim=centers[0].shape[1])
        model._set_centers(centers[0])
        return model

    def _set_centers(self, centers: np.ndarray) -> None:
        self.cluster_centers_ = centers.astype(np.float32)
        exact = self.cluster_centers_.astype(np.float64)
        self._terms = prepare(exact, exact.mean(axis=0), np.float32)

    def _rows(self, x: Any) -> Rows:
        return rows_of(Batch(as_features(x)), self.cluster_centers_.shape[1])

    def _score(self, test: Batches, settings: Mapping[str, Any], run: Run) -> None:
        """Log the test channel's scores."""
        total, count = 0.0, 0
        try:
            for batch in test:
                rows = rows_of(batch, settings["feature_dim"])
                labels = compare(rows, self._terms).argmin(axis=1)
                total += float(squared_distances(rows, self.cluster_centers_, labels).sum())
                count += len(labels)
        except Stopped:  # the model is worth keeping
            log.info("Training was asked to stop; the test channel is not scored")
            return
        if not count:
            raise ClientError("The test channel has no records")
        scores = {"msd": total / count, "ssd": total}
        for name in settings["eval_metrics"]:
            log.info(log_lines.test_score(run.host, name, scores[name]))
            log.info("#quality_metric: host=%s, test %s <loss>=%s", run.host, name, scores[name])


class Streamed(NamedTuple):
    """What a host knows after its stream: centres (K, d) float64, the rows that each stands for (K,), a sample."""

    centers: np.ndarray
    weights: np.ndarray
    sample: np.ndarray
    rows: int


def stream(batches: Batches, settings: Mapping[str, Any], run: Run) -> Streamed:
    """Move K centres over the rows, `epochs` times. A stop ends it with the centres as they are."""
    width, factor = settings["feature_dim"], extra_center_factor(settings)
    rng = np.random.default_rng([settings["seed"], run.rank])
    sample = Sample(max(1, SAMPLE_BYTES // (4 * width)), width, rng)
    progress = Progress(run, settings, settings["k"] * factor, sample)
    first, centers, weights = progress.resume()
    size = max(settings["mini_batch_size"], settings["k"] * factor)
    for epoch in range(first, settings["epochs"]):
        begun, count = time.time(), 0
        try:
            for batch in regroup(batches, size):
                rows = rows_of(batch, width)
                if not len(centers):
                    centers = choose_first_centers(rows, settings["k"] * factor, settings["init_method"], size, rng)
                    weights = np.zeros(len(centers))
                move_centers(centers, weights, rows, settings["half_life_time_size"])
                if not epoch:
                    sample.add(rows)
                count += len(batch)
        except Stopped:
            if not len(centers):
                raise
            log.info("Training was asked to stop; the model is made of the rows seen so far")
            break
        progress.save(epoch, centers, weights)
        log_epoch(run, epoch, settings["epochs"], count, begun)
    return Streamed(centers, weights, sample.rows, sample.seen)


def rows_of(batch: Batch, width: int) -> Rows:
    """A batch's rows, as the kernels take them; ClientError unless they are `width` wide."""
    batch.check_width(width)
    return as_rows(batch.features, width)


def extra_center_factor(settings: Mapping[str, Any]) -> int:
    """How many centres stream for each that is wanted."""
    factor: int | str = settings["extra_center_factor"]
    if factor == "auto":
        factor = max(1, min(AUTO_FACTOR, settings["mini_batch_size"] // settings["k"]))
        log.info("'extra_center_factor' was set to 'auto', evaluated to %d.", factor)
    return int(factor)


def log_epoch(run: Run, epoch: int, epochs: int, count: int, begun: float) -> None:
    """Log an epoch's progress, rows and speed."""
    now = time.time()
    log.info("processed a total of %d examples", count)
    log.info(log_lines.progress(run.host, 100 * (epoch + 1) / epochs))
    values = {"Number of Records Since Last Reset": count}
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, values, epoch=epoch, Meta="training_data_iter"))
    log.info(log_lines.throughput(run.host, count / max(now - begun, 1e-9)))


def join_hosts(streamed: Streamed, run: Run) -> list[Streamed]:
    """What every host streamed; each host gets it."""
    if len(run.hosts) == 1:
        return [streamed]
    arrays = gather(run, [streamed.centers, streamed.weights, streamed.sample, np.array(streamed.rows)])
    return [Streamed(centers, weights, sample, int(rows)) for centers, weights, sample, rows in arrays]


def finish(hosts: list[Streamed], settings: Mapping[str, Any]) -> Found:
    """From all hosts' K centres to k, and on over the samples where these are worth it."""
    k, rows = settings["k"], sum(host.rows for host in hosts)
    if rows < k:
        raise ClientError(f"k is {k}, but the train channel has {say_rows(rows)}")
    centers, weights = (
        np.concatenate([host.centers for host in hosts]),
        np.concatenate([host.weights for host in hosts]),
    )
    found = shrink(centers, weights, settings, np.random.default_rng(settings["seed"]))
    sample = np.concatenate([host.sample for host in hosts])
    if len(sample) < rows and len(sample) < ENOUGH_ROWS * k:
        return found
    stands_for = [np.full(len(host.sample), host.rows / max(1, len(host.sample))) for host in hosts]
    return lloyd(sample, np.concatenate(stands_for), found.centers, settings)


def choose_first_centers(rows: Rows, count: int, method: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """(count, d) rows of the first mini-batch, fewer where it has fewer."""
    if rows.shape[0] < size:
        log.info(
            "Batch size %d is bigger than the first batch data. Effective batch size used to initialize is %d",
            size,
            rows.shape[0],
        )
    count = min(count, rows.shape[0])
    return pick(rows, seed(rows, np.ones(rows.shape[0]), count, method, rng)).astype(np.float64)


def move_centers(centers: np.ndarray, weights: np.ndarray, rows: Rows, half_life: int) -> None:
    """Make each centre the mean of the rows it stood for and of those now closest to it; in place.

    With a half-life, what it stood for counts half as much after that many rows.
    """
    if half_life:
        weights *= 0.5 ** (rows.shape[0] / half_life)
    labels = nearest(rows, centers)
    sums, counts = sum_by_label(rows, labels, np.ones(len(labels), np.float32), len(centers))
    met = counts > 0
    weights[met] += counts[met]
    centers[met] += (sums[met] - counts[met, None] * centers[met]) / weights[met, None]


def shrink(centers: np.ndarray, weights: np.ndarray, settings: Mapping[str, Any], rng: np.random.Generator) -> Found:
    """Cluster weighted centres, (K, d), into k: the best of several trials of Lloyd's algorithm."""
    k = settings["k"]
    used = weights > 0
    if used.sum() > k:
        centers, weights = centers[used], weights[used]
    if len(centers) <= k:
        return Found(centers, 0.0)
    trials = settings["local_lloyd_num_trials"]
    log.info("shrinking %d centers into %d", len(centers), k)
    best = None
    for attempt in range(AUTO_TRIALS if trials == "auto" else trials):
        first = seed(centers, weights, k, settings["local_lloyd_init_method"], rng)
        found = lloyd(centers, weights, centers[first], settings)
        log.info("local kmeans attempt #%d. Current mean square distance %f", attempt, found.loss)
        best = found if best is None or found.loss < best.loss else best
    assert best is not None
    return best


def _example() -> np.ndarray:
    """Three groups of rows around (0, 0), (10, 0) and (0, 10)."""
    rng = np.random.default_rng(7)
    middles = np.array([[0, 0], [10, 0], [0, 10]])
    return (middles[rng.integers(0, 3, 120)] + rng.normal(0, 1, (120, 2))).astype(np.float32)


ALGORITHM = Algorithm(
    name="kmeans",
    title="K-Means",
    estimator="KMeans",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, (RECORDIO_PROTOBUF, CSV), (SHARDED, REPLICATED)),
        Channel("test", False, (RECORDIO_PROTOBUF, CSV), (REPLICATED, SHARDED)),
    ),
    example=Example({"k": "3", "feature_dim": "2"}, _example),
    gpu="no",
)
