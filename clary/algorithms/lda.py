"""Latent Dirichlet Allocation: topics such that each document is a mixture of few of them, found by linear algebra.

The model: a document draws its mixture theta from Dirichlet(alpha) and each of its words from one of k topics, chosen
by theta. A topic is a distribution over the vocabulary, a row of beta. How often words meet in a document, in pairs and
in threes, determines alpha and beta, by the method of moments of Anandkumar and others:

1. The moments M2 (V x V) and M3 (V x V x V), made so that what topics share in a document cancels, are sums over the
   topics of alpha_i mu_i (x) mu_i and alpha_i mu_i (x) mu_i (x) mu_i, up to constants (lda_moments.py).
2. A whitening matrix W, (V, k), from M2's leading eigenvectors turns M2 into the identity and the topics into
   orthonormal vectors: M3 seen through W is a (k, k, k) tensor with orthogonal components.
3. Alternating least squares finds these components (lda_tensor.py), and `recover` takes them back to alpha and beta.
4. A few rounds of variational EM go on from there (`refine`). They find the words that the k directions of step 2 can't
   see: topics over 5,000 words come a quarter closer to the truth. Step 4 alone would end in a local maximum.

SageMaker's ends with step 3, and looks for a quarter more topics than asked for, of which it keeps the heaviest; on
data that has k topics the extra ones are noise, and its error is eight times ours without step 4. alpha0, the sum of
alpha, stays as it is given. A document's answer is the mean of its mixture's variational posterior (lda_kernels.py);
SageMaker's is a point that its gradient descent ends in. `seed` makes a run repeatable.

Documents stay in memory, compressed, where they take less than 256 MiB. If not, each step is another epoch: up to 12
for M2 where V is large, one for M3, up to 20 for EM. Beyond the documents memory is a few times V (k + 10) and k^3.
Time: O(words k) an epoch, O(n k^3) for the third moment, O(k^4) a round of least squares.

Papers: Blei, Ng and Jordan, Latent Dirichlet allocation, JMLR 2003. Anandkumar, Ge, Hsu, Kakade and Telgarsky, Tensor
decompositions for learning latent variable models, JMLR 2014. Duchi, Shalev-Shwartz, Singer and Chandra, Efficient
projections onto the l1-ball, ICML 2008.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
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
)
from clary.algorithms.hyperparameters import Boolean, Continuous, Hyperparameters, Integer, Text
from clary.errors import ClientError
from clary.formats import Batch, mxnet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clary.algorithms.lda_moments import Documents


def check_together(values: Mapping[str, Any]) -> Iterator[str]:
    """What no single row can tell."""
    if values["num_topics"] > values["feature_dim"]:
        asked, words = values["num_topics"], values["feature_dim"]
        yield f"num_topics is {asked}, but a vocabulary of feature_dim={words} words can't tell so many topics apart"


HYPERPARAMETERS = Hyperparameters(
    Integer("num_topics", "The number of topics.", required=True, minimum=1, tunable=(1, 150)),
    Integer("feature_dim", "The number of words of the vocabulary: columns.", required=True, minimum=1),
    Integer(
        "mini_batch_size", "The number of documents in all; all are used, whatever it is.", required=True, minimum=1
    ),
    Continuous(
        "alpha0",
        "The sum of the Dirichlet prior's weights: small for documents of few topics, large for even mixtures.",
        1.0,
        above=0,
        tunable=(0.1, 10),
    ),
    Integer("max_restarts", "Starts of the alternating least squares; fewer where they agree.", 10, minimum=1),
    Integer("max_iterations", "The most rounds of a start.", 1000, minimum=1),
    Continuous("tol", "The change of the relative error at which a start ends.", 1e-8, above=0),
    Boolean("allow_svd_init", "Whether the first two starts are the tensor's singular vectors.", True),
    Integer("seed", "Seed of every random choice (Clary's own).", 0, minimum=0),
    Text("_tuning_objective_metric", "The metric that a tuning job watches."),
    rule=check_together,
)

METRICS = (Metric("test:pwll", r"#quality_metric: host=\S+, test pwll <score>=(\S+)", "Maximize"),)

MODEL = "model_algo-1"
NAME = "LDA"
MOST_ROUNDS = 20
SETTLED = 0.005
"""The mean change of a topic's distribution, as L1 distance, at which `refine` ends."""
UNSEEN = 0.01
"""How much of a recovered topic is spread over all words, for EM never raises a probability of zero."""
log = log_lines.log_of("lda")


