"""The services and operations that this server has, and those of theirs that it knows by name only."""

import functools
import importlib
import inspect
import keyword
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import msgspec

from clary.wire.constraints import Constraints, as_dict
from clary.wire.model import OperationModel, ServiceModel, load_metadata, load_model
from clary.wire.operation import name_of, operations_of
from clary.wire.protocols import make_codec
from clary.wire.protocols.codec import Codec
from clary.wire.rest_routes import RestRoutes
from clary.wire.tidying import Tidying
from clary.wire.violations import violations

Function = Callable[..., Any]


class Service:
    """One AWS service: what its model says of it as a whole, and all else of the model when it is first needed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.metadata = load_metadata(name)
        self._functions: list[Function] = []

    def attach(self, function: Function) -> None:
        """Take a function that does one of its operations."""
        self._functions.append(function)

    @functools.cached_property
    def model(self) -> ServiceModel:
        """All that botocore knows of it."""
        return load_model(self.name)

    @functools.cached_property
    def operations(self) -> dict[str, "Operation"]:
        """All operations of the model; NameError where a function does none of them."""
        found = {key: Operation(self, operation) for key, operation in self.model.operations.items()}
        for function in self._functions:
            found[name_of(function)].attach(function)
        return found

    @property
    def protocol(self) -> str:
        """The protocol that botocore and the CLI speak with it."""
        return self.metadata.preferred_protocol

    @functools.cached_property
    def constraints(self) -> Constraints:
        """What its shapes allow."""
        return Constraints(self.model)

    @functools.cached_property
    def one_line_constraints(self) -> Constraints:
        """The same, for texts of one line."""
        return Constraints(self.model, one_line=True)

    @functools.cached_property
    def tidying(self) -> Tidying:
        """What becomes of nulls and unknown members."""
        return Tidying(self.model)

    @functools.cached_property
    def rest_routes(self) -> RestRoutes:
        """Its operations by method and path."""
        return RestRoutes(self.operations.values())


class Operation:
    """One operation of the model, with the function that does it where there is one."""

    def __init__(self, service: Service, model: OperationModel) -> None:
        self.service = service
        self.name = model.name
        self.model = model
        self.function: Function | None = None
        self.is_async = False
        self._codecs: dict[str, Codec] = {}

    def attach(self, function: Function) -> None:
        """Take the function that does it."""
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)

    def codec(self, protocol: str) -> Codec:
        """What decodes its requests and encodes its replies in one protocol."""
        if protocol not in self._codecs:
            self._codecs[protocol] = make_codec(protocol, self)
        return self._codecs[protocol]

    def validate(self, document: dict[str, Any], codec: Codec) -> dict[str, Any]:
        """A copy of the document that satisfies the model; all it breaks is refused at once, in AWS's words."""
        if self.model.input is None:
            return {}
        shape = self.model.input.shape
        try:
            return as_dict(msgspec.convert(document, self.service.constraints.of(shape)))
        except msgspec.ValidationError as error:
            found = violations(self.service.model, shape, document)
            raise codec.refusal(found or [str(error)]) from None


class Registry:
    """All services of this server, found by name, by the scope of a signature, or by the target header."""

    def __init__(self, modules: Iterable[ModuleType] = (), services: Iterable[str] = ()) -> None:
        self.services: dict[str, Service] = {name: Service(name) for name in services}
        for module in modules:
            for service, function in operations_of(module):
                if service not in self.services:
                    self.services[service] = Service(service)
                self.services[service].attach(function)
        self.by_signing_name: dict[str, list[Service]] = {}
        self.by_target: dict[str, Service] = {}
        for found in self.services.values():
            self.by_signing_name.setdefault(found.metadata.scope_name, []).append(found)
            if found.metadata.target_prefix:
                self.by_target[found.metadata.target_prefix] = found

    @classmethod
    def load(cls, services: Iterable[str]) -> "Registry":
        """The registry of `clary.services.<folder>` and all modules in it, by botocore's names of the services."""
        names = list(services)
        modules = [module for name in names for module in _modules(name)]
        return cls(modules, names)

    def implemented(self) -> Iterator[Operation]:
        """The operations that have a function."""
        for service in self.services.values():
            yield from (operation for operation in service.operations.values() if operation.function)


def folder_of(service: str) -> str:
    """The folder of a service: its name as Python can import it."""
    name = service.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def _modules(service: str) -> Iterator[ModuleType]:
    package = importlib.import_module(f"clary.services.{folder_of(service)}")
    yield package
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)
