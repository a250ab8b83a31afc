"""Trials that are stopped before they are done, by the objective that they log as they go."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from clary.names import make_arn
from clary.services.sagemaker import resources, training_job, tuning_definition, tuning_state
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import TUNING_JOB
from clary.tuning import stopping

if TYPE_CHECKING:
    from clary.jobs import Scope
    from clary.services.sagemaker.tuning_state import Trial
    from clary.store.metrics import Datum, Metrics
    from clary.store.records import Record
    from clary.wire import Rooms

NAMESPACE = "/aws/sagemaker/TrainingJobs"
INFERRED = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters that say how many epochs there are, where MaxResource doesn't."""

_TRIAL = re.compile(r"(?P<tuning>.+)-\d{3,}-[0-9a-f]{8}")


def metrics_came(rooms: Rooms, scope: Scope, data: Sequence[Datum]) -> None:
    """A job has logged metrics: judge it soon, if it may be a trial."""
    match = _TRIAL.fullmatch(data[0].dimensions.get("TrainingJobName", "")) if data else None
    if match:
        name = match["tuning"].lower()
        arn = make_arn("sagemaker", scope.region, scope.account, f"{TUNING_JOB.resource}/{name}")
        rooms.background.run((arn, "metrics"), functools.partial(_judge, rooms, arn))


def _judge(rooms: Rooms, arn: str) -> None:
    key = resources.key_of_arn(arn)
    record = rooms.records.get(key) if key else None
    if record is not None and record.status == "InProgress":
        stop_hopeless(rooms, record)


def stop_hopeless(rooms: Rooms, record: Record) -> None:
    """Stop the trials of a tuning job that early stopping or Hyperband gives up."""
    config = record.body["HyperParameterTuningJobConfig"]
    hyperband = config["Strategy"] == "Hyperband"
    if not hyperband and config["TrainingJobEarlyStoppingType"] != "Auto":
        return
    curves = {
        trial["TrainingJobName"]: _curve(rooms, record, trial)
        for trial in record.body["Trials"]
        if tuning_state.objective_status(trial) != "Failed"
    }
    for trial in tuning_state.running(record.body):
        judge = _is_left_behind if hyperband else _is_below_median
        if judge(record.body, trial, curves):
            stop_trial(rooms, record, trial)


def stop_trial(rooms: Rooms, record: Record, trial: Trial) -> None:
    """Ask a trial to stop, unless it stops already or has ended."""
    with suppress(ValidationException):
        training_job.stop(rooms, tuning_state.key_of_trial(record, trial))


def _is_below_median(body: dict[str, Any], trial: Trial, curves: dict[str, tuple[float, ...]]) -> bool:
    ended = [row for row in body["Trials"] if "Outcome" in row and row["Definition"] == trial["Definition"]]
    others = [curves.get(row["TrainingJobName"], ()) for row in ended]
    return stopping.is_below_median(curves[trial["TrainingJobName"]], others)


def _is_left_behind(body: dict[str, Any], trial: Trial, curves: dict[str, tuple[float, ...]]) -> bool:
    definition = tuning_definition.all_of(body)[trial["Definition"]]
    least, most = resources_of(body["HyperParameterTuningJobConfig"], definition)
    numbers = {row["TrainingJobName"]: number for number, row in enumerate(body["Trials"])}
    count, name = stopping.brackets(least, most), trial["TrainingJobName"]
    bracket = numbers[name] % count
    others = [curve for other, curve in curves.items() if other != name and numbers[other] % count == bracket]
    return stopping.is_left_behind(curves[name], others, stopping.rungs(least, most, bracket), most)


def resources_of(config: dict[str, Any], definition: dict[str, Any]) -> tuple[int, int]:
    """Hyperband's MinResource and MaxResource, in epochs; MaxResource is 0 where nothing says it."""
    hyperband = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    static = definition.get("StaticHyperParameters", {})
    inferred = next((static[name] for name in INFERRED if static.get(name, "").isdecimal()), "0")
    return hyperband.get("MinResource", 1), hyperband.get("MaxResource", int(inferred))


def _curve(rooms: Rooms, record: Record, trial: Trial) -> tuple[float, ...]:
    """The costs that a trial has logged, one an epoch."""
    definition = tuning_definition.all_of(record.body)[trial["Definition"]]
    objective = tuning_definition.objective_of(record.body, definition)
    read = _read_ended if "Outcome" in trial else _read
    scope = (record.key.account, record.key.region)
    values = read(rooms.metrics, *scope, objective["MetricName"], trial["TrainingJobName"], int(trial["Planned"]))
    return values if objective["Type"] == "Minimize" else tuple(-value for value in values)


def _read(metrics: Metrics, account: str, region: str, metric: str, name: str, start: int) -> tuple[float, ...]:
    series = (NAMESPACE, metric, {"TrainingJobName": name})
    century = 100 * 365 * 86_400
    found = metrics.statistics(account, region, series, start, start + century, century, samples=True)
    return tuple(value for bucket in found for value, _ in bucket.summary.samples or ())


_read_ended = functools.lru_cache(maxsize=1024)(_read)
"""Nothing is added to the series of a trial that has ended."""
