"""ExperimentConfig: a job becomes a component of a trial."""

from __future__ import annotations

from typing import Any

from clary.services.sagemaker import resources
from clary.services.sagemaker.resources import EXPERIMENT, TRIAL, TRIAL_COMPONENT
from clary.services.sagemaker.trial_component_source import SHOWN
from clary.store.records import Record, RecordExists
from clary.wire import Call


def check(call: Call, request: dict[str, Any]) -> None:
    """Raise ResourceNotFound where the experiment, the trial or the run that a job is to join doesn't exist."""
    config = request.get("ExperimentConfig", {})
    for kind, member in ((EXPERIMENT, EXPERIMENT.name), (TRIAL, TRIAL.name), (TRIAL_COMPONENT, "RunName")):
        if config.get(member):
            resources.find(call, kind, config[member])


def attach(call: Call, job: Record) -> None:
    """Write the component of a job that asks for one; it shows the job as long as there is one."""
    config = job.body.get("ExperimentConfig", {})
    if not any(config.values()):
        return
    kind = resources.kind_of(job.key)
    name = f"{job.body[kind.name]}-aws-{kind.resource}"
    key = resources.key_of(call, TRIAL_COMPONENT, name)
    trials = [resources.key_of(call, TRIAL, config["TrialName"]).name] if config.get("TrialName") else []
    body = {
        "TrialComponentName": name,
        "TrialComponentArn": resources.arn_of(key),
        "DisplayName": config.get("TrialComponentDisplayName") or name,
        "Source": {"SourceArn": job.body[kind.arn], "SourceType": SHOWN[kind].source_type},
        "CreatedBy": resources.caller(call),
        "Trials": trials,
    }
    try:
        call.rooms.records.create(key, body)
    except RecordExists:  # of an earlier job of this name, since deleted
        call.rooms.records.put(key, body)
