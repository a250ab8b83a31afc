"""The arithmetic of K-Means on rows: seeding, Lloyd's algorithm, nearest centres. Inputs are trusted.

Rows are an array, (n, d), or scipy's CSR matrix of the same shape; computing keeps their type (float32 for data), sums
and losses are float64.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clary.algorithms.reservoir import Rows, pick
from clary.formats import Sparse

CHUNK = 256
"""Rows whose differences to their centres stay in the processor's cache."""


class Found(NamedTuple):
    """Centres, (k, d) float64, and the weighted mean of the points' squared distances to the closest."""

    centers: np.ndarray
    loss: float


def seed(rows: Rows, weights: np.ndarray, count: int, method: str, rng: np.random.Generator) -> np.ndarray:
    """Which rows to begin with, (count,): drawn by weight, or by k-means++ far from each other."""
    if method == "random":
        return rng.choice(rows.shape[0], count, replace=False, p=weights / weights.sum())
    if isinstance(rows, np.ndarray):
        rows = rows - rows.mean(axis=0)  # small numbers: the differences below keep their digits
    norms = squared_norms(rows)
    chosen = np.empty(count, np.int64)
    distance = np.ones(rows.shape[0])
    for place in range(count):
        odds = np.cumsum(distance * weights)
        # Where every row already is a centre (copies of few rows), any will do.
        chosen[place] = (
            np.searchsorted(odds, rng.random() * odds[-1], side="right") if odds[-1] else rng.integers(len(odds))
        )
        center = pick(rows, chosen[place : place + 1])[0]
        gap = np.maximum(norms - 2.0 * (rows @ center) + float(center @ center), 0)
        gap[chosen[place]] = 0
        distance = gap if not place else np.minimum(distance, gap)
    return chosen


def lloyd(points: np.ndarray, weights: np.ndarray, centers: np.ndarray, settings: Mapping[str, Any]) -> Found:
    """Lloyd's algorithm over weighted points, (n, d), from centers, (k, d): until the loss changes by less than
    `local_lloyd_tol` of itself, `local_lloyd_max_iter` steps at most. A centre without points moves to the worst-off
    point."""
    shares = weights / weights.sum()
    origin = (shares.astype(points.dtype) @ points).astype(np.float64)
    points = points - origin.astype(points.dtype)  # small numbers: the loss keeps its digits
    centers = centers - origin
    norms = squared_norms(points)
    loss = np.inf
    for _ in range(settings["local_lloyd_max_iter"]):
        scores = compare(points, prepare(centers, np.zeros_like(origin), points.dtype))
        labels = scores.argmin(axis=1)
        distances = np.maximum(norms + scores[np.arange(len(labels)), labels], 0)
        last, loss = loss, float(distances @ shares)
        if last < np.inf and last - loss <= settings["local_lloyd_tol"] * last:
            break
        sums, counts = sum_by_label(points, labels, weights.astype(points.dtype), len(centers))
        empty = np.flatnonzero(counts == 0)
        centers = sums / np.where(counts, counts, 1)[:, None]
        centers[empty] = points[np.argsort(-distances)[: len(empty)]]
    return Found(centers + origin, loss)


def nearest(rows: Rows, centers: np.ndarray) -> np.ndarray:
    """The closest of centers, (k, d) float64, for each row: (n,) int64."""
    labels: np.ndarray = compare(rows, prepare(centers, centers.mean(axis=0), rows.dtype)).argmin(axis=1)
    return labels


class Terms(NamedTuple):
    """What `compare` needs of centres c and an origin o: -2 (c - o), (d, k), and |c - o|^2 + 2 (c - o) o, (k,)."""

    factors: np.ndarray
    constants: np.ndarray


def prepare(centers: np.ndarray, origin: np.ndarray, dtype: Any) -> Terms:
    """The terms of centers, (k, d) float64, for rows of a type."""
    offsets = centers - origin
    constants = squared_norms(offsets) + 2 * offsets @ origin
    return Terms((-2 * offsets.T).astype(dtype), constants.astype(dtype))


def compare(rows: Rows, terms: Terms) -> np.ndarray:
    """|x - c|^2 for rows x and centres c, less what is the same for all of a row's centres: (n, k), rows' type.

    With o = origin it is |c - o|^2 + 2 (c - o) o - 2 x (c - o): one matrix product, and where o lies among the
    centres no term is much larger than the differences that matter. With o = 0 what is left out is |x|^2.
    """
    scores: np.ndarray = rows @ terms.factors
    scores += terms.constants
    return scores


def sum_by_label(rows: Rows, labels: np.ndarray, weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The weighted sums of the rows of each label, (count, d) float64, and the weights' sums, (count,)."""
    from scipy.sparse import csr_matrix

    choice = csr_matrix((weights, labels, np.arange(len(labels) + 1)), shape=(len(labels), count))
    sums = choice.T @ rows
    dense = sums if isinstance(sums, np.ndarray) else sums.toarray()
    return dense.astype(np.float64), np.bincount(labels, weights, count)


def squared_distances(rows: Rows, centers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The squared distance of each row from its label's centre, exact where centre and row are close: (n,) float64."""
    out = np.empty(len(labels))
    for start in range(0, len(labels), CHUNK):
        part = np.arange(start, min(start + CHUNK, len(labels)))
        gaps = pick(rows, part) - centers[labels[part]]
        out[part] = np.einsum("ij,ij->i", gaps, gaps)
    return out


def squared_norms(rows: Rows) -> np.ndarray:
    """|x|^2 of each row, (n,)."""
    if isinstance(rows, np.ndarray):
        norms: np.ndarray = np.einsum("ij,ij->i", rows, rows)
        return norms
    return np.asarray(rows.multiply(rows).sum(axis=1)).reshape(-1)


def as_rows(features: np.ndarray | Sparse, width: int) -> Rows:
    """Features as this file computes with them: an array, or scipy's matrix, `width` wide."""
    return features if isinstance(features, np.ndarray) else features.matrix(width)
