"""Expressions: `Get`, `Std:Join` and `Std:JsonGet`; what they refer to, and their values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from clary.pipelines import paths
from clary.pipelines.errors import DefinitionError, ExpressionError

FUNCTIONS = ("Get", "Std:Join", "Std:JsonGet")
EXECUTION_VARIABLES = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)
EXPERIMENT_PROPERTIES = ("ExperimentName", "TrialName")


class Reference(NamedTuple):
    """What a `Get` refers to: `Steps.train.ModelArtifacts.S3ModelArtifacts`."""

    root: str
    name: str
    path: tuple[paths.Part, ...] = ()

    @property
    def property_file(self) -> str:
        """The name of the property file of a step; "" where it is none."""
        return str(self.path[1]) if len(self.path) == 2 and self.path[0] == "PropertyFiles" else ""


@dataclass(frozen=True)
class Scope:
    """Where values come from."""

    parameters: Mapping[str, Any]
    execution: Mapping[str, str]
    experiment: Mapping[str, str]
    result: Callable[[str], Any]
    """The description of a step's job."""
    property_file: Callable[[str, str], str]
    """The URI of a property file, by step and name."""
    read_json: Callable[[str], Any]
    """The document at a URI; raises ExpressionError."""


def is_expression(value: Any) -> bool:
    """Whether a value is to be worked out."""
    return isinstance(value, dict) and len(value) == 1 and (next(iter(value)) in FUNCTIONS or _is_function(value))


def _is_function(value: dict[str, Any]) -> bool:
    return next(iter(value)).startswith("Std:")


def references(value: Any) -> Iterator[Reference]:
    """All that a value refers to; DefinitionError where an expression in it is malformed."""
    if is_expression(value):
        [(function, argument)] = value.items()
        if function == "Get":
            yield _reference(argument)
            return
        _check(function, argument)
        value = argument
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def _reference(text: Any) -> Reference:
    parts = text.split(".", 1) if isinstance(text, str) else []
    if len(parts) < 2:
        raise DefinitionError(f"{{'Get': {text!r}}}: Get takes text such as Parameters.<name> or Steps.<name>.<path>.")
    root, rest = parts
    if root == "Steps":
        name, _, path = rest.partition(".")
        try:
            return Reference(root, name, paths.split(path))
        except ValueError as error:
            raise DefinitionError(f"Get {text!r}: {error}.") from None
    known = {"Parameters": (rest,), "Execution": EXECUTION_VARIABLES, "PipelineExperimentConfig": EXPERIMENT_PROPERTIES}
    if rest not in known.get(root, ()):
        raise DefinitionError(f"Unknown property reference {text!r}.")
    return Reference(root, rest)


def _check(function: str, argument: Any) -> None:
    if function == "Std:Join":
        good = (
            isinstance(argument, dict)
            and isinstance(argument.get("Values"), list)
            and argument.keys() <= {"On", "Values"}
        )
    elif function == "Std:JsonGet":
        good = isinstance(argument, dict) and isinstance(argument.get("Path"), str)
        good = good and (argument.keys() == {"Path", "S3Uri"} or _names_property_file(argument))
    else:
        raise DefinitionError(f"{function} is no function; there are Get, Std:Join and Std:JsonGet.")
    if not good:
        takes = "On and a list of Values" if function == "Std:Join" else "Path and one of PropertyFile and S3Uri"
        raise DefinitionError(f"{function} takes {takes}.")
    if function == "Std:JsonGet":
        try:
            paths.split(argument["Path"])
        except ValueError as error:
            raise DefinitionError(f"Std:JsonGet: {error}.") from None


def _names_property_file(argument: dict[str, Any]) -> bool:
    file = argument.get("PropertyFile")
    named = isinstance(file, dict) and file.keys() == {"Get"} and bool(_reference(file["Get"]).property_file)
    return named and argument.keys() == {"Path", "PropertyFile"}


def resolve(value: Any, scope: Scope) -> Any:
    """A value with all expressions in it worked out; ExpressionError where one has no value."""
    if is_expression(value):
        [(function, argument)] = value.items()
        return _RESOLVERS[function](argument, scope)
    if isinstance(value, dict):
        return {key: resolve(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    return value


def _get(text: str, scope: Scope) -> Any:
    found = _reference(text)
    if found.root == "Steps":
        return paths.follow(scope.result(found.name), found.path, f"The description of step {found.name}")
    values = {"Parameters": scope.parameters, "Execution": scope.execution}.get(found.root, scope.experiment)
    if found.name not in values:
        raise ExpressionError(f"{text} has no value here")
    return values[found.name]


def _join(argument: dict[str, Any], scope: Scope) -> str:
    on = resolve(argument.get("On", ""), scope)
    return str(on).join(as_text(item) for item in resolve(argument["Values"], scope))


def as_text(value: Any) -> str:
    """A value within text: numbers and Booleans as JSON writes them."""
    if isinstance(value, dict | list):
        raise ExpressionError(f"Std:Join joins text, numbers and Booleans, not {json.dumps(value)[:100]}")
    return value if isinstance(value, str) else json.dumps(value)


def _json_get(argument: dict[str, Any], scope: Scope) -> Any:
    if "S3Uri" in argument:
        uri = str(resolve(argument["S3Uri"], scope))
    else:
        found = _reference(argument["PropertyFile"]["Get"])
        uri = scope.property_file(found.name, found.property_file)
    return paths.follow(scope.read_json(uri), paths.split(argument["Path"]), uri)


_RESOLVERS: dict[str, Callable[[Any, Scope], Any]] = {"Get": _get, "Std:Join": _join, "Std:JsonGet": _json_get}
