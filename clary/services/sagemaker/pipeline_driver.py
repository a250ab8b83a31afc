"""What drives executions: begins the steps that may begin, notes those that ended, writes the end.

`advance` looks at the records and does all that can be done now; it is called, on the background thread, whenever
something may have changed: an execution is new or is to stop, a job of its ended, a retry is due, the server started.
What a step is to start is written down, under its final name, before it is started: so a killed server's successor
knows what it may find.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from clary.services.sagemaker import pipeline_planning, pipeline_steps
from clary.services.sagemaker.pipeline_state import (
    ENDED,
    EXECUTION_KIND,
    STEP_FAILED,
    active,
    execution_arn,
    execution_key,
    outcomes,
    parsed,
    pipeline_key,
    version_of,
)

if TYPE_CHECKING:
    from clary.pipelines import Definition
    from clary.services.sagemaker.pipeline_state import State
    from clary.store.records import Key, Record
    from clary.wire import Rooms


def wake(rooms: Rooms, arn: str) -> None:
    """See to an execution soon."""
    rooms.background.run(arn, functools.partial(advance, rooms, arn))


def recover(rooms: Rooms) -> None:
    """At the server's start: see to every execution that has not ended."""
    for record in list(rooms.records.every(EXECUTION_KIND)):
        if record.status not in ENDED:
            wake(rooms, execution_arn(record.key))


def advance(rooms: Rooms, arn: str) -> None:
    """Do for an execution all that can be done now."""
    key = execution_key(arn)
    record = rooms.records.get(key) if key else None
    while record is not None and record.status not in ENDED:
        definition = _definition(rooms, record)
        changes = _look(rooms, record, definition)
        if record.status == "Executing" and not changes:
            changes = _begin(rooms, record, definition)
        if not changes and active(record.body):
            return
        record = _write(rooms, record.key, changes)


def _definition(rooms: Rooms, record: Record) -> Definition:
    version = version_of(rooms, pipeline_key(record.key), record.body["PipelineVersionId"])
    assert version is not None, "a pipeline lives as long as its executions"
    return parsed(version["PipelineDefinition"])


def _look(rooms: Rooms, record: Record, definition: Definition) -> dict[str, State]:
    """The new states of the active steps that have changed."""
    again = functools.partial(wake, rooms, execution_arn(record.key))
    changes = {}
    for name, state in active(record.body).items():
        step = definition.steps[name]
        if record.status == "Stopping":
            changed = pipeline_steps.stop(rooms, record, step, state, again)
        else:
            changed = pipeline_steps.see_to(rooms, record, step, state, again)
        if changed != state:
            changes[name] = changed
    return changes


def _begin(rooms: Rooms, record: Record, definition: Definition) -> dict[str, State]:
    """The states of the steps that begin now; none once a step has failed."""
    body = record.body
    if any(state["Status"] == "Failed" for state in body["Steps"].values()):
        return {}
    ready = definition.ready(outcomes(body), body["Steps"].keys())
    if "Selected" in body:
        ready = [step for step in ready if step.name in body["Selected"]]
    most = (body.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
    if most is not None:
        ready = ready[: max(0, most - len(active(body)))]
    return {step.name: pipeline_planning.plan(rooms, record, definition, step) for step in ready}


def _write(rooms: Rooms, key: Key, changes: dict[str, State]) -> Record | None:
    """Write states of steps; where nothing changed and nothing runs, the end."""

    def note(record: Record) -> None:
        steps = record.body["Steps"]
        for name, state in changes.items():
            if name in steps or record.status == "Executing":  # nothing begins any more once it is to stop
                steps[name] = state
        if not changes and not active(record.body):
            _end(record)

    changed = rooms.records.change(key, note)
    rooms.changes.notify(key)
    return changed


def _end(record: Record) -> None:
    body: dict[str, Any] = record.body
    failed = [state for state in body["Steps"].values() if state["Status"] == "Failed"]
    if record.status == "Stopping":
        record.status = "Stopped"
    elif failed:
        record.status = "Failed"
        body["FailureReason"] = next(
            (state["ErrorMessage"] for state in failed if state.get("ErrorMessage")), STEP_FAILED
        )
    else:
        record.status = "Succeeded"
