"""The moments of a corpus under the LDA model, and its third moment whitened: (k, k, k) instead of (V, V, V).

Take two, or three, different words of a document at random, as unit vectors x1, x2, x3 of length V. Averaged over the
documents (c a document's counts, n its length; a word can't be drawn twice, hence the terms with diag):

    E1 = E[x1]              = mean of c / n
    E2 = E[x1 x2']          = mean of (c c' - diag(c)) / (n (n - 1))
    E3 = E[x1 (x) x2 (x) x3] = mean of (c (x) c (x) c - the draws that took a word twice) / (n (n - 1) (n - 2))

For topics mu_i with Dirichlet weights alpha_i, whose sum is a, all that two topics share in a document cancels in

    M2 = E2 - a / (a + 1) E1 E1'
       = sum of alpha_i / (a (a + 1)) mu_i mu_i'
    M3 = E3 - a / (a + 2) (E2 (x) E1, three ways) + 2 a^2 / ((a + 1) (a + 2)) E1 (x) E1 (x) E1
       = sum of 2 alpha_i / (a (a + 1) (a + 2)) mu_i (x) mu_i (x) mu_i

Neither is ever written down. M2's leading eigenvectors come from products of M2 with a few vectors, and M3 is computed
as W'M3 in all three directions, for a whitening matrix W: W'M2 W = I. There its components are orthonormal.

Source: Anandkumar, Ge, Hsu, Kakade and Telgarsky, JMLR 2014, theorem 3.5. Products: Halko, Martinsson and Tropp,
Finding structure with randomness, SIAM Review 2011.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, vstack

from clary.algorithms.base import Batches, Run, Stopped
from clary.errors import ClientError
from clary.formats import Batch, Sparse

SHORTEST = 3
"""Words of a document that the third moment needs."""
KEPT_BYTES = 256 << 20
ROWS, KEPT_ROWS = 1 << 12, 1 << 15
"""Documents that are worked on together, as they are read and where they are kept."""
OVERSAMPLE = 10
MOST_PRODUCTS = 12
SETTLED = 1e-4
"""Relative change of the eigenvalues at which they are found: their own sampling error is far above."""
CUBE = 1 << 17
"""Numbers of a slab of outer products: one that stays in the processor's cache is five times as fast."""


class Documents:
    """A channel's documents in compressed form (CSR, counts as float32); each `iter()` is a pass over them all.

    They stay in memory where they fit `KEPT_BYTES`; where not, each pass reads the channel's next epoch.
    Documents of fewer than `least` words are left out; how many stands in `short` after a pass, the rest in `count`.
    """

    def __init__(self, batches: Batches, width: int, run: Run, least: int = SHORTEST) -> None:
        self.batches, self.width, self.run, self.least = batches, width, run, least
        self.kept: list[csr_matrix] | None = None
        self.count = self.short = 0

    def __iter__(self) -> Iterator[csr_matrix]:
        for block in self._read() if self.kept is None else self.kept:
            if self.run.stopping:
                raise Stopped
            yield block

    def _read(self) -> Iterator[csr_matrix]:
        """Read them all, keep them where they fit."""
        self.count = self.short = size = 0
        kept: list[csr_matrix] = []
        for block in join_blocks(self._compress(), ROWS):
            self.count += block.shape[0]
            size += block.data.nbytes + block.indices.nbytes + block.indptr.nbytes
            if size <= KEPT_BYTES:
                kept.append(block)
            else:
                kept.clear()
            yield block
        if size <= KEPT_BYTES:
            self.kept = list(join_blocks(kept, KEPT_ROWS))

    def _compress(self) -> Iterator[csr_matrix]:
        """The documents that are long enough, as the batches come."""
        for batch in self.batches:
            for start in range(0, len(batch), ROWS):
                block = as_counts(batch.slice(start, min(start + ROWS, len(batch))), self.width)
                enough = lengths_of(block) >= self.least
                self.short += int((~enough).sum())
                yield block[enough]


def join_blocks(blocks: Iterable[csr_matrix], rows: int) -> Iterator[csr_matrix]:
    """The same documents in blocks of at least so many, fewer in the last."""
    waiting: list[csr_matrix] = []
    for block in blocks:
        waiting.append(block)
        if sum(part.shape[0] for part in waiting) >= rows:
            yield vstack(waiting, format="csr")
            waiting = []
    if waiting:
        yield vstack(waiting, format="csr")


class Whitened(NamedTuple):
    """The way into the space of k topics and back: `whitening` W, (V, k), with W'M2 W = I, and `colouring` B, (V, k),
    with B W' = the projection onto M2's leading eigenvectors; `mean` is E1, (V,)."""

    whitening: np.ndarray
    colouring: np.ndarray
    mean: np.ndarray


def whiten(documents: Documents, alpha0: float, topics: int, rng: np.random.Generator) -> Whitened:
    """Find M2's leading eigenvectors by subspace iteration; ClientError unless `topics` of them have weight.

    Each step is a pass over the documents, unless they are kept; one is enough where V is no more than k + OVERSAMPLE.
    """
    width = documents.width
    basis = np.linalg.qr(rng.normal(size=(width, min(width, topics + OVERSAMPLE))))[0]
    values = np.zeros(topics)
    for _ in range(MOST_PRODUCTS):
        product, mean = times_pairs(documents, basis)
        if documents.count < topics:
            raise ClientError(too_few(documents, topics))
        product -= alpha0 / (alpha0 + 1) * np.outer(mean, mean @ basis)
        small = basis.T @ product
        last, (values, turns) = values, np.linalg.eigh((small + small.T) / 2)
        values, vectors = values[: -topics - 1 : -1], basis @ turns[:, : -topics - 1 : -1]
        if basis.shape[1] == width or np.abs(values - last).max() <= SETTLED * np.abs(values).max():
            break
        basis = np.linalg.qr(product)[0]
    found = int((values > 1e-9 * values[0]).sum()) if values[0] > 0 else 0
    if found < topics:
        raise ClientError(
            f"num_topics is {topics}, but with alpha0={alpha0:g} the word counts of the {documents.count} documents "
            f"tell only {found} topics apart; ask for fewer topics, or give more, and more varied, documents"
        )
    scale = np.sqrt(values)
    return Whitened(vectors / scale, vectors * scale, mean)


