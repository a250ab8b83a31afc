"""IP Insights: which IPv4 addresses an entity (an account, a host) usually comes from, learnt from a log of its visits.

Entities and addresses are embedded into one space of D = vector_dim dimensions such that the dot product of the two is
the log odds that the pair was seen rather than made up. An entity's name is hashed (FNV-1a, 64 bits, of its UTF-8
bytes, modulo num_entity_vectors) to one of the vectors that are learnt; an address is encoded from its bits by a small
network, so that neighbours of an address that was seen have a similar vector (ipinsights_network.py has the formulas).
For each event (e, a) with score s = e . a the network learns to tell

    (e, a)                                               that was seen    loss ln(1 + exp(-s))
    (e, a') for R = random_negative_sampling_rate        made up          loss ln(1 + exp(s)), a' any address at all
    (e, a'') for S = shuffled_negative_sampling_rate     made up          the same, a'' from the mini-batch's events

apart, with Adam and `weight_decay` as L2 in its gradients. A mini-batch holds mini_batch_size pairs, seen and made up,
as the container counts them. The log is read anew each epoch and shuffled within windows of a million events.

An entity that was never seen scores 0 with every address, which says just that: its vector is 0 until it is met. It
may share another's vector by its hash: choose num_entity_vectors about twice the number of entities. AWS doesn't
publish its hash, its encoder of addresses or how its vectors begin; the ones here are Clary's own.

On several hosts each learns from its own shard; after each epoch all take the mean of their networks, each entity's
vector weighted by where it was met. `validation` is scored by the first host: the AUC with which the scores tell its
events from as many with random addresses.

Time: an epoch of n events takes O(n (1 + R) D^2 L + n (1 + R + S) D) for L = num_ip_encoder_layers. Memory: three
times the vectors, a mini-batch and 12 MiB of events, whatever n is.

Papers: Mikolov et al., Distributed representations of words and phrases, NIPS 2013 (negative sampling). Weinberger et
al., Feature hashing for large scale multitask learning, ICML 2009. Kingma and Ba, Adam, ICLR 2015.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from clary.algorithms import log_lines
from clary.algorithms.base import (
    CSV,
    JSON,
    JSON_LINES,
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
    as_text,
)
from clary.algorithms.hyperparameters import Continuous, Hyperparameters, Integer, Text
from clary.errors import ClientError
from clary.formats import Batch, mxnet

if TYPE_CHECKING:  # numba is loaded where a network is
    from clary.algorithms.ipinsights_events import Events
    from clary.algorithms.ipinsights_network import Learner, Network, Tally

LARGEST = 8_000_000_000
"""Bytes of the entities' vectors, the limit that AWS states for a model."""
MOST_NEGATIVES = 500


def check_together(settings: dict[str, Any]) -> Iterator[str]:
    """A sentence for each pair of settings that don't fit."""
    random, shuffled = settings["random_negative_sampling_rate"], settings["shuffled_negative_sampling_rate"]
    if not 1 <= random + shuffled <= MOST_NEGATIVES:
        yield (
            f"random_negative_sampling_rate ({random}) and shuffled_negative_sampling_rate ({shuffled}) must add up to "
            f"between 1 and {MOST_NEGATIVES}"
        )
    vectors, width = settings["num_entity_vectors"], settings["vector_dim"]
    if 4 * vectors * width > LARGEST:
        yield (
            f"num_entity_vectors ({vectors}) times vector_dim ({width}) makes a model of {4e-9 * vectors * width:.1f} "
            f"GB; {LARGEST / 1e9:.0f} GB are the most"
        )