class LDA(Estimator):
    """LDA with SageMaker's hyperparameters as keywords; `feature_dim` and `mini_batch_size` may be left out where fit
    gets an array of word counts."""

    table: ClassVar[Hyperparameters] = HYPERPARAMETERS

    alpha_: np.ndarray
    """(k,) float32, the topics' Dirichlet weights, the heaviest first."""
    beta_: np.ndarray
    """(k, V) float32, each row a topic's distribution over the words."""

    def fit(self, batches: Any, y: Any = None, *, test: Batches | None = None, run: Run | None = None) -> Self:  # noqa: ARG002
        """Find the topics of the documents of batches or of an (n, V) array of counts; labels are not looked at.

        test: documents whose log-likelihood per word (pwll) is logged
        """
        from clary.algorithms.lda_moments import Documents

        run = run or Run()
        batches = as_batches(batches)
        settings = self.settings_for(batches, mini_batch_size=lambda batch: max(1, len(batch)))
        log.info("Running LDA for %d topics (%d requested)", settings["num_topics"], settings["num_topics"])
        if settings["alpha0"] >= 1:
            run.say("RuntimeWarning: Algorithm assumes alpha0 < 1.0. May return poor results")
        begun = time.time()
        documents = Documents(batches, settings["feature_dim"], run)
        alpha, beta = decompose_moments(documents, settings, run)
        try:
            alpha, beta = refine(documents, alpha, beta)
        except Stopped:
            log.info("Training was asked to stop; the model is that of the tensor decomposition")
        order = np.argsort(-alpha, kind="stable")
        self._take(alpha[order], beta[order])
        log_end(documents, settings, run, begun)
        self._score(test, run)
        return self

    def predict(self, x: Any) -> np.ndarray:
        """Each document's topic mixture, (n, k) float32, for (n, V) counts; alpha / alpha0 for one without words."""
        return self._mixtures(Batch(as_features(x)))

    transform = predict

    def respond(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """topic_mixture: (n, k) float32, which sums to 1."""
        return {"topic_mixture": self._mixtures(batch)}

    def save(self, folder: Path) -> None:
        """Write alpha and beta as the two arrays of `model_algo-1`, as `alpha, beta = mx.nd.load(...)` reads them."""
        log.info("Serializing LDA model to %s", folder / MODEL)
        mxnet.save(folder / MODEL, [self.alpha_, self.beta_])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder: Clary's, or one that SageMaker trained."""
        if not (folder / MODEL).is_file():
            raise ClientError(f"There is no model file in {folder}; {MODEL} was expected")
        arrays = mxnet.load(folder / MODEL)
        parts = list(arrays.values() if isinstance(arrays, dict) else arrays)
        if len(parts) != 2 or parts[0].ndim != 1 or parts[1].ndim != 2 or len(parts[0]) != len(parts[1]):
            raise ClientError(
                f"{MODEL} must hold two arrays: alpha as (num_topics,), beta as (num_topics, feature_dim)"
            )
        alpha, beta = parts
        if not ((alpha > 0).all() and (beta >= 0).all() and np.isfinite(alpha).all() and np.isfinite(beta).all()):
            raise ClientError(f"{MODEL}: alpha must be positive, beta not negative, and both finite")
        model = cls(num_topics=len(alpha), feature_dim=beta.shape[1])
        model._take(alpha, beta)
        return model

    def _take(self, alpha: np.ndarray, beta: np.ndarray) -> None:
        self.alpha_, self.beta_ = alpha.astype(np.float32), beta.astype(np.float32)
        self._topics = np.ascontiguousarray(self.beta_.T)  # as the kernels walk it: a row per word

    def _mixtures(self, batch: Batch) -> np.ndarray:
        from clary.algorithms.lda_kernels import mixtures
        from clary.algorithms.lda_moments import as_counts

        gamma: np.ndarray = mixtures(as_counts(batch, len(self._topics)), self._topics, self.alpha_)
        gamma /= gamma.sum(axis=1, keepdims=True)
        return gamma

    def _score(self, test: Batches | None, run: Run) -> None:
        """Log the log-likelihood per word of the test documents, each with the mixture that its own words show."""
        from clary.algorithms.lda_kernels import log_likelihood
        from clary.algorithms.lda_moments import Documents

        if test is None:
            log.info("Test data is not provided.")
            return
        total = words = 0.0
        try:
            for block in Documents(test, len(self._topics), run, least=0):
                total += log_likelihood(block, self._topics, self.alpha_)
                words += float(block.data.sum(dtype=np.float64))
        except Stopped:
            log.info("Training was asked to stop; the test channel is not scored")
            return
        if not words:
            raise ClientError("The test channel has no words")
        log.info(log_lines.test_score(run.host, "pwll", total / words))
        log.info("#quality_metric: host=%s, test pwll <score>=%s", run.host, total / words)


def decompose_moments(documents: Documents, settings: Mapping[str, Any], run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Steps 1 to 3: alpha, (k,), and beta, (k, V), from the words that meet in documents."""
    from clary.algorithms.lda_moments import whiten, whiten_third_moment
    from clary.algorithms.lda_tensor import decompose

    alpha0, rng = settings["alpha0"], np.random.default_rng(settings["seed"])
    times = [time.time()]
    whitened = whiten(documents, alpha0, settings["num_topics"], rng)
    times.append(time.time())
    if documents.kept is not None:
        log.info("Loaded all data into matrix with shape: (%d, %d)", documents.count, documents.width)
    tensor = whiten_third_moment(documents, whitened, alpha0)
    times.append(time.time())
    components = decompose(tensor, settings, rng, run)
    times.append(time.time())
    steps = ("GetMoments", "M3Whitening", "CPDecomposition")
    for name, (begun, ended) in zip(steps, pairwise(times), strict=True):
        values = {f"{name}.time": 1000 * (ended - begun)}
        run.say(log_lines.metrics(NAME, run.host, "training", begun, ended, values))
    return recover(whitened.colouring @ components.vectors, alpha0)


def recover(topics: np.ndarray, alpha0: float) -> tuple[np.ndarray, np.ndarray]:
    """alpha, (k,), and beta, (k, V), from the components taken back to the words: the columns of topics, (V, k).

    Column i is sqrt(alpha_i / (alpha0 (alpha0 + 1))) mu_i, up to its sign. A topic sums to 1, so the column's sum gives
    alpha_i, and what is left, mu_i, is moved to the closest distribution.
    """
    sums = topics.sum(axis=0)
    sums = np.where(np.abs(sums) > 1e-9 * np.abs(topics).sum(axis=0), sums, 1e-9)
    weights = sums**2
    return alpha0 * weights / weights.sum(), project((topics / sums).T)


def project(rows: np.ndarray) -> np.ndarray:
    """The closest distributions to rows, (k, V): x becomes max(x - t, 0) with the t that makes the sum 1."""
    ordered = -np.sort(-rows, axis=1)
    excess = np.cumsum(ordered, axis=1) - 1
    kept = ordered - excess / np.arange(1, rows.shape[1] + 1) > 0
    last = kept.shape[1] - 1 - kept[:, ::-1].argmax(axis=1)
    shift = excess[np.arange(len(rows)), last] / (last + 1)
    closest: np.ndarray = np.maximum(rows - shift[:, None], 0)
    return closest


def refine(documents: Documents, alpha: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step 4, variational EM: share each word among the topics, make topics of the shares, until they rest.

    beta becomes the shares, and alpha, whose sum stays, follows the documents' mean mixture. One word more, spread over
    the vocabulary, and one document more, spread over the topics, keep both from becoming zero. May raise Stopped.
    """
    from clary.algorithms.lda_kernels import expect

    alpha0, width = alpha.sum(), beta.shape[1]
    beta = (1 - UNSEEN) * beta + UNSEEN / width
    for number in range(MOST_ROUNDS):
        shares, mixture = np.full((width, len(alpha)), 1 / width), np.full(len(alpha), 1 / len(alpha))
        topics, prior = np.ascontiguousarray(beta.T, np.float32), alpha.astype(np.float32)
        for block in documents:
            gamma, part = expect(block, topics, prior)
            shares += part
            mixture += (gamma / gamma.sum(axis=1, keepdims=True)).sum(axis=0, dtype=np.float64)
        last, beta = beta, (shares / shares.sum(axis=0)).T
        alpha = alpha0 * mixture / mixture.sum()
        change = float(np.abs(beta - last).sum(axis=1).mean())
        log.info("EM round %d: topics moved by %.6f", number + 1, change)
        if change < SETTLED:
            break
    return alpha, beta


def log_end(documents: Documents, settings: Mapping[str, Any], run: Run, begun: float) -> None:
    """Log what was read and how long all took."""
    now, count = time.time(), documents.count
    if documents.short:
        log.info("%d documents have fewer than three words; they are left out", documents.short)
    if count + documents.short != settings["mini_batch_size"]:
        given = settings["mini_batch_size"]
        log.info("mini_batch_size is %d, but there are %d documents; all were used", given, count + documents.short)
    log.info(log_lines.progress(run.host, 100))
    values = {"Number of Records Since Last Reset": count}
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, values, epoch=0, Meta="training_data_iter"))
    log.info(log_lines.throughput(run.host, count / max(now - begun, 1e-9)))
    run.say(log_lines.metrics(NAME, run.host, "training", begun, now, {"totaltime": 1000 * (now - begun)}))


def _example() -> np.ndarray:
    """Documents of 40 words about one of three pairs of words, with a little of the others."""
    rng = np.random.default_rng(7)
    topics = np.kron(np.eye(3), [0.6, 0.4])
    mixtures = rng.dirichlet(np.full(3, 0.2), 150)
    return rng.multinomial(40, mixtures @ topics).astype(np.float32)


ALGORITHM = Algorithm(
    name="lda",
    title="Latent Dirichlet Allocation",
    estimator="LDA",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, (RECORDIO_PROTOBUF, CSV), (REPLICATED, SHARDED), piped_types=(RECORDIO_PROTOBUF,)),
        Channel("test", False, (RECORDIO_PROTOBUF, CSV), (REPLICATED, SHARDED), piped_types=(RECORDIO_PROTOBUF,)),
    ),
    example=Example({"num_topics": "3", "feature_dim": "6", "mini_batch_size": "150"}, _example),
    max_instances=1,
    gpu="no",
)
