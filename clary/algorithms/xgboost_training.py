"""What runs inside XGBoost's fit: batches to matrices, label checks, boosting with the container's log, folds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import xgboost

from clary.algorithms import xgboost_metrics
from clary.algorithms.base import Batches, Run, Stopped
from clary.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from clary.algorithms.log_lines import log_of
from clary.algorithms.xgboost_checkpoints import NAME, Saving, read_booster, restore
from clary.algorithms.xgboost_hosts import joined, largest
from clary.algorithms.xgboost_hyperparameters import (
    HYPERPARAMETERS,
    MAXIMIZED_METRICS,
    NOT_FOR_XGBOOST,
    WITHOUT_EFFECT,
)
from clary.errors import AlgorithmError, ClientError
from clary.formats import Batch, Sparse, concatenate

log = log_of("xgboost")

USERS_MISTAKES = re.compile(r"label|base_score|Parameter|Invalid Input|Unknown|must be|should be|can not be", re.I)
"""What XGBoost's own errors say where the data or a setting is wrong."""


def train(settings: dict[str, Any], batches: Batches, validation: Batches | None, run: Run) -> list[xgboost.Booster]:
    """The trained boosters: one, or with `_kfold` one a fold and round. Raises ClientError, AlgorithmError, Stopped."""
    log.info("Running XGBoost in algorithm mode")
    _warn_of_unused(settings, validation)
    if settings["_kfold"] and len(run.hosts) > 1:
        raise ClientError(f"_kfold works on one instance, not on {len(run.hosts)}: set InstanceCount to 1")
    rows = [batch for batch in batches if len(batch)]
    held_out = [batch for batch in validation or () if len(batch)]
    has_data = bool(rows) and (bool(held_out) or validation is None)
    if run.first:
        _check_present(rows, held_out, validation)
    width = _common_width(rows, held_out)
    check_labels(settings, "train", rows)
    check_labels(settings, "validation", held_out)
    with joined(run, has_data) as takes_part:
        try:
            return _train(settings, rows, held_out, width, run) if takes_part else []
        except xgboost.core.XGBoostError as error:
            raise _worded(error) from None


def _train(
    settings: dict[str, Any], rows: list[Batch], held_out: list[Batch], width: int, run: Run
) -> list[xgboost.Booster]:
    """Boost; the batches are let go of as soon as XGBoost has them."""
    if settings["_kfold"]:
        from clary.algorithms.xgboost_folds import cross_validate

        return cross_validate(settings, _matrix(rows + held_out, width, settings), run)
    matrix = _training_matrix(rows, width, settings)
    rows.clear()
    watched = [(matrix, "train")]
    log.info("Train matrix has %d rows and %d columns", matrix.num_row(), matrix.num_col())
    if held_out:
        watched.append((_matrix(held_out, width, settings), "validation"))
        held_out.clear()
        log.info("Validation matrix has %d rows", watched[1][0].num_row())
    return [boost(settings, matrix, watched, run, Checkpoints(run.checkpoints, NAME))[0]]


def parameters_of(settings: dict[str, Any]) -> dict[str, Any]:
    """What `xgboost.train` gets as params: what differs from the table's defaults, in XGBoost's spelling."""
    chosen = {
        name: value
        for name, value in settings.items()
        if name not in NOT_FOR_XGBOOST and value is not None and value != HYPERPARAMETERS[name].default
    }
    chosen["objective"] = settings["objective"].replace("reg:linear", "reg:squarederror")
    if chosen.get("tree_method") == "gpu_hist":
        chosen["tree_method"] = "hist"
    if "updater" in chosen:
        chosen["updater"] = ",".join(chosen["updater"])
    printed = printed_metrics(settings)
    own = xgboost_metrics.own_metrics(printed)
    if printed:
        chosen["eval_metric"] = [name for name in printed if name not in own]
        # XGBoost adds the objective's own metric where it gets none.
        chosen["disable_default_eval_metric"] = not chosen["eval_metric"]
    return chosen


def printed_metrics(settings: dict[str, Any]) -> list[str]:
    """The metrics asked for, in order, the tuner's one last; empty: the objective's own."""
    asked = list(dict.fromkeys(settings["eval_metric"] or ()))
    tuned = settings["_tuning_objective_metric"]
    if tuned and (metric := tuned.partition(":")[2]) not in asked:
        asked.append(metric)
    return asked


