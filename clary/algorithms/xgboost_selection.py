"""Selectable inference: what SAGEMAKER_INFERENCE_OUTPUT asks of each row beside its score, by objective."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from clary.algorithms.inference import Refusal
from clary.algorithms.log_lines import log_of
from clary.algorithms.xgboost_metrics import predicted_classes

if TYPE_CHECKING:
    from clary.algorithms.xgboost import XGBoost

log = log_of("xgboost")

_REGRESSION = ("predicted_score",)
_RAW = ("predicted_label", "labels", "raw_score", "raw_scores")
_PROBABLE = (*_RAW, "probability", "probabilities")

KEYS = {
    "reg:squarederror": _REGRESSION,
    "reg:logistic": _REGRESSION,
    "reg:gamma": _REGRESSION,
    "reg:absoluteerror": _REGRESSION,
    "reg:tweedie": _REGRESSION,
    "binary:logistic": _PROBABLE,
    "binary:logitraw": _RAW,
    "binary:hinge": _RAW,
    "multi:softmax": _RAW,
    "multi:softprob": _PROBABLE,
}
"""What each objective can tell."""


class Selection:
    """The members that each answered row has, in the order asked for; NaN for what the objective can't tell."""

    def __init__(self, wanted: str, model: XGBoost) -> None:
        self.keys = wanted.replace(" ", "").lower().split(",")
        self.objective = model.objective
        self.classes = list(range(model.classes))
        self.allowed = KEYS.get(self.objective)
        strange = sorted(set(self.keys) - set(self.allowed or ()))
        if self.allowed is not None and strange:
            log.warning(
                "Selected key(s) %s incompatible for objective '%s'; compatible are %s",
                *(strange, self.objective, list(self.allowed)),
            )

    def of(self, predictions: np.ndarray) -> dict[str, list[Any]]:
        """(n,) or (n, k) predictions -> member -> n values; Refusal 500 for an objective without a selection."""
        if self.allowed is None:
            raise Refusal(500, f"Objective `{self.objective}` unsupported for selectable inference predictions.")
        return {
            key: self._values(key, predictions) if key in self.allowed else [math.nan] * len(predictions)
            for key in self.keys
        }

    def csv(self, rows: dict[str, list[Any]]) -> str:
        """A line a row; a list is quoted."""
        columns = [
            [f'"{value}"' if isinstance(value, list) else str(value) for value in rows[key]] for key in self.keys
        ]
        return "\n".join(map(",".join, zip(*columns, strict=True)))

    def _values(self, key: str, predictions: np.ndarray) -> list[Any]:
        if key == "labels":
            return [self.classes] * len(predictions)
        if key == "predicted_label":
            labels = predicted_classes(predictions, self.objective)
            if self.objective in ("multi:softmax", "binary:hinge"):  # these answer the class itself, a float
                labels = labels.astype(float)
            return list(labels.tolist())
        if key in ("probability", "raw_score") and predictions.ndim == 2:
            return list(predictions.max(axis=1).tolist())
        if key in ("probabilities", "raw_scores") and predictions.ndim == 1:
            return [[1.0 - score, score] for score in predictions.tolist()]
        return list(predictions.tolist())
