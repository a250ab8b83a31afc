"""Topic mixtures of documents, compiled: coordinate ascent on the variational bound of Blei, Ng and Jordan (2003).

A document's mixture has the posterior Dirichlet(gamma). With the topics as columns of `topics`, (V, k), it is the
fixed point, found by going round until gamma rests, of

    gamma_i = alpha_i + sum over words w of c_w phi_wi,      phi_wi proportional to topics_wi exp(digamma(gamma_i))

Documents are rows in CSR form and don't touch each other, so threads take runs of them. Inputs are trusted.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from numba import njit

STEPS = 200
"""Rounds for a document at most; most rest after 10 to 40."""
NOTHING = 1e-20
"""A topic's weight against the heaviest's below which it is zero: numbers near float32's end take 100 times as long."""
REST = 1e-3
"""A document rests when its gamma, in words, moves by less on average over the topics."""


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def weigh_topics(gamma, weight):  # type: ignore[no-untyped-def]
    """Set weight to exp(digamma(gamma)), up to a factor that keeps its sides from vanishing together; all (k,).

    digamma(x) = digamma(y) - (1 / x + 1 / (x + 1) + ... + 1 / (x + 5)) for y = x + 6, where the asymptotic series has
    seven digits: log y - 1 / 2y - 1 / 12y^2 + ... The six fractions are one in t = x (x + 5).
    """
    highest = -np.inf
    for i in range(len(gamma)):
        x = gamma[i]
        y, t = x + 6.0, x * (x + 5.0)
        square = 1.0 / (y * y)
        series = 0.5 / y + square * (1 / 12 - square * (1 / 120 - square / 252))
        fractions = (2.0 * x + 5.0) * (3.0 * t * t + 20.0 * t + 24.0) / (t * (t + 4.0) * (t + 6.0))
        weight[i] = -series - fractions
        highest = max(highest, weight[i])
    for i in range(len(gamma)):
        share = math.exp(weight[i] - highest)
        weight[i] = (gamma[i] + 6.0) * share if share > NOTHING else 0.0


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def dot(left, right):  # type: ignore[no-untyped-def]
    """The sum of products, in float32 as they are, and never zero."""
    total = np.float32(1e-30)
    for i in range(len(left)):
        total += left[i] * right[i]
    return total


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def infer(indptr, indices, counts, topics, alpha, first, last, gamma, sums):  # type: ignore[no-untyped-def]
    """Fill gamma, (n, k), for documents from `first` to `last`; add c_w phi_w to sums, (V, k), unless it is empty."""
    size = len(alpha)
    weight, fresh = np.empty_like(alpha), np.empty_like(alpha)
    for document in range(first, last):
        start, stop = indptr[document], indptr[document + 1]
        mine = gamma[document]
        mine[:] = alpha + counts[start:stop].sum() / size
        for _ in range(STEPS):
            weigh_topics(mine, weight)
            fresh[:] = 0
            for place in range(start, stop):
                row = topics[indices[place]]
                share = counts[place] / dot(weight, row)
                for i in range(size):
                    fresh[i] += share * row[i]
            moved = 0.0
            for i in range(size):
                value = alpha[i] + weight[i] * fresh[i]
                moved += abs(value - mine[i])
                mine[i] = value
            if moved < REST * size:
                break
        if len(sums):
            for place in range(start, stop):
                row, out = topics[indices[place]], sums[indices[place]]
                share = counts[place] / dot(weight, row)
                for i in range(size):
                    out[i] += share * weight[i] * row[i]


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def add_log_likelihood(indptr, indices, counts, topics, first, last, gamma):  # type: ignore[no-untyped-def]
    """The sum over the words of documents of log p(word), with the mean of Dirichlet(gamma) as the mixture."""
    total = 0.0
    for document in range(first, last):
        mine = gamma[document]
        whole = mine.sum()
        for place in range(indptr[document], indptr[document + 1]):
            row = topics[indices[place]]
            chance = 0.0
            for i in range(len(mine)):
                chance += mine[i] * row[i]
            total += counts[place] * math.log(chance / whole)
    return total


def mixtures(block: Any, topics: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """gamma of each document of a block, (n, k) float32; alpha itself for a document without words.

    topics: (V, k) float32, alpha: (k,) float32
    """
    gamma = np.empty((block.shape[0], len(alpha)), np.float32)
    nothing = np.empty((0, len(alpha)))
    in_runs(block, lambda _, first, last: infer(*parts_of(block), topics, alpha, first, last, gamma, nothing))
    return gamma


def expect(block: Any, topics: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """gamma as above, and how many of the block's words the topics account for: (V, k) float64."""
    gamma = np.empty((block.shape[0], len(alpha)), np.float32)
    sums = np.zeros((numba.config.NUMBA_NUM_THREADS, *topics.shape))
    in_runs(block, lambda run, first, last: infer(*parts_of(block), topics, alpha, first, last, gamma, sums[run]))
    return gamma, sums.sum(axis=0)


def log_likelihood(block: Any, topics: np.ndarray, alpha: np.ndarray) -> float:
    """The log-likelihood of a block's words, given the mixtures that its documents show."""
    gamma = mixtures(block, topics, alpha)
    return float(add_log_likelihood(*parts_of(block), topics, 0, block.shape[0], gamma))


def parts_of(block: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A CSR matrix's arrays, in the types that the kernels are compiled for."""
    return block.indptr.astype(np.int64), block.indices.astype(np.int32, copy=False), block.data


def in_runs(block: Any, work: Callable[[int, int, int], object]) -> None:
    """Call work(run, first, last) for runs of documents, as many as threads may run."""
    threads = min(numba.config.NUMBA_NUM_THREADS, block.shape[0])
    edges = np.linspace(0, block.shape[0], threads + 1).astype(int).tolist()
    if threads <= 1:
        work(0, 0, block.shape[0])
        return
    with ThreadPoolExecutor(threads, "lda") as pool:
        list(pool.map(work, range(threads), edges[:-1], edges[1:]))


def compile_kernels() -> None:
    """Compile them, or read them from the cache."""
    from scipy.sparse import csr_matrix

    block = csr_matrix(np.eye(2, dtype=np.float32))
    topics, alpha = np.full((2, 2), 0.5, np.float32), np.full(2, 0.5, np.float32)
    expect(block, topics, alpha)
    log_likelihood(block, topics, alpha)
