"""Experiments: collections of trials that are compared with each other."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import experiment_records, listing, resources
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import EXPERIMENT, TRIAL
from clary.store.records import Query, Record
from clary.wire import Call, operation


@operation
def create_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write one record."""
    return experiment_records.create(call, EXPERIMENT, request)


@operation
def describe_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The experiment as it was created and updated."""
    return describe(resources.find(call, EXPERIMENT, request["ExperimentName"]))


def describe(record: Record) -> dict[str, Any]:
    """DescribeExperiment's answer, a listing's summary, and what a search finds."""
    return experiment_records.timed(record)


@operation
def update_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the name that is displayed, or the description."""
    return experiment_records.update(call, EXPERIMENT, request)


@operation
def list_experiments(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries."""
    found = listing.every(call, EXPERIMENT)
    return experiment_records.answer("ExperimentSummaries", found, request, describe)


@operation
def delete_experiment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget an experiment that has no trials."""
    key = resources.key_of(call, EXPERIMENT, request["ExperimentName"])

    def refuse_unless_empty(_: Record) -> None:
        trials = Query(where={"ExperimentKey": key.name}, limit=1)
        if call.rooms.records.find(resources.record_kind(TRIAL), key.account, key.region, trials).records:
            raise ValidationException(
                f"Experiment '{resources.arn_of(key)}' still has trials. Delete them first: ListTrials names them."
            )

    if call.rooms.records.delete(key, refuse_unless_empty) is None:
        raise resources.not_found(key)
    return {EXPERIMENT.arn: resources.arn_of(key)}
