"""XGBoost: gradient-boosted trees (or a linear model) on labelled rows, as Amazon's XGBoost container has it.

The computing is XGBoost's own; this file and its neighbours are the container around it: `xgboost_hyperparameters`
the table, `xgboost_training` and `xgboost_folds` what happens inside `fit`, `xgboost_metrics` the container's added
metrics, `xgboost_serving` an endpoint's answers.

Channels: train, and validation for metrics and early stopping. The label is the first column; with csv_weights=1 the
second holds weights. An empty CSV cell, NaN and what a sparse row leaves out are missing values, which a tree sends
the way that pays. The model is `xgboost-model` in UBJSON (`xgboost-model-<fold>` after a cross validation), never a
pickle. Every image version runs XGBoost 3; further differences stand in docs/differences.md.

Paper: Chen and Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016. Cost with hist, for n rows, d columns, t
rounds of depth h: O(t h n d) time, a byte a value plus the values themselves while they are read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from clary.algorithms.base import (
    CSV,
    LIBSVM,
    PARQUET,
    RECORDIO_PROTOBUF,
    Algorithm,
    Batches,
    Channel,
    Estimator,
    Example,
    Metric,
    Run,
    as_batches,
    as_features,
)
from clary.algorithms.hyperparameters import Hyperparameters
from clary.algorithms.log_lines import FRAMEWORK
from clary.algorithms.xgboost_hyperparameters import HYPERPARAMETERS, MAXIMIZED_METRICS, METRIC_NAMES
from clary.errors import ClientError
from clary.formats import Sparse

if TYPE_CHECKING:
    import xgboost

MODEL = "xgboost-model"

METRICS = tuple(
    Metric(
        f"{channel}:{name}",
        rf".*\[[0-9]+\].*#011{channel}-{name}:([^\s#]+)",
        "Maximize" if name in MAXIMIZED_METRICS else "Minimize",
    )
    for channel in ("train", "validation")
    for name in METRIC_NAMES
)

PIPED_TYPES = (CSV, PARQUET, RECORDIO_PROTOBUF)
CONTENT_TYPES = (*PIPED_TYPES, LIBSVM)
DELIMITERS = ",\t;|"

PICKLE_STARTS = (b"\x80", b"ccopy_reg", b"ccopyreg", b"cxgboost")


class XGBoost(Estimator):
    """XGBoost with the container's hyperparameters as keywords; `lambda` and `_kfold` through `**{...}`."""

    table: ClassVar[Hyperparameters] = HYPERPARAMETERS

    boosters: list[xgboost.Booster]
    """After `fit` or `load`: one, or several that vote or are averaged."""

    def fit(
        self,
        batches: Any,
        y: Any = None,
        *,
        weights: Any = None,
        validation: Batches | None = None,
        run: Run | None = None,
    ) -> Self:
        """Learn from batches, or from an (n, d) array, its (n,) labels and (n,) weights."""
        from clary.algorithms import xgboost_training

        train = as_batches(batches, y, weights)
        self.boosters = xgboost_training.train(self.settings(), train, validation, run or Run())
        return self

    def predict(self, x: Any) -> np.ndarray:
        """(n, d) rows -> (n,) scores, or (n, k) for multi:softprob. NaN is a missing value."""
        features = as_features(x)
        answers = [predict_rows(booster, features) for booster in self.boosters]
        if len(answers) == 1:
            return answers[0]
        if self.objective in ("multi:softmax", "binary:hinge"):
            return most_frequent(np.stack(answers))
        mean: np.ndarray = np.mean(answers, axis=0)
        return mean

    @property
    def objective(self) -> str:
        """The objective that the model was trained for."""
        name: str = self._learner["objective"]["name"]
        return name

    @property
    def classes(self) -> int:
        """How many classes the model tells apart: two for binary:, num_class for multi:, else none."""
        if self.objective.startswith("binary:"):
            return 2
        return int(self._learner["learner_model_param"]["num_class"])

    @property
    def booster(self) -> str:
        """What the model is made of: gbtree, dart or gblinear."""
        name: str = self._learner["gradient_booster"]["name"]
        return name

    @property
    def _learner(self) -> dict[str, Any]:
        learner: dict[str, Any] = json.loads(self.boosters[0].save_config())["learner"]
        return learner

    def reading(self, channel: str) -> dict[str, Any]:  # noqa: ARG002 - both channels are read alike
        """The label comes first; the weight second where csv_weights is 1."""
        weights = self.settings()["csv_weights"] == 1
        return {"label_columns": 1, "weights": weights, "missing": True, "delimiters": DELIMITERS}

    def save(self, folder: Path) -> None:
        """Write `xgboost-model`, or `xgboost-model-<i>` each where there are several."""
        for number, booster in enumerate(self.boosters):
            name = MODEL if len(self.boosters) == 1 else f"{MODEL}-{number}"
            (folder / name).write_bytes(booster.save_raw("ubj"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model in a folder: every file that isn't hidden, in order of name, is one booster."""
        paths = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
        if not paths:
            raise ClientError(f"There is no model file in {folder}; {MODEL} was expected")
        model = cls()
        model.boosters = [load_booster(path) for path in paths]
        return model


ALGORITHM = Algorithm(
    name="xgboost",
    title="XGBoost",
    estimator="XGBoost",
    hyperparameters=HYPERPARAMETERS,
    metrics=METRICS,
    channels=(
        Channel("train", True, CONTENT_TYPES, piped_types=PIPED_TYPES, label_size=1),
        Channel("validation", False, CONTENT_TYPES, piped_types=PIPED_TYPES, label_size=1),
    ),
    example=Example(
        settings={
            "num_round": "5",
            "nthread": "1",
            "objective": "binary:logistic",
            "eval_metric": "auc,logloss,accuracy",
        },
        features=lambda: np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32),
        labels=lambda: (np.random.default_rng(0).normal(size=(60, 4))[:, 0] > 0).astype(np.float32),
    ),
    default_content_type=LIBSVM,
    content_types=(CSV, LIBSVM, RECORDIO_PROTOBUF),
    responder="clary.algorithms.xgboost_serving:XGBoostResponder",
    log_form=FRAMEWORK,
    checkpoints=True,
)


def predict_rows(booster: xgboost.Booster, features: np.ndarray | Sparse) -> np.ndarray:
    """(n, d) rows -> (n,) or (n, k) predictions of one booster; raises ClientError for another number of columns."""
    import xgboost

    expected = booster.num_features()
    if isinstance(features, Sparse):
        if features.width > expected:
            raise ClientError(
                f"Feature size of libsvm inference data {features.width} is larger than feature size of trained "
                f"model {expected}."
            )
        rows = features.matrix(expected)
    elif features.shape[1] != expected:
        raise ClientError(
            f"Feature size of inference data {features.shape[1]} is not consistent with feature size of trained "
            f"model {expected}."
        )
    else:
        rows = features
    predictions: np.ndarray = booster.predict(xgboost.DMatrix(rows, nthread=1), validate_features=False)
    return predictions


def most_frequent(votes: np.ndarray) -> np.ndarray:
    """(m, n) whole votes -> (n,) the most frequent of each column, the smallest where several are."""
    counts = np.stack([(votes == value).sum(axis=0) for value in range(int(votes.max()) + 1)])
    return np.asarray(counts.argmax(axis=0), votes.dtype)


def load_booster(path: Path) -> xgboost.Booster:
    """A booster from UBJSON or JSON; ClientError with the way out for a pickle or the old binary format."""
    import xgboost

    content = path.read_bytes()
    if content.startswith(PICKLE_STARTS):
        raise ClientError(
            f"{path.name} is a Python pickle, as containers before XGBoost 1.3 wrote it; loading it would run whatever "
            "code it holds. Convert it once, in the environment that made it: "
            f"pickle.load(open('{path.name}', 'rb')).save_model('{MODEL}.json'), and pack that file instead"
        )
    if not content.startswith(b"{"):
        raise ClientError(
            f"{path.name} is neither UBJSON nor JSON. A model in XGBoost's old binary format is converted with an "
            f"XGBoost before 3.1: Booster(model_file='{path.name}').save_model('{MODEL}.json')"
        )
    try:
        return xgboost.Booster(model_file=bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise ClientError(f"{path.name} is not a model of XGBoost: {str(error).partition(chr(10))[0]}") from None