HYPERPARAMETERS = Hyperparameters(
    Integer(
        "num_entity_vectors",
        "How many vectors entities are hashed to; about twice the number of entities is right.",
        required=True,
        minimum=1,
        maximum=250_000_000,
        tunable=(10_000, 1_000_000),
    ),
    Integer("vector_dim", "The size of the vectors.", required=True, minimum=4, maximum=4096, tunable=(8, 256)),
    Integer("batch_metrics_publish_interval", "Mini-batches between two reports in the log.", 1000, minimum=1),
    Integer("epochs", "Passes over the data.", 10, minimum=1, tunable=(1, 100)),
    Continuous("learning_rate", "Adam's step.", 0.001, minimum=1e-6, maximum=10, tunable=(1e-4, 0.1)),
    Integer(
        "mini_batch_size",
        "Pairs, seen and made up, that are learnt from together.",
        5000,
        minimum=1,
        maximum=500_000,
        tunable=(100, 50_000),
    ),
    Integer(
        "num_ip_encoder_layers",
        "Fully connected layers between the bits of an address and its vector.",
        1,
        minimum=0,
        maximum=100,
        tunable=(1, 10),
    ),
    Integer(
        "random_negative_sampling_rate",
        "Pairs made up of each entity with random addresses.",
        1,
        minimum=0,
        maximum=MOST_NEGATIVES,
        tunable=(0, 10),
    ),
    Integer(
        "shuffled_negative_sampling_rate",
        "Pairs made up of each entity with the addresses of other events.",
        1,
        minimum=0,
        maximum=MOST_NEGATIVES,
        tunable=(0, 10),
    ),
    Continuous("weight_decay", "L2 regularisation.", 0.00001, minimum=0, maximum=10, tunable=(0.0, 1.0)),
    Integer("seed", "Seed of every random choice (Clary's own).", 0, minimum=0),
    Text("_tuning_objective_metric", "The metric that a tuning job watches."),
    rule=check_together,
)

_LINE = r"#quality_metric: host=\S+, epoch=\S+,"
_ACCURACY, _ENTROPY = "binary_classification_accuracy", "binary_classification_cross_entropy"
METRICS = (
    Metric("validation:discriminator_auc", rf"{_LINE} validation discriminator_auc <score>=(\S+)", "Maximize"),
    Metric(f"train:{_ACCURACY}", rf"{_LINE} batch=\S+ train {_ACCURACY} <score>=(\S+)", "Maximize"),
    Metric(f"train:{_ENTROPY}", rf"{_LINE} batch=\S+ train {_ENTROPY} <loss>=(\S+)", "Minimize"),
    Metric(f"train:{_ACCURACY}:epoch", rf"{_LINE} train {_ACCURACY} <score>=(\S+)", "Maximize"),
    Metric(f"train:{_ENTROPY}:epoch", rf"{_LINE} train {_ENTROPY} <loss>=(\S+)", "Minimize"),
    Metric("train:progress", r"#progress_metric: host=\S+, completed (\S+) %", "Maximize"),
    Metric("train:throughput", r"#throughput_metric: host=\S+, train throughput=(\S+) records/second", "Maximize"),
)

MODEL = "model_algo-1"
NAME = "ipinsights"
RANKS = 20
"""Bits of a score by which the validation's AUC ranks it."""
log = log_lines.log_of(NAME)


