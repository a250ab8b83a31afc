"""`@operation`: a function of a service's folder that is one of AWS's operations."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from botocore import xform_name

from clary.wire.model import load_model

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def operation(function: Function) -> Function: ...
@overload
def operation(*, service: str) -> Callable[[Function], Function]: ...
def operation(function: Function | None = None, *, service: str = "") -> Any:
    """Mark a function as the operation of its name in snake case; a service whose model has none can't be used.

    The service is the folder under `clary/services` unless it is named.
    """
    if function is None:
        return functools.partial(_mark, service=service)
    return _mark(function, service=_folder(function.__module__))


def operations_of(module: Any) -> list[tuple[str, Callable[..., Any]]]:
    """The marked functions that a module defines, as (service, function)."""
    return [
        (function.aws_service, function)
        for function in vars(module).values()
        if inspect.isfunction(function) and hasattr(function, "aws_service") and function.__module__ == module.__name__
    ]


def name_of(function: Callable[..., Any]) -> str:
    """The operation's name as AWS spells it; NameError where the model has none of this name."""
    service: str = function.aws_service  # type: ignore[attr-defined]
    name = _names(service).get(function.__name__)
    if name is None:
        raise NameError(f"{function.__module__}.{function.__name__}: no operation of {service} has this name")
    return name


def _mark(function: Function, *, service: str) -> Function:
    # Its name is looked up when the service is first used: to read all models takes a tenth of a start.
    function.aws_service = service  # type: ignore[attr-defined]
    return function


@functools.cache
def _names(service: str) -> dict[str, str]:
    return {xform_name(name): name for name in load_model(service).operations}


def _folder(module: str) -> str:
    parts = module.split(".")
    if parts[:2] != ["clary", "services"]:
        raise NameError(f"{module} is not below clary.services: write @operation(service=...)")
    return parts[2].removesuffix("_").replace("_", "-")
