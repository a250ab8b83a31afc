"""What K-Means knows after a pass: its centres, what each stands for, and the sample, which the first pass fills."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clary.algorithms.base import Run
from clary.algorithms.checkpoints import Checkpoints, pack, unpack
from clary.algorithms.reservoir import Sample


class Progress:
    """The checkpoints of one training on one host; `wanted` centres are to stream, fewer where the data has fewer."""

    def __init__(self, run: Run, settings: Mapping[str, Any], wanted: int, sample: Sample) -> None:
        self._checkpoints = Checkpoints(run.checkpoints if len(run.hosts) == 1 else None, "kmeans-checkpoint")
        self._epochs: int = settings["epochs"]
        self._wanted = wanted
        self._sample = sample

    def resume(self) -> tuple[int, np.ndarray, np.ndarray]:
        """The epoch to go on with, the centres (K, d) and their weights (K,), with the sample as it was.

        From nothing: epoch 0, and no centres. The last epoch is always run.
        """
        found, epoch = self._checkpoints.newest(self._read)
        if found is None:
            return 0, np.empty((0, self._sample.kept.shape[1])), np.empty(0)
        self._sample.kept, self._sample.seen = found["sample"], int(found["seen"])
        return min(epoch + 1, self._epochs - 1), found["centers"], found["weights"]

    def save(self, epoch: int, centers: np.ndarray, weights: np.ndarray) -> None:
        """Keep the state after an epoch, unless it was the last."""
        if epoch + 1 < self._epochs:
            state = {"centers": centers, "weights": weights, "sample": self._sample.rows}
            state |= {"seen": np.array(self._sample.seen), "wanted": np.array(self._wanted)}
            self._checkpoints.save(epoch, lambda: pack(state), last=epoch + 2 == self._epochs)

    def _read(self, content: bytes) -> dict[str, np.ndarray]:
        found = unpack(content)
        width = self._sample.kept.shape[1:]
        if found.get("wanted") != self._wanted or found["centers"].shape[1:] != width:
            raise ValueError("it is one of a training with other settings")
        return found
