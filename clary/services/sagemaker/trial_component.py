"""Trial components: one step of a trial each, with parameters, artifacts and metrics; written by hand or by a job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from clary.services.sagemaker import (
    experiment_records,
    listing,
    resources,
    trial_component_metrics,
    trial_component_source,
)
from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.resources import EXPERIMENT, TRIAL, TRIAL_COMPONENT
from clary.store.records import Record
from clary.wire import Call, Rooms, operation

MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")
MAX_PARAMETERS, MAX_ARTIFACTS, MAX_TRIALS = 300, 60, 500


@operation
def create_trial_component(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write one record."""
    return experiment_records.create(call, TRIAL_COMPONENT, request, Trials=[])


@operation
def describe_trial_component(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The component; what it shows of a job is that job as it stands."""
    return describe(call.rooms, resources.find(call, TRIAL_COMPONENT, request["TrialComponentName"]))


def describe(rooms: Rooms, record: Record) -> dict[str, Any]:
    """DescribeTrialComponent's answer, and a listing's summary."""
    written = experiment_records.timed(record)
    shown = trial_component_source.show(rooms, record)
    maps = {member: {**shown.get(member, {}), **written.get(member, {})} for member in MAPS}
    metrics = {
        row["MetricName"]: row for row in [*shown.get("Metrics", []), *trial_component_metrics.summaries(record)]
    }
    sources = [record.body["Source"]] if "Source" in record.body else []
    return {**shown, **written, **maps, "Metrics": list(metrics.values()), "Sources": sources}


def found_by_search(rooms: Rooms, record: Record) -> dict[str, Any]:
    """The description with the trials and experiments that the component belongs to."""
    parents = []
    for name in record.body["Trials"]:
        trial = rooms.records.get(record.key._replace(kind=resources.record_kind(TRIAL), name=name))
        if trial is not None:
            parents.append({member: trial.body[member] for member in ("TrialName", "ExperimentName")})
    return {**describe(rooms, record), "Parents": parents}


@operation
def update_trial_component(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Write members over the old ones: of parameters and artifacts those that are named, less those to remove."""
    members = {name: value for name, value in request.items() if not name.endswith("ToRemove")}
    del members["TrialComponentName"]

    def change(record: Record) -> None:
        maps = {}
        for name in MAPS:
            new = {**record.body.get(name, {}), **members.get(name, {})}
            maps[name] = {key: new[key] for key in new if key not in request.get(f"{name}ToRemove", ())}
            if len(maps[name]) > (most := MAX_PARAMETERS if name == "Parameters" else MAX_ARTIFACTS):
                raise ValidationException(f"A trial component has at most {most} {name}; this would make {len(new)}.")
        record.body.update({**members, **maps, "LastModifiedBy": resources.caller(call)})

    key = resources.key_of(call, TRIAL_COMPONENT, request["TrialComponentName"])
    return {TRIAL_COMPONENT.arn: resources.change(call.rooms, key, change).body[TRIAL_COMPONENT.arn]}


@operation
def list_trial_components(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Summaries of all components, or of those of an experiment, of a trial or of a job."""
    if {"ExperimentName", "TrialName"} <= request.keys():
        raise ValidationException("ListTrialComponents takes an ExperimentName or a TrialName, not both.")
    found: Iterable[Record] = listing.every(call, TRIAL_COMPONENT)
    if "ExperimentName" in request:
        experiment = resources.find(call, EXPERIMENT, request["ExperimentName"]).key.name
        trials = {trial.key.name for trial in listing.every(call, TRIAL, ExperimentKey=experiment)}
        found = _of_trials(found, trials)
    if "TrialName" in request:
        found = _of_trials(found, {resources.find(call, TRIAL, request["TrialName"]).key.name})
    if "SourceArn" in request:
        found = (record for record in found if record.body.get("Source", {}).get("SourceArn") == request["SourceArn"])

    def summary(record: Record) -> dict[str, Any]:
        described = describe(call.rooms, record)
        return {**described, "TrialComponentSource": described.get("Source")}

    return experiment_records.answer("TrialComponentSummaries", found, request, summary)


def _of_trials(found: Iterable[Record], trials: set[str]) -> Iterator[Record]:
    return (record for record in found if not trials.isdisjoint(record.body["Trials"]))


@operation
def associate_trial_component(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make the component part of a trial; it may be part of many."""

    def associate(record: Record) -> None:
        trial = resources.find(call, TRIAL, request["TrialName"]).key.name
        trials = [*record.body["Trials"], *([] if trial in record.body["Trials"] else [trial])]
        if len(trials) > MAX_TRIALS:
            raise ValidationException(f"A trial component belongs to at most {MAX_TRIALS} trials.")
        record.body["Trials"] = trials

    return _associated(call, request, associate)


@operation
def disassociate_trial_component(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take the component out of a trial."""

    def disassociate(record: Record) -> None:
        trial = resources.find(call, TRIAL, request["TrialName"]).key.name
        record.body["Trials"] = [name for name in record.body["Trials"] if name != trial]

    return _associated(call, request, disassociate)


def _associated(call: Call, request: dict[str, Any], change: Any) -> dict[str, Any]:
    trial = resources.find(call, TRIAL, request["TrialName"]).key  # AWS misses the trial before the component
    key = resources.key_of(call, TRIAL_COMPONENT, request["TrialComponentName"])
    component = resources.change(call.rooms, key, change)
    return {TRIAL_COMPONENT.arn: component.body[TRIAL_COMPONENT.arn], TRIAL.arn: resources.arn_of(trial)}


@operation
def delete_trial_component(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a component that is part of no trial, and its metrics."""
    key = resources.key_of(call, TRIAL_COMPONENT, request["TrialComponentName"])

    def refuse_associated(record: Record) -> None:
        if trials := record.body["Trials"]:
            raise ValidationException(
                f"TrialComponent '{resources.arn_of(key)}' belongs to the trials {', '.join(trials)}. Disassociate it "
                "first."
            )

    if call.rooms.records.delete(key, refuse_associated) is None:
        raise resources.not_found(key)
    trial_component_metrics.forget(call.rooms, key)
    return {TRIAL_COMPONENT.arn: resources.arn_of(key)}
