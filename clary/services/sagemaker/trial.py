"""Trials: the runs, or groups of runs, of an experiment."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import experiment_records, listing, resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import EXPERIMENT, TRIAL, TRIAL_COMPONENT
from clary.store.records import Record
from clary.wire import Call, operation


@operation
def create_trial(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write one record below an experiment's."""
    experiment = resources.key_of(call, EXPERIMENT, request["ExperimentName"])
    return experiment_records.create(call, TRIAL, request, experiment, ExperimentKey=experiment.name)


@operation
def describe_trial(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The trial as it was created and updated."""
    return describe(resources.find(call, TRIAL, request["TrialName"]))


def describe(record: Record) -> dict[str, Any]:
    """DescribeTrial's answer, a listing's summary, and what a search finds."""
    return experiment_records.timed(record)


@operation
def update_trial(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the name that is displayed."""
    return experiment_records.update(call, TRIAL, request)


@operation
def list_trials(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of all trials, of an experiment's, or of those that a component belongs to."""
    where = {}
    if "ExperimentName" in request:
        where["ExperimentKey"] = resources.find(call, EXPERIMENT, request["ExperimentName"]).key.name
    found = listing.every(call, TRIAL, **where)
    if "TrialComponentName" in request:
        trials = resources.find(call, TRIAL_COMPONENT, request["TrialComponentName"]).body["Trials"]
        found = (record for record in found if record.key.name in trials)
    return experiment_records.answer("TrialSummaries", found, request, describe)


@operation
def delete_trial(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a trial that has no components."""
    key = resources.key_of(call, TRIAL, request["TrialName"])

    def refuse_unless_empty(_: Record) -> None:
        for component in listing.every(call, TRIAL_COMPONENT):
            if key.name in component.body["Trials"]:
                raise ValidationException(
                    f"Trial '{resources.arn_of(key)}' still has the trial component "
                    f"{component.body['TrialComponentName']}. Disassociate its components first."
                )

    if call.rooms.records.delete(key, refuse_unless_empty) is None:
        raise resources.not_found(key)
    return {TRIAL.arn: resources.arn_of(key)}
