"""What a Linear Learner's training is after an epoch, as arrays: its models, what moves them, and the best so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clary.algorithms.checkpoints import Epochs
from clary.algorithms.linear_learner_scores import Standing

if TYPE_CHECKING:
    from clary.algorithms.linear_learner_training import Training


class Progress:
    """The checkpoints of one training; `best` of the training must be found when one is saved."""

    def __init__(self, training: Training) -> None:
        self._training, ensemble = training, training.ensemble
        self._weights, self._bias = (part[:, : ensemble.classes].copy() for part in (ensemble.weights, ensemble.bias))
        self._standing = np.zeros(3)
        self._numbers = np.zeros(3, np.int64)  # which model is the best, epochs without improvement, steps
        arrays: dict[str, np.ndarray] = {"weights": ensemble.weights, "bias": ensemble.bias}
        arrays |= {"best_weights": self._weights, "best_bias": self._bias}
        arrays |= {"standing": self._standing, "numbers": self._numbers}
        for name, optimizer in (("", ensemble.optimizer), ("bias_", ensemble.bias_optimizer)):
            moments: dict[str, np.ndarray] = {
                "first": optimizer.first,
                "second": optimizer.second,
                "steps": optimizer.steps,
            }
            arrays |= {f"{name}{moment}": array for moment, array in moments.items()}
        self._epochs = Epochs(training.run, "linear-learner", training.settings["epochs"], arrays)

    def resume(self) -> int:
        """Put the training where its newest checkpoint has it; the epoch to go on with."""
        from clary.algorithms.linear_learner_training import Best

        epoch, training = self._epochs.resume(), self._training
        if epoch:
            number, training.waited, training.ensemble.steps = map(int, self._numbers)
            models = training.ensemble.pick(number)
            models.weights[:], models.bias[:] = self._weights, self._bias
            training.best = Best(models, Standing(*map(float, self._standing)))
        return epoch

    def save(self, epoch: int) -> None:
        """Keep the training as it is after an epoch."""
        training, best = self._training, self._training.best
        assert best is not None
        number = training.ensemble.candidates.index(best.models.candidates[0])
        self._weights[:], self._bias[:] = best.models.weights, best.models.bias
        self._standing[:] = best.standing
        self._numbers[:] = number, training.waited, training.ensemble.steps
        self._epochs.save(epoch)
