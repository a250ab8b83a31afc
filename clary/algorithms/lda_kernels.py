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
REST = 1e-3
"""A document rests when its gamma, in words, moves by less on average over the topics."""


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def exp_digamma(x):  # type: ignore[no-untyped-def]
    """exp(digamma(x)) for x > 0, to seven digits: the asymptotic series, after the recurrence has taken x beyond 6."""
    shift = 0.0
    while x < 6.0:
        shift += 1.0 / x
        x += 1.0
    square = 1.0 / (x * x)
    series = square * (1 / 12 - square * (1 / 120 - square / 252))
    return x * math.exp(-0.5 / x - series - shift)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def infer(indptr, indices, counts, topics, alpha, first, last, gamma, sums):  # type: ignore[no-untyped-def]
    """Fill gamma, (n, k), for documents from `first` to `last`; add c_w phi_w to sums, (V, k), unless it is empty."""
    size = len(alpha)
    weight, fresh = np.empty(size, topics.dtype), np.empty(size, topics.dtype)
    for document in range(first, last):
        start, stop = indptr[document], indptr[document + 1]
        length = 0.0
        for place in range(start, stop):
            length += counts[place]
        mine = gamma[document]
        for i in range(size):
            mine[i] = alpha[i] + length / size
        for _ in range(STEPS if stop > start else 1):
            for i in range(size):
                weight[i] = exp_digamma(mine[i])
                fresh[i] = 0.0
            for place in range(start, stop):
                row = topics[indices[place]]
                total = 0.0
                for i in range(size):
                    total += weight[i] * row[i]
                share = counts[place] / (total + 1e-30)
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
                total = 0.0
                for i in range(size):
                    total += weight[i] * row[i]
                share = counts[place] / (total + 1e-30)
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
