"""What drives tuning jobs: notes the trials that ended, stops those that aren't worthwhile, starts the next.

`advance` looks at the records and does all that can be done now; it is called, on the background thread, whenever
something may have changed: a tuning job is new or is to stop, a trial ended, its time is up, the server started.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.services.sagemaker import images, resources, training_job, training_state, tuning_definition, tuning_state
from clary.services.sagemaker.resources import TUNING_JOB, record_kind
from clary.services.sagemaker.tuning_ending import deadline_of, ending_of
from clary.services.sagemaker.tuning_search import most_trials, next_trials
from clary.services.sagemaker.tuning_stopping import stop_hopeless, stop_trial
from clary.tuning import progress

if TYPE_CHECKING:
    from clary.services.sagemaker.tuning_state import Trial
    from clary.store.records import Key, Record
    from clary.wire import Rooms


def wake(rooms: Rooms, arn: str) -> None:
    """See to a tuning job soon."""
    rooms.background.run(arn, functools.partial(advance, rooms, arn))


def recover(rooms: Rooms) -> None:
    """At the server's start: see to every tuning job that has not ended."""
    for record in list(rooms.records.every(record_kind(TUNING_JOB))):
        if record.status not in tuning_state.ENDED:
            wake(rooms, record.body[TUNING_JOB.arn])


def advance(rooms: Rooms, arn: str) -> None:
    """Do for a tuning job all that can be done now."""
    key = resources.key_of_arn(arn)
    record = rooms.records.get(key) if key else None
    if record is None or record.status in tuning_state.ENDED:
        return
    if not tuning_state.is_ending(record):
        _start_planned(rooms, record)
    record = _note_outcomes(rooms, record)
    if record is None or record.status in tuning_state.ENDED:
        return
    if tuning_state.is_ending(record):
        for trial in tuning_state.running(record.body):
            stop_trial(rooms, record, trial)
        return
    stop_hopeless(rooms, record)
    if planned := next_trials(rooms, record.body):
        record = _plan(rooms, record.key, planned)
        if record is not None:
            _start_planned(rooms, record)
    if record is not None and (end := deadline_of(record.body, record.created)) < float("inf"):
        again = functools.partial(wake, rooms, arn)
        rooms.background.run_later((arn, "deadline"), again, max(0.0, end - rooms.clock.now()))


def _start_planned(rooms: Rooms, record: Record) -> None:
    """Create the training jobs of trials that have none yet, those too that a former server only planned."""
    for trial in tuning_state.running(record.body):
        if rooms.records.get(tuning_state.key_of_trial(record, trial)) is None:
            _start(rooms, record, trial)


def _start(rooms: Rooms, record: Record, trial: Trial) -> None:
    definition = tuning_definition.all_of(record.body)[trial["Definition"]]
    name, values = trial["TrainingJobName"], trial["Values"]
    request = tuning_definition.training_request(record.body, definition, name, values)
    image = images.resolve_specification(request["AlgorithmSpecification"], request.get("HyperParameters", {}))
    try:
        training_job.start(rooms, tuning_state.key_of_trial(record, trial), request, image)
    except ServiceError as problem:
        if problem.status >= 500:
            raise
        outcome = tuning_state.outcome_without_job("Failed", rooms.clock.now())
        outcome["FailureReason"] = f"ClientError: {problem.message}"
        _change_trials(rooms, record.key, {name: outcome})
        wake(rooms, record.body[TUNING_JOB.arn])


def _note_outcomes(rooms: Rooms, record: Record) -> Record | None:
    """Write what became of the trials that have ended, and the end of the tuning job where that follows."""
    outcomes: dict[str, dict[str, Any]] = {}
    for trial in tuning_state.running(record.body):
        training = rooms.records.get(tuning_state.key_of_trial(record, trial))
        if training is None and tuning_state.is_ending(record):
            outcome = tuning_state.outcome_without_job("Stopped", rooms.clock.now())
            outcomes[trial["TrainingJobName"]] = outcome
        elif training is not None and training.status in training_state.ENDED:
            definition = tuning_definition.all_of(record.body)[trial["Definition"]]
            metric = tuning_definition.objective_of(record.body, definition)["MetricName"]
            outcomes[trial["TrainingJobName"]] = tuning_state.outcome_of(training, metric)
    return _change_trials(rooms, record.key, outcomes)


def _change_trials(rooms: Rooms, key: Key, outcomes: dict[str, dict[str, Any]]) -> Record | None:
    now = rooms.clock.now()

    def note(record: Record) -> None:
        body = record.body
        for trial in body["Trials"]:
            if trial["TrainingJobName"] in outcomes:
                trial["Outcome"] = outcomes[trial["TrainingJobName"]]
        if progress.has_converged(tuning_state.costs(body)):
            body.setdefault("ConvergenceDetectedTime", now)
        if "Ending" not in body and (ending := ending_of(body, record.created, now, most_trials(body))):
            body["Ending"] = ending
        _end(record, now)

    changed = rooms.records.change(key, note)
    rooms.changes.notify(key)
    return changed


def _end(record: Record, now: float) -> None:
    """Close a tuning job whose last trial has ended."""
    body = record.body
    if tuning_state.running(body) or not tuning_state.is_ending(record):
        return
    ending = {"Status": "Stopped"} if record.status == "Stopping" else body["Ending"]
    record.status = ending["Status"]
    body["HyperParameterTuningEndTime"] = now
    if "FailureReason" in ending:
        body["FailureReason"] = ending["FailureReason"]


def _plan(rooms: Rooms, key: Key, planned: list[Trial]) -> Record | None:
    """Write trials down before anything of them exists; none once the tuning job is to stop."""

    def plan(record: Record) -> None:
        if record.status == "InProgress":
            record.body["Trials"] += planned

    record = rooms.records.change(key, plan)
    rooms.changes.notify(key)
    return record