def check_labels(settings: dict[str, Any], channel: str, rows: Iterable[Batch]) -> None:
    """Raise ClientError for the first label that the objective can't learn from."""
    objective = settings["objective"]
    for before, batch in _with_rows_before(rows):
        labels = batch.labels
        if labels is None or labels.ndim != 1:
            raise ClientError(f"Got input data without labels in channel {channel}: each row needs one label")
        bad = ~np.isfinite(labels)
        rule = "label must be a finite number"
        if objective.startswith("binary:") or objective == "reg:logistic":
            bad = ~((labels >= 0) & (labels <= 1))
            rule = "label must be in [0,1] for logistic regression"
        elif objective.startswith("multi:"):
            bad = ~((labels >= 0) & (labels < settings["num_class"]) & (labels == np.floor(labels)))
            rule = f"label must be in [0, num_class), whole, with num_class {settings['num_class']}"
        if bad.any():
            row = int(bad.argmax())
            where = f"row {before + row + 1} of channel {channel}"
            if batch.source:
                where = f"{batch.source}, row {batch.first_row + row}"
            raise ClientError(f"{rule}: found {labels[row]:g} in {where}")


def _with_rows_before(rows: Iterable[Batch]) -> Iterator[tuple[int, Batch]]:
    before = 0
    for batch in rows:
        yield before, batch
        before += len(batch)


def _warn_of_unused(settings: dict[str, Any], validation: Batches | None) -> None:
    for name in WITHOUT_EFFECT:
        if settings[name] is not None:
            log.warning("%s has no effect in XGBoost %s", name, xgboost.__version__)
    if settings["tree_method"] == "gpu_hist":
        log.warning("tree_method gpu_hist runs as hist on the processor")
    if settings["objective"] == "reg:linear":
        log.warning("reg:linear is now deprecated in favor of reg:squarederror.")
    if settings["early_stopping_rounds"] and validation is None:
        log.warning("early_stopping_rounds has no effect without a validation channel")


# From batches to matrices


def _check_present(rows: list[Batch], held_out: list[Batch], validation: Batches | None) -> None:
    for channel, found in (("training", rows), ("validation", held_out)):
        if not found and (channel == "training" or validation is not None):
            raise ClientError(f"No data in {channel} channel: it has no file, or its files have no row")


def _common_width(rows: Sequence[Batch], held_out: Sequence[Batch]) -> int:
    """The number of columns; sparse rows may name fewer, since what they leave out is missing."""
    width = max((batch.width for batch in rows), default=0)
    for channel, batches in (("train", rows), ("validation", held_out)):
        for before, batch in _with_rows_before(batches):
            found = batch.width
            if found > width or (found < width and not isinstance(batch.features, Sparse)):
                raise ClientError(
                    f"feature_names mismatch: row {before + 1} of channel {channel} has {found} features, not {width}"
                )
    return width


def _data(features: np.ndarray | Sparse, width: int) -> Any:
    """Features as XGBoost takes them; what a sparse row leaves out is missing, not zero."""
    return features.matrix(width) if isinstance(features, Sparse) else features


class _Rows(xgboost.DataIter):  # type: ignore[misc]
    """Collected batches, one after the other, as often as XGBoost asks."""

    def __init__(self, rows: list[Batch], width: int, bounds: bool) -> None:
        self.rows, self.width, self.bounds = rows, width, bounds
        self.reset()
        super().__init__(release_data=False)

    def next(self, input_data: Callable[..., None]) -> bool:
        batch = next(self.remaining, None)
        if batch is None:
            return False
        more = {"label_lower_bound": batch.labels, "label_upper_bound": batch.labels} if self.bounds else {}
        data = _data(batch.features, self.width)
        input_data(data=data, label=batch.labels, weight=batch.weights, qid=batch.groups, **more)
        return True

    def reset(self) -> None:
        self.remaining = iter(self.rows)


