"""LDA: topics of 5 x 5 pixels against SageMaker's own scores, and a large corpus against scikit-learn and gensim.

    python benchmarks/lda.py [--documents N] [--words V] [--topics K] [--rounds N] [--seeds N]

gensim must be installed; it is left out where it isn't. Both data sets are drawn from a known model:

* Pixels, as SageMaker's own notebook has them: 25 words as a picture of 5 x 5, 10 topics, each a column or a row of it,
  its five probabilities drawn from Dirichlet(100); alpha 1/10 each; 6,000 documents of about 150 words (Poisson), nine
  tenths to train on. Errors as there: L1, of beta as the matrix norm (the worst word), of alpha the sum. SageMaker
  printed 0.173 and 0.152.
* A corpus of 10,000 documents of about 150 words out of 5,000, 20 topics from Dirichlet(0.05), their weights from
  Dirichlet(10). All sides get the same sparse matrix and are told the topics' number and the sum of alpha; the peers
  otherwise have their defaults. Error: L1 distance of a topic to the true one, the mean over topics. Perplexity: of the
  second half of the words of 1,000 more documents, given the mixture that the first half shows, computed alike for all.

To be reached: errors not above SageMaker's in the median; faster than both peers with an error not above theirs.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from sklearn.decomposition import LatentDirichletAllocation

from clary.algorithms.lda import LDA
from clary.algorithms.lda_kernels import compile_kernels, mixtures

try:
    from gensim.matutils import Sparse2Corpus
    from gensim.models import LdaModel
except ImportError:
    LdaModel = None

HELD_OUT = 1000


class Corpus(NamedTuple):
    alpha: np.ndarray
    beta: np.ndarray
    documents: np.ndarray
    mixtures: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("documents", 10000), ("words", 5000), ("topics", 20), ("rounds", 3), ("seeds", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    compile_kernels()  # not part of what is timed, as a job starts with compiled kernels
    print_pixels(arguments.seeds)
    print_corpus(arguments)


def print_pixels(seeds: int) -> None:
    rows = []
    for seed in range(seeds):
        corpus = draw_pixels(seed)
        begun = time.perf_counter()
        model = LDA(num_topics=10, seed=seed).fit(corpus.documents[:5400])
        seconds = time.perf_counter() - begun
        order = match(corpus.beta, model.beta_)
        found = model.predict(corpus.documents[5400:])[:, order]
        rows.append(
            (
                np.linalg.norm(corpus.beta - model.beta_[order], 1),
                np.abs(corpus.alpha - model.alpha_[order]).sum(),
                np.abs(corpus.mixtures[5400:] - found).sum(axis=1).mean(),
                seconds,
            )
        )
    beta, alpha, mixture, seconds = np.median(rows, axis=0)
    worst = np.max(rows, axis=0)
    print(f"5 x 5 pixels, 10 topics, 5,400 documents, {seeds} seeds{'median':>12}{'worst':>10}{'SageMaker':>12}")
    print(f"{'L1 error of beta':47}{beta:12.4f}{worst[0]:10.4f}{0.173:12.3f}")
    print(f"{'L1 error of alpha':47}{alpha:12.4f}{worst[1]:10.4f}{0.152:12.3f}")
    print(f"{'L1 error of a held-out mixture':47}{mixture:12.4f}{worst[2]:10.4f}")
    print(f"{'seconds':47}{seconds:12.2f}{worst[3]:10.2f}{21.4:12.1f}\n")


def print_corpus(arguments: argparse.Namespace) -> None:
    rng = np.random.default_rng(0)
    alpha = rng.dirichlet(np.full(arguments.topics, 10.0))
    beta = rng.dirichlet(np.full(arguments.words, 0.05), arguments.topics)
    corpus = draw(rng, alpha, beta, arguments.documents + HELD_OUT)
    train = csr_matrix(corpus.documents[:-HELD_OUT].astype(np.float32))
    held_out = corpus.documents[-HELD_OUT:]
    runs: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(arguments.rounds):
        for name, fit in fits(train, arguments.topics).items():
            begun = time.perf_counter()
            topics = fit(seed)
            seconds = time.perf_counter() - begun
            error = np.abs(corpus.beta - topics[match(corpus.beta, topics)]).sum(axis=1).mean()
            runs.setdefault(name, []).append((seconds, error, perplexity(topics, held_out, seed)))
    print(f"{arguments.documents:,} documents x {arguments.words:,} words, {arguments.topics} topics")
    print(f"{'':28}{'time, s':>10}{'L1 of beta':>12}{'worst':>8}{'perplexity':>12}{'time ratio':>12}")
    ours = statistics.median(run[0] for run in runs["Clary"])
    for name, measured in runs.items():
        seconds, error, held = (statistics.median(column) for column in zip(*measured, strict=True))
        worst = max(run[1] for run in measured)
        print(f"{name:28}{seconds:10.2f}{error:12.4f}{worst:8.4f}{held:12.1f}{ours / seconds:12.3f}")
    print(f"{'the true model':28}{'':10}{0:12.4f}{'':8}{perplexity(corpus.beta, held_out, 0):12.1f}")


def fits(train: csr_matrix, topics: int) -> dict[str, Callable[[int], np.ndarray]]:
    """Name -> a function that fits with a seed and gives the topics, (k, V)."""

    def clary(seed: int) -> np.ndarray:
        return LDA(num_topics=topics, seed=seed).fit(train).beta_

    def sklearn(seed: int) -> np.ndarray:
        model = LatentDirichletAllocation(topics, doc_topic_prior=1 / topics, random_state=seed).fit(train)
        shares: np.ndarray = model.components_
        return shares / shares.sum(axis=1, keepdims=True)

    def gensim(seed: int) -> np.ndarray:
        corpus = Sparse2Corpus(train, documents_columns=False)
        model = LdaModel(corpus, topics, id2word=dict(enumerate(map(str, range(train.shape[1])))), random_state=seed)
        found: np.ndarray = model.get_topics()
        return found

    return {"Clary": clary, "scikit-learn": sklearn, **({"gensim": gensim} if LdaModel else {})}


def draw_pixels(seed: int) -> Corpus:
    rng = np.random.default_rng(seed)
    pictures = np.zeros((10, 5, 5))
    for line in range(5):
        pictures[line, :, line] = rng.dirichlet([100] * 5)
        pictures[5 + line, line] = rng.dirichlet([100] * 5)
    return draw(rng, np.full(10, 0.1), pictures.reshape(10, 25), 6000)


def draw(rng: np.random.Generator, alpha: np.ndarray, beta: np.ndarray, count: int) -> Corpus:
    """Documents of about 150 words from the model."""
    found = rng.dirichlet(alpha, count)
    documents = np.empty((count, beta.shape[1]), np.int16)
    for row, mixture in enumerate(found):
        chances = mixture @ beta
        documents[row] = rng.multinomial(rng.poisson(150), chances / chances.sum())
    return Corpus(alpha, beta, documents, found)


def match(known: np.ndarray, found: np.ndarray) -> np.ndarray:
    """For each known topic the found one that is its own, so that the distances are least in all."""
    distances = np.array([np.abs(topic - found).sum(axis=1) for topic in known])
    return linear_sum_assignment(distances)[1]


def perplexity(topics: np.ndarray, documents: np.ndarray, seed: int) -> float:
    """Of half of each document's words, given the mixture that the other half shows."""
    shown = np.random.default_rng(seed).binomial(documents, 0.5)
    asked = documents - shown
    topics = np.maximum(topics, 1e-9).astype(np.float32)
    prior = np.full(len(topics), 1 / len(topics), np.float32)
    gamma = mixtures(csr_matrix(shown.astype(np.float32)), np.ascontiguousarray(topics.T), prior)
    chances = (gamma / gamma.sum(axis=1, keepdims=True)) @ topics
    return float(np.exp(-(asked * np.log(chances)).sum() / asked.sum()))


if __name__ == "__main__":
    main()
