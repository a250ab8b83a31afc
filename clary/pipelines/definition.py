"""A pipeline's definition (version 2020-12-01): its parameters and its graph of steps."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from clary.pipelines import conditions, durations, parameters, retries
from clary.pipelines.errors import DefinitionError
from clary.pipelines.expressions import Reference, references
from clary.pipelines.parameters import Parameter
from clary.pipelines.retries import Policy

VERSION = "2020-12-01"
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_TOP = {"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "Steps"}
_STEP = {"Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description"}
_JOB_STEP = _STEP | {"CacheConfig", "RetryPolicies", "PropertyFiles"}
_BRANCHES = {True: "IfSteps", False: "ElseSteps"}


class PropertyFile(NamedTuple):
    """A file of a processing job's output that JsonGet reads."""

    output: str
    path: str


class Branch(NamedTuple):
    """One side of a condition step."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class Step:
    """One step; of a condition step, the arguments are its conditions only."""

    name: str
    type: str
    arguments: dict[str, Any]
    depends_on: tuple[str, ...] = ()
    branch: Branch | None = None
    display_name: str = ""
    description: str = ""
    cached_for: float = 0.0
    """How old, in seconds, an earlier result may be; 0: the step is not cached."""
    policies: tuple[Policy, ...] = ()
    property_files: dict[str, PropertyFile] = field(default_factory=dict)

    @property
    def references(self) -> list[Reference]:
        """All that its arguments refer to."""
        return list(references(self.arguments))

    @property
    def needs(self) -> set[str]:
        """The steps that come before it."""
        named = {reference.name for reference in self.references if reference.root == "Steps"}
        return named | set(self.depends_on) | ({self.branch.condition} if self.branch else set())


@dataclass(frozen=True)
class Definition:
    """All steps by name, those of branches too, in the order in which they are written."""

    parameters: dict[str, Parameter]
    experiment: dict[str, Any]
    steps: dict[str, Step]

    def ready(self, outcomes: Mapping[str, bool | None], begun: Collection[str]) -> list[Step]:
        """The steps that may begin; `outcomes` has those that succeeded, and how the conditions among them came out."""
        return [step for step in self.steps.values() if step.name not in begun and _may_begin(step, outcomes)]


def _may_begin(step: Step, outcomes: Mapping[str, bool | None]) -> bool:
    if step.branch and outcomes.get(step.branch.condition) is not step.branch.outcome:
        return False
    return step.needs <= outcomes.keys()


def parse(text: str) -> Definition:
    """A definition whose graph holds together; DefinitionError for another."""
    try:
        return _parse(text)
    except RecursionError:
        raise DefinitionError("It is nested too deeply.") from None


def _parse(text: str) -> Definition:
    document = _decode(text)
    _only(document, _TOP, "The definition")
    if document.get("Version") != VERSION:
        raise DefinitionError(f"Version {document.get('Version')!r} is not supported: it must be {VERSION!r}.")
    steps: dict[str, Step] = {}
    for step in _flatten(document.get("Steps"), None):
        if step.name in steps:
            raise DefinitionError(f"Duplicate step name {step.name!r}.")
        steps[step.name] = step
    experiment = document.get("PipelineExperimentConfig") or {}
    _only(experiment, {"ExperimentName", "TrialName"}, "PipelineExperimentConfig")
    definition = Definition(parameters.parse(document.get("Parameters") or []), experiment, steps)
    _check_references(definition)
    _check_order(definition)
    return definition


def _decode(text: str) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise DefinitionError(f"It is not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise DefinitionError("It must be a JSON object.")
    return document


def _only(row: Any, known: set[str], what: str) -> None:
    """Raise DefinitionError for what is no object of these members; null asks for nothing."""
    if not isinstance(row, dict):
        raise DefinitionError(f"{what} must be a JSON object.")
    if unknown := [member for member, value in row.items() if value is not None and member not in known]:
        raise DefinitionError(f"{what} has a field {unknown[0]!r} that is not supported.")


def _flatten(rows: Any, branch: Branch | None) -> Iterator[Step]:
    """The steps of a list, and those of the branches of its condition steps."""
    if not isinstance(rows, list) or (not rows and branch is None):
        raise DefinitionError("Steps must be a list of at least one step.")
    for row in rows:
        step = _step(row, branch)
        yield step
        if step.type == "Condition":
            for outcome, member in _BRANCHES.items():
                yield from _flatten(row["Arguments"].get(member) or [], Branch(step.name, outcome))


def _step(row: Any, branch: Branch | None) -> Step:
    name = row.get("Name") if isinstance(row, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DefinitionError(f"Step name {name!r} must have 1 to 64 letters, digits, - or _.")
    kind, arguments, depends_on = row.get("Type"), row.get("Arguments"), row.get("DependsOn") or []
    if not isinstance(kind, str) or not isinstance(arguments, dict):
        raise DefinitionError(f"Step {name!r} needs a Type, and Arguments that are a JSON object.")
    _only(row, _STEP if kind in ("Condition", "Fail") else _JOB_STEP, f"Step {name!r}")
    told = [row.get(member) or "" for member in ("DisplayName", "Description")]
    if not all(isinstance(text, str) for text in told):
        raise DefinitionError(f"Step {name!r}: DisplayName and Description must be text.")
    if not isinstance(depends_on, list) or not all(isinstance(other, str) for other in depends_on):
        raise DefinitionError(f"Step {name!r}: DependsOn must be a list of step names.")
    try:
        step = Step(
            name,
            kind,
            _conditions_of(arguments) if kind == "Condition" else arguments,
            tuple(depends_on),
            branch,
            told[0],
            told[1],
            _cached_for(row.get("CacheConfig") or {}),
            retries.parse(row.get("RetryPolicies") or []),
            _property_files(row.get("PropertyFiles") or []),
        )
        step.needs  # noqa: B018 - its expressions are read, and refused here
    except DefinitionError as error:
        raise DefinitionError(f"Step {name!r}: {error}") from None
    return step


def _conditions_of(arguments: dict[str, Any]) -> dict[str, Any]:
    _only(arguments, {"Conditions", "IfSteps", "ElseSteps"}, "Arguments")
    conditions.check(arguments.get("Conditions"))
    return {"Conditions": arguments["Conditions"]}


def _cached_for(config: Any) -> float:
    _only(config, {"Enabled", "ExpireAfter"}, "CacheConfig")
    if config.get("Enabled") is not True:
        return 0.0
    if not isinstance(config.get("ExpireAfter"), str):
        raise DefinitionError("CacheConfig: a cache that is Enabled needs ExpireAfter, a duration such as PT1H.")
    try:
        return durations.seconds(config["ExpireAfter"])
    except ValueError as error:
        raise DefinitionError(f"CacheConfig: ExpireAfter {error}.") from None


def _property_files(rows: Any) -> dict[str, PropertyFile]:
    members = ("PropertyFileName", "OutputName", "FilePath")
    for row in rows if isinstance(rows, list) else [rows]:
        _only(row, set(members), "PropertyFiles")
        if not all(isinstance(row.get(member), str) for member in members):
            raise DefinitionError(f"PropertyFiles: each needs {', '.join(members)}.")
    return {row["PropertyFileName"]: PropertyFile(row["OutputName"], row["FilePath"]) for row in rows}


def _check_references(definition: Definition) -> None:
    for reference in references(definition.experiment):
        if reference.root == "Steps" or (
            reference.root == "Parameters" and reference.name not in definition.parameters
        ):
            raise DefinitionError(f"PipelineExperimentConfig can't refer to {reference.root}.{reference.name}.")
    for step in definition.steps.values():
        for name in step.depends_on:
            _check_step(definition, step, name)
        for reference in step.references:
            if reference.root == "Steps":
                _check_step(definition, step, reference.name)
                file = reference.property_file
                if file and file not in definition.steps[reference.name].property_files:
                    raise DefinitionError(f"Step {step.name!r}: step {reference.name!r} has no property file {file!r}.")
            elif reference.root == "Parameters" and reference.name not in definition.parameters:
                raise DefinitionError(f"Step {step.name!r}: unknown parameter {reference.name!r}.")


def _check_step(definition: Definition, step: Step, name: str) -> None:
    if name not in definition.steps:
        raise DefinitionError(f"Step {step.name!r} depends on step {name!r}, which does not exist.")
    if definition.steps[name].type == "Fail":
        raise DefinitionError(f"Step {step.name!r} depends on step {name!r}: nothing can come after a Fail step.")


def _check_order(definition: Definition) -> None:
    """Take away steps that need none that is left; those that remain form a cycle."""
    left = {step.name: step.needs for step in definition.steps.values()}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    if left:
        raise DefinitionError(f"The steps {', '.join(left)} form a cyclic dependency.")
