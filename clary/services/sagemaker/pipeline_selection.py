"""Selective execution: some steps of a pipeline, on what an earlier execution made of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.services.sagemaker.errors import ValidationException
from clary.services.sagemaker.pipeline_state import ENDED, find_execution, pipeline_key
from clary.services.sagemaker.resources import arn_of

if TYPE_CHECKING:
    from clary.pipelines import Definition
    from clary.store.records import Key
    from clary.wire import Call


def select(call: Call, pipeline: Key, definition: Definition, config: dict[str, Any]) -> dict[str, Any]:
    """What a selective execution's record begins with: the results that its steps need, and their names."""
    selected = [row["StepName"] for row in config["SelectedSteps"]]
    if unknown := set(selected) - definition.steps.keys():
        raise ValidationException(f"SelectiveExecutionConfig: there is no step {', '.join(sorted(unknown))}.")
    needed = {name for step in selected for name in definition.steps[step].needs} - set(selected)
    source = config.get("SourcePipelineExecutionArn")
    if needed and not source:
        raise ValidationException(
            "SelectiveExecutionConfig: SourcePipelineExecutionArn is required, for what these steps made: "
            f"{', '.join(sorted(needed))}."
        )
    taken = _taken(call, pipeline, source, needed) if source else {}
    return {"SelectiveExecutionConfig": config, "Selected": selected, "Steps": taken}


def _taken(call: Call, pipeline: Key, source: str, needed: set[str]) -> dict[str, Any]:
    """The states of steps that the source execution finished."""
    record = find_execution(call, source)
    if pipeline_key(record.key) != pipeline:
        raise ValidationException(f"SelectiveExecutionConfig: {source} is no execution of {arn_of(pipeline)}.")
    if record.status not in ENDED:
        raise ValidationException(f"SelectiveExecutionConfig: {source} has not ended.")
    steps = record.body["Steps"]
    if missing := [name for name in needed if steps.get(name, {}).get("Status") != "Succeeded"]:
        raise ValidationException(
            f"SelectiveExecutionConfig: in {source} the steps {', '.join(sorted(missing))} did not succeed."
        )
    return {
        name: {**steps[name], "SelectiveExecutionResult": {"SourcePipelineExecutionArn": source}} for name in needed
    }
