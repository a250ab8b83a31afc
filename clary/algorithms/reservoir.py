"""A uniform sample of a stream of rows, of a size that is set before anyone knows how many will come.

Paper: Vitter, Random sampling with a reservoir, ACM TOMS 1985, algorithm R. The first rows fill the reservoir; row i,
from 0, then takes a place by chance with probability size / (i + 1). Here a whole batch draws at once, and where two of
its rows draw the same place the later one has it, as if they had come one by one.
"""

from typing import Any

import numpy as np

Rows = Any
"""np.ndarray or scipy.sparse.csr_matrix, (n, d)"""


class Sample:
    """`size` rows at most, (m, width) float32; memory is taken as they come."""

    def __init__(self, size: int, width: int, rng: np.random.Generator) -> None:
        self.size = size
        self.kept = np.empty((0, width), np.float32)
        self.seen = 0
        """Rows that have come so far."""
        self.rng = rng

    def add(self, rows: Rows) -> None:
        """Let each row, (n, width), take its place by chance, the first ones without."""
        places = np.arange(self.seen, self.seen + rows.shape[0])
        slots = np.where(places < self.size, places, (self.rng.random(len(places)) * (places + 1)).astype(np.int64))
        chosen = np.flatnonzero(slots < self.size)
        self._make_room(min(self.size, self.seen + len(places)))
        self.kept[slots[chosen]] = pick(rows, chosen)
        self.seen += len(places)

    def _make_room(self, rows: int) -> None:
        """At least that much, and twice what there was, so that growing costs little in the long run."""
        if rows > len(self.kept):
            larger = np.empty((min(self.size, max(rows, 2 * len(self.kept))), self.kept.shape[1]), np.float32)
            larger[: len(self.kept)] = self.kept
            self.kept = larger

    @property
    def rows(self) -> np.ndarray:
        """The sample, (m, width)."""
        return self.kept[: min(self.seen, self.size)]


def pick(rows: Rows, which: np.ndarray) -> np.ndarray:
    """Some rows, dense: (m, d)."""
    some: np.ndarray = rows[which] if isinstance(rows, np.ndarray) else rows[which].toarray()
    return some