class IPInsights(Estimator):
    """IP Insights with SageMaker's hyperparameters as keywords; rows are (entity, IPv4 address) texts, (n, 2)."""

    table: ClassVar[Hyperparameters] = HYPERPARAMETERS

    network_: Network
    """The entities' vectors and the layers that encode addresses, after `fit` or `load`."""

    def reading(self, channel: str) -> dict[str, Any]:  # noqa: ARG002
        """Both channels hold text."""
        return {"text": True}

    def fit(
        self,
        batches: Any,
        y: Any = None,  # noqa: ARG002 - scikit-learn's signature
        *,
        validation: Batches | None = None,
        run: Run | None = None,
    ) -> Self:
        """Learn from the events of batches or of an (n, 2) array of text.

        validation: events whose AUC against random addresses is logged after each epoch
        """
        import numba
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        from clary.algorithms.ipinsights_checkpoints import Progress
        from clary.algorithms.ipinsights_network import Learner

        run = run or Run()
        settings = self.settings()
        batches = as_batches(batches, text=True)
        # A thread of ours has a part of each mini-batch; its matrix products are too small for the BLAS's own threads.
        with ThreadPoolExecutor(numba.get_num_threads()) as pool, threadpool_limits(1, "blas"):
            learner = Learner(settings, run.rank, pool)
            progress = Progress(learner, run)
            for epoch in range(progress.resume(), settings["epochs"]):
                try:
                    learn_epoch(learner, batches, epoch, run)
                    if not learner.join(run):
                        raise ClientError("the train channel has no events")
                    if validation is not None and run.first:
                        log_validation(learner, as_batches(validation, text=True), epoch, run)
                    progress.save(epoch)
                except Stopped:
                    if not learner.steps:
                        raise
                    log.info("Training was asked to stop; the model is made of the events seen so far")
                    break
        if validation is None:
            log.info("Test data is not provided.")
        self.network_ = learner.network
        return self

    def predict(self, x: Any) -> np.ndarray:
        """The dot product of each row's entity and address, the higher the more usual: (n,) float32."""
        return self.network_.score(self._events(Batch(as_text(x))))

    def respond(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """dot_product, (n,) float32."""
        return {"dot_product": self.network_.score(self._events(batch))}

    def respond_verbosely(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """dot_product, and the two vectors, entity_embedding and ip_embedding, (n, D) float32 each."""
        entities, addresses = self.network_.embed(self._events(batch))
        return {**self.respond(batch), "entity_embedding": entities, "ip_embedding": addresses}

    def save(self, folder: Path) -> None:
        """Write `model_algo-1`, which `mx.nd.load` reads.

        entity_embedding: (N, D); ip_embedding_weight: (D, 32) and ip_embedding_bias: (D,), the layer over the bits;
        ip_encoder_1_weight: (D, D) and ip_encoder_1_bias: (D,), and so on, the other layers
        """
        arrays = {"entity_embedding": self.network_.entities}
        for name, (weights, biases) in zip(layer_names(len(self.network_.layers)), self.network_.layers, strict=True):
            arrays |= {f"{name}_weight": weights, f"{name}_bias": biases}
        mxnet.save(folder / MODEL, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder; ClientError where it holds none."""
        from clary.algorithms.ipinsights_network import Network

        if not (folder / MODEL).is_file():
            raise ClientError(f"There is no model file in {folder}; {MODEL} was expected")
        arrays = mxnet.load(folder / MODEL)
        names = layer_names(len(arrays) // 2)
        expected = ["entity_embedding", *(f"{name}_{part}" for name in names for part in ("weight", "bias"))]
        if not isinstance(arrays, dict) or list(arrays) != expected or not _fit_together(list(arrays.values())):
            raise ClientError(f"{MODEL} is no model of IP Insights: it must hold {', '.join(expected)}")
        entities, *rest = (array.astype(np.float32, copy=False) for array in arrays.values())
        model = cls(
            num_entity_vectors=len(entities), vector_dim=entities.shape[1], num_ip_encoder_layers=len(names) - 1
        )
        model.network_ = Network(entities, list(zip(rest[::2], rest[1::2], strict=True)))
        return model

    def _events(self, batch: Batch) -> Events:
        from clary.algorithms.ipinsights_events import read_events

        return read_events(batch, len(self.network_.entities))


def layer_names(count: int) -> list[str]:
    """The names of an encoder's layers in the artefact."""
    return ["ip_embedding", *(f"ip_encoder_{number}" for number in range(1, count))]


def _fit_together(arrays: list[np.ndarray]) -> bool:
    """Whether arrays are the vectors and layers of one network."""
    entities, *layers = arrays
    if entities.ndim != 2 or not layers:
        return False
    width = entities.shape[1]
    shapes = [(width, 32), (width,)] + [(width, width), (width,)] * (len(layers) // 2 - 1)
    return [layer.shape for layer in layers] == shapes


def learn_epoch(learner: Learner, batches: Batches, epoch: int, run: Run) -> None:
    """One pass over the events, reported as MXNet's Speedometer does it; raises Stopped."""
    from clary.algorithms.ipinsights_events import mini_batches
    from clary.algorithms.ipinsights_network import Tally

    settings = learner.settings
    negatives = settings["random_negative_sampling_rate"] + settings["shuffled_negative_sampling_rate"]
    size = max(1, settings["mini_batch_size"] // (1 + negatives))
    begun = since = time.time()
    tally, reported, steps = Tally(), 0, learner.steps
    for number, events in enumerate(mini_batches(batches, settings["num_entity_vectors"], size, learner.rng)):
        tally += learner.step(events)
        if number % settings["batch_metrics_publish_interval"]:
            continue
        check_finite(learner, tally)
        now = time.time()
        if number:
            speed = (tally.pairs - reported) / max(now - since, 1e-9)
            scores = "".join(f"#011{name}={value:.6f}" for name, value, _ in scores_of(tally))
            log.info("Epoch[%d] Batch [%d]#011Speed: %.2f samples/sec%s", epoch, number, speed, scores)
        log_scores(run, epoch, tally, f"batch={number} train")
        since, reported = now, tally.pairs
    check_finite(learner, tally)
    log_epoch(learner, run, epoch, tally, learner.steps - steps, begun)


def check_finite(learner: Learner, tally: Tally) -> None:
    """Raise ClientError where numbers have grown beyond all bounds."""
    if not (np.isfinite(tally.loss) and all(np.isfinite(table).all() for table in learner.tables()[1:])):
        rate = learner.settings["learning_rate"]
        raise ClientError(f"the training diverged, the loss is {tally.loss}; a learning_rate below {rate} may help")


def scores_of(tally: Tally) -> list[tuple[str, float, bool]]:
    """Name, value and whether more is better."""
    pairs = max(tally.pairs, 1)
    return [(_ACCURACY, tally.right / pairs, True), (_ENTROPY, tally.loss / pairs, False)]


def log_scores(run: Run, epoch: int, tally: Tally, what: str) -> None:
    """Log what was told apart since the epoch began; `what` comes before the scores' names."""
    for name, value, higher_is_better in scores_of(tally):
        log.info(log_lines.quality_metric(run.host, epoch, f"{what} {name}", value, higher_is_better=higher_is_better))


def log_epoch(learner: Learner, run: Run, epoch: int, tally: Tally, batches: int, begun: float) -> None:
    """Log an epoch's scores, progress and speed."""
    now = time.time()
    for name, value, _ in scores_of(tally):
        log.info("Epoch[%d] Train-%s=%.6f", epoch, name, value)
    log.info("Epoch[%d] Time cost=%.3f", epoch, now - begun)
    log_scores(run, epoch, tally, "train")
    values = {"Number of Records Since Last Reset": tally.pairs, "Number of Batches Since Last Reset": batches}
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, {"update.time": 1000 * (now - begun)}))
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, values, epoch=epoch, Meta="training_data_iter"))
    log.info(log_lines.progress(run.host, 100 * (epoch + 1) / learner.settings["epochs"]))
    log.info(log_lines.throughput(run.host, tally.pairs / max(now - begun, 1e-9)))


def log_validation(learner: Learner, batches: Batches, epoch: int, run: Run) -> None:
    """Log the validation channel's AUC."""
    auc = discriminator_auc(learner.network, batches, learner.settings["seed"])
    log.info(log_lines.quality_metric(run.host, epoch, "validation discriminator_auc", auc, higher_is_better=True))


def discriminator_auc(network: Network, batches: Batches, seed: int) -> float:
    """The odds that an event scores above one of the same entity with a random address.

    Scores are counted by their first RANKS bits, so that memory is bounded; the same addresses are drawn each time.
    """
    from clary.algorithms.ipinsights_events import read_events

    rng = np.random.default_rng([seed, 2**32 - 1])
    seen, made_up = np.zeros((2, 1 << RANKS), np.int64)
    for batch in batches:
        events = read_events(batch, len(network.entities))
        strange = events._replace(where=rng.integers(0, 1 << 32, len(events.who), np.uint32))
        for counts, part in ((seen, events), (made_up, strange)):
            counts += np.bincount(rank(network.score(part)), minlength=1 << RANKS)
    if not seen.any():
        raise ClientError("the validation channel has no events")
    below = np.cumsum(made_up) - made_up / 2  # equal scores count half
    return float(seen @ below) / float(seen.sum()) / float(made_up.sum())


def rank(scores: np.ndarray) -> np.ndarray:
    """(n,) float32 -> whole numbers from 0 to 2^RANKS - 1 in the same order: the bits of a float are sign, exponent,
    fraction, so as an integer they rise with it, where negative ones are turned round."""
    bits = (scores + np.float32(0)).view(np.int32)  # -0 becomes 0
    risen = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return np.asarray((risen >> (32 - RANKS)) + (1 << (RANKS - 1)))


def _example() -> np.ndarray:
    """Ten users, each with a network of its own."""
    rng = np.random.default_rng(7)
    return np.array([[f"user_{at % 10}", f"{20 * (at % 10) + 5}.7.{at % 3}.{rng.integers(256)}"] for at in range(120)])


ALGORITHM = Algorithm(
    name="ipinsights",
    title="IP Insights",
    estimator="IPInsights",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, (CSV,), (REPLICATED, SHARDED), label_size=0),
        Channel("validation", False, (CSV,), (REPLICATED, SHARDED), label_size=0),
    ),
    example=Example({"num_entity_vectors": "50", "vector_dim": "8", "mini_batch_size": "60"}, _example),
    input_modes=("File",),
    default_content_type=CSV,
    content_types=(CSV, JSON, JSON_LINES),
    text=True,
    gpu="yes",
)
