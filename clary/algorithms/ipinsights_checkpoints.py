"""What a training of IP Insights is after an epoch, as arrays: network, Adam's moments, steps, random generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from clary.algorithms.base import Run
from clary.algorithms.checkpoints import Epochs
from clary.algorithms.ipinsights_network import Learner

WORD = 1 << 64


class Progress:
    """The checkpoints of one training."""

    def __init__(self, learner: Learner, run: Run) -> None:
        self._learner = learner
        self._steps = np.zeros((), np.int64)
        self._generator = np.zeros(6, np.uint64)
        arrays: dict[str, Any] = {"steps": self._steps, "generator": self._generator}
        for number, (table, (means, squares)) in enumerate(zip(learner.tables(), learner.moments, strict=True)):
            arrays |= {f"table{number}": table, f"means{number}": means, f"squares{number}": squares}
        self._epochs = Epochs(run, "ipinsights", learner.settings["epochs"], arrays)

    def resume(self) -> int:
        """Put the training where its newest checkpoint has it; the epoch to go on with."""
        epoch = self._epochs.resume()
        if epoch:
            self._learner.steps = int(self._steps)
            high, low, more, less, held, kept = map(int, self._generator)
            state = {"state": high * WORD + low, "inc": more * WORD + less}
            self._learner.rng.bit_generator.state = {
                **self._learner.rng.bit_generator.state,
                "state": state,
                "has_uint32": held,
                "uinteger": kept,
            }
        return epoch

    def save(self, epoch: int) -> None:
        """Keep the training as it is after an epoch."""
        self._steps[...] = self._learner.steps
        state: dict[str, Any] = dict(self._learner.rng.bit_generator.state)
        numbers = [*divmod(state["state"]["state"], WORD), *divmod(state["state"]["inc"], WORD)]
        self._generator[:] = [*numbers, state["has_uint32"], state["uinteger"]]
        self._epochs.save(epoch)
