"""The language of pipeline definitions: steps and what they need, parameters, expressions, conditions, retries."""

from clary.pipelines.conditions import holds
from clary.pipelines.definition import Definition, PropertyFile, Step, parse
from clary.pipelines.errors import DefinitionError, ExpressionError
from clary.pipelines.expressions import Reference, Scope, as_text, references, resolve
from clary.pipelines.parameters import Parameter
from clary.pipelines.retries import Failure, Policy, next_delay

__all__ = [
    "Definition",
    "DefinitionError",
    "ExpressionError",
    "Failure",
    "Parameter",
    "Policy",
    "PropertyFile",
    "Reference",
    "Scope",
    "Step",
    "as_text",
    "holds",
    "next_delay",
    "parse",
    "references",
    "resolve",
]