def _training_matrix(rows: list[Batch], width: int, settings: dict[str, Any]) -> xgboost.DMatrix:
    """A quantile matrix (a byte a value) where the tree method works on bins, which gives the same trees."""
    binned = settings["booster"] != "gblinear" and settings["tree_method"] in ("auto", "hist", "gpu_hist")
    if not binned or settings["updater"]:
        return _matrix(rows, width, settings)
    iterator = _Rows(rows, width, bounds=settings["objective"] == "survival:aft")
    return xgboost.QuantileDMatrix(iterator, max_bin=settings["max_bin"], nthread=settings["nthread"])


def _matrix(rows: list[Batch], width: int, settings: dict[str, Any]) -> xgboost.DMatrix:
    batch = concatenate(rows)
    matrix = xgboost.DMatrix(
        _data(batch.features, width),
        label=batch.labels,
        weight=batch.weights,
        qid=batch.groups,
        nthread=settings["nthread"],
    )
    if settings["objective"] == "survival:aft":
        matrix.set_info(label_lower_bound=batch.labels, label_upper_bound=batch.labels)
    return matrix


# Boosting


class _Progress(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Prints each round's metrics as the container's log has them, a tab as #011."""

    def __init__(self, run: Run, start: int) -> None:
        super().__init__()
        self.run, self.start = run, start

    def after_iteration(self, _model: Any, epoch: int, evals_log: dict[str, Any]) -> bool:
        values = [
            f"#011{data}-{metric}:{history[-1]:.5f}"
            for data, metrics in evals_log.items()
            for metric, history in metrics.items()
        ]
        if self.run.first:
            self.run.say(f"[{self.start + epoch}]{''.join(values)}")
        return False


class _Stopping(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Ends the training a round after a stop; the last of all callbacks."""

    def __init__(self, run: Run, keep_model: bool) -> None:
        super().__init__()
        self.run, self.keep_model = run, keep_model

    def after_iteration(self, _model: Any, _epoch: int, _evals_log: Any) -> bool:
        stopping = bool(largest(self.run.stopping))  # all hosts end after the same round
        if stopping and not self.keep_model:
            raise Stopped
        return stopping


def boost(
    settings: dict[str, Any],
    matrix: xgboost.DMatrix,
    watched: list[tuple[xgboost.DMatrix, str]],
    run: Run,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> tuple[xgboost.Booster, dict[str, dict[str, list[float]]]]:
    """The booster and each round's metrics, by data set and metric; printed too."""
    own = xgboost_metrics.own_metrics(printed_metrics(settings))
    begun, last = checkpoints.newest(read_booster)
    early = _early_stopping(settings) if settings["early_stopping_rounds"] and len(watched) > 1 else None
    if begun:
        restore(early, begun)
    callbacks: list[Any] = [_Progress(run, last + 1), *([early] if early else [])]
    if checkpoints:
        callbacks.append(Saving(checkpoints, run, range(last + 1, settings["num_round"]), settings["seed"], early))
    callbacks.append(_Stopping(run, settings["save_model_on_termination"] == "true"))
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        parameters_of(settings),
        matrix,
        settings["num_round"] - last - 1,
        xgb_model=begun,
        evals=watched,
        custom_metric=xgboost_metrics.evaluator(own, settings["objective"]) if own else None,
        callbacks=callbacks,
        evals_result=history,
        verbose_eval=False,
    )
    return booster, history


def _early_stopping(settings: dict[str, Any]) -> Any:
    """Stop by the tuner's metric, else the last one of eval_metric, else the objective's own; keep the best trees."""
    printed = printed_metrics(settings)
    metric = printed[-1] if printed else None
    return xgboost.callback.EarlyStopping(
        rounds=settings["early_stopping_rounds"],
        metric_name=metric,
        data_name="validation",
        maximize=metric.partition("@")[0] in MAXIMIZED_METRICS if metric else None,
        save_best=True,
    )


def _worded(error: Exception) -> AlgorithmError:
    """XGBoost's error without its time, source line and stack."""
    text = str(error).partition("\nStack trace:")[0].strip()
    text = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", text)
    text = re.sub(r"^Check failed: .*?: (?=\S)", "", text)
    if USERS_MISTAKES.search(text):
        return ClientError(text)
    return AlgorithmError(f"XGB train call failed with exception: {text}")