def too_few(documents: Documents, topics: int) -> str:
    """The sentence for a corpus with fewer documents than topics."""
    left_out = f" of {SHORTEST} or more words ({documents.short} are shorter)" if documents.short else ""
    return f"num_topics is {topics}, but the train channel has only {documents.count} documents{left_out}"


def times_pairs(documents: Documents, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E2 @ vectors, (V, r), and E1, (V,): one pass."""
    product, mean = np.zeros_like(vectors), np.zeros(documents.width)
    for block in documents:
        lengths = lengths_of(block)
        weighted = weigh(block, 1 / (lengths * (lengths - 1)))
        product += weighted.T @ (block @ vectors)
        product -= (weighted.T @ np.ones(len(lengths)))[:, None] * vectors
        mean += block.T @ (1 / lengths)
    count = max(1, documents.count)
    return product / count, mean / count


def whiten_third_moment(documents: Documents, whitened: Whitened, alpha0: float) -> np.ndarray:
    """M3 seen through W, (k, k, k), symmetric: one pass.

    With p = W'c for a document and w_v for W's row of word v, a document's draws are p (x) p (x) p, less three ways
    the sum over v of c_v w_v (x) w_v (x) p for what was drawn twice, plus two of c_v w_v (x) w_v (x) w_v for what was
    drawn thrice. The sums over documents come first, for each word, so that nothing is larger than (V, k).
    """
    whitening, topics = whitened.whitening, whitened.whitening.shape[1]
    cubes, pairs, words = np.zeros((topics,) * 3), np.zeros_like(whitening), np.zeros(documents.width)
    for block in documents:
        lengths = lengths_of(block)
        weights = 1 / (lengths * (lengths - 1) * (lengths - 2))
        projected = block @ whitening
        weighted = weigh(block, weights)
        cubes += sum_of_cubes(projected, projected * weights[:, None])
        pairs += weighted.T @ projected
        words += weighted.T @ np.ones(len(lengths))
    third = cubes - three_ways(sum_of_cubes(whitening, pairs - 2 / 3 * words[:, None] * whitening))
    third /= documents.count
    mean = whitening.T @ whitened.mean
    second = np.eye(topics) + alpha0 / (alpha0 + 1) * np.outer(mean, mean)  # W'E2 W, for W'M2 W = I
    third -= alpha0 / (alpha0 + 2) * three_ways(np.multiply.outer(second, mean))
    third += 2 * alpha0**2 / ((alpha0 + 1) * (alpha0 + 2)) * np.multiply.outer(np.outer(mean, mean), mean)
    return three_ways(third) / 3  # the same, without what rounding did to its symmetry


def sum_of_cubes(twice: np.ndarray, once: np.ndarray) -> np.ndarray:
    """The sum over rows of twice (x) twice (x) once, (k, k, k), for two (m, k)."""
    size = twice.shape[1]
    total = np.zeros((size * size, size))
    step = max(1, CUBE // (size * size))
    for start in range(0, len(twice), step):
        part = twice[start : start + step]
        total += (part[:, :, None] * part[:, None]).reshape(len(part), -1).T @ once[start : start + step]
    return total.reshape(size, size, size)


def three_ways(tensor: np.ndarray) -> np.ndarray:
    """A tensor that is symmetric in its first two sides, with each side in turn as the third, summed."""
    total: np.ndarray = tensor + tensor.transpose(0, 2, 1) + tensor.transpose(2, 0, 1)
    return total


def lengths_of(block: csr_matrix) -> np.ndarray:
    """The words of each document, (n,) float64."""
    lengths: np.ndarray = block @ np.ones(block.shape[1])
    return lengths


def weigh(block: csr_matrix, weights: np.ndarray) -> csr_matrix:
    """Each document times its weight, float64."""
    data = block.data * np.repeat(weights, np.diff(block.indptr))
    return csr_matrix((data, block.indices, block.indptr), shape=block.shape)


def as_counts(batch: Batch, width: int) -> csr_matrix:
    """A batch's word counts, (n, width); ClientError unless they are `width` wide, finite and not negative."""
    features = batch.features
    batch.check_width(width)
    if isinstance(features, Sparse):
        block = csr_matrix((features.values.copy(), features.indices, features.indptr), shape=(len(batch), width))
        block.sum_duplicates()
    else:
        places = np.flatnonzero(features != 0)
        starts = np.searchsorted(places, np.arange(len(features) + 1) * width)
        block = csr_matrix((features.reshape(-1)[places], places % width, starts), shape=features.shape)
    if not (block.data >= 0).all() or np.isinf(block.data.max(initial=0)):
        raise ClientError(describe_bad_count(block, batch))
    return block


def describe_bad_count(block: csr_matrix, batch: Batch) -> str:
    """Which count is negative or no number, and where."""
    place = int(np.flatnonzero(~((block.data >= 0) & np.isfinite(block.data)))[0])
    row = int(np.searchsorted(block.indptr, place, side="right")) - 1
    where = f"{batch.source}: " if batch.source else ""
    return (
        f"{where}row {batch.first_row + row}, column {block.indices[place] + 1} is {block.data[place]:g}; "
        "LDA counts words: 0 or more"
    )
