"""A random cut forest of a stream: it learns and scores a point at a time, as Kinesis Analytics' RANDOM_CUT_FOREST.

Each tree keeps a sample of the points so far. A point of age a has the weight exp(-time_decay a) in it: with 0 every
point counts the same, with 1/n those of about the last n points do. A shingle joins the last few points to one: what
is strange is then also their order, such as a beat that is missing.

Time: O(t (s + d log s)) to score a point with t trees of s samples, d = dimensions x shingle_size; about as much to
learn one while the samples fill, and less when few trees take it. Memory: 12 t s d bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from clary.algorithms.randomcutforest_kernels import score
from clary.algorithms.randomcutforest_stream_kernels import update
from clary.algorithms.randomcutforest_trees import make_room
from clary.errors import ClientError


class Forest:
    """`score(point)` says how strange a point would be now, `update(point)` learns it.

    dimensions: values of a point
    shingle_size: how many points in a row are looked at together
    """

    def __init__(
        self,
        dimensions: int,
        *,
        num_trees: int = 100,
        num_samples_per_tree: int = 256,
        time_decay: float = 0.0,
        shingle_size: int = 1,
        seed: int = 0,
    ) -> None:
        self.dimensions = dimensions
        self.time_decay = time_decay
        self.seen = 0
        """Points, or shingles of points, that were learned from."""
        self.trees = make_room(num_trees, num_samples_per_tree, dimensions * shingle_size)
        self._keys = np.zeros((num_trees, num_samples_per_tree))
        self._leaves = np.zeros((num_trees, num_samples_per_tree), np.int32)
        self._before: deque[np.ndarray] = deque(maxlen=shingle_size - 1)
        self._rng = np.random.default_rng(seed)

    def score(self, point: Sequence[float] | np.ndarray) -> float:
        """The anomaly score of a point, (dimensions,), after those before it; 0 before there is anything to compare."""
        shingle = self._shingle(self._check(point))
        return float(score(self.trees, shingle[None])[0]) if shingle is not None and self.seen else 0.0

    def update(self, point: Sequence[float] | np.ndarray) -> None:
        """Learn the next point of the stream, (dimensions,)."""
        values = self._check(point)
        shingle = self._shingle(values)
        self._before.append(values)
        if shingle is not None:
            update(self.trees, self._keys, self._leaves, shingle, self.time_decay * self.seen, self._rng)
            self.seen += 1

    def _shingle(self, values: np.ndarray) -> np.ndarray | None:
        """The last points and this one, end to end; None before there are enough."""
        return np.concatenate([*self._before, values]) if len(self._before) == self._before.maxlen else None

    def _check(self, point: Sequence[float] | np.ndarray) -> np.ndarray:
        values = np.array(point, np.float32).reshape(-1)
        if len(values) != self.dimensions or not np.isfinite(values).all():
            raise ClientError(f"A point must be {self.dimensions} finite number(s), not {point}")
        return values
