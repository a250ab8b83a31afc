"""XGBoost's checkpoints: `xgboost-checkpoint.<round>`, models from which a run goes on to the same trees."""

from __future__ import annotations

import json
from typing import Any

import xgboost

from clary.algorithms.base import Run
from clary.algorithms.checkpoints import Checkpoints

NAME = "xgboost-checkpoint"
STOPPING = "early_stopping"
"""The attribute of a checkpoint that says how far early stopping was."""


def read_booster(content: bytes) -> xgboost.Booster:
    """A checkpoint's booster; ValueError for what is none."""
    try:
        return xgboost.Booster(model_file=bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise ValueError(str(error).partition("\n")[0]) from None


def restore(stopping: xgboost.callback.EarlyStopping | None, booster: xgboost.Booster) -> None:
    """Put early stopping where it was; the booster is left as it would be without a checkpoint."""
    state = json.loads(booster.attr(STOPPING) or "{}")
    booster.set_attr(**{STOPPING: None})
    if stopping is not None:
        vars(stopping).update(state)


class Saving(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Saves rounds, and lets each round's draws depend on nothing but the seed and its number.

    XGBoost's generators would go on where a run stands, which no model says: so each round begins with fresh ones.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        run: Run,
        rounds: range,
        seed: int,
        stopping: xgboost.callback.EarlyStopping | None,
    ) -> None:
        super().__init__()
        self.checkpoints, self.run, self.rounds, self.seed, self.stopping = checkpoints, run, rounds, seed, stopping

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - XGBoost's signature
        """Begin anew but for the trees, and draw by the round's own seed."""
        model.load_config(model.save_config())
        model.set_param({"seed": self.seed + self.rounds[epoch]})
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        """Save the round, on the host that saves the model too."""
        if self.run.first:
            last = self.run.stopping or self.rounds[epoch] == self.rounds[-1]
            self.checkpoints.save(self.rounds[epoch], lambda: self._content(model), last=last)
        return False

    def _content(self, model: Any) -> bytes:
        if self.stopping is None:
            return bytes(model.save_raw("ubj"))
        names = ("stopping_history", "best_scores", "current_rounds", "maximize")
        model.set_attr(**{STOPPING: json.dumps({name: getattr(self.stopping, name) for name in names})})
        content = bytes(model.save_raw("ubj"))
        model.set_attr(**{STOPPING: None})
        return content
