"""Which operation a request asks for: by the scope of its signature, then the target header, then the path."""

import ipaddress
from typing import NamedTuple

from clary.errors import ServiceError
from clary.wire.model import ServiceModel, known_services
from clary.wire.protocols.codec import Codec
from clary.wire.registry import Operation, Registry, Service
from clary.wire.request import FORM, Request, parse_query


class Route(NamedTuple):
    """Where a request goes."""

    operation: Operation
    codec: Codec
    labels: dict[str, str]


class UnknownOperation(ServiceError):
    """No service that is here has such an operation."""

    code = "UnknownOperationException"
    status = 400


class NotImplementedHere(ServiceError):
    """AWS has it, Clary does not."""

    code = "NotImplemented"
    status = 501


def find_route(registry: Registry, request: Request) -> Route:
    """The operation of a request, with the codec that speaks its protocol; raises ServiceError where there is none."""
    signing_name = request.signed_for
    if "smithy-protocol" in request.headers:
        raise NotImplementedHere(f"Clary does not speak the protocol {request.headers['smithy-protocol']} (yet)")
    target = request.headers.get("x-amz-target")
    if target:
        operation, protocol = _by_target(registry, signing_name, target), "json"
        labels: dict[str, str] = {}
    elif (action := _action(request)) and signing_name != "s3":
        operation, protocol, labels = _by_action(registry, signing_name, action), "query", {}
    else:
        operation, labels = _by_path(registry, signing_name or "s3", request)
        protocol = operation.service.protocol
    if operation.function is None:
        name = f"{operation.service.name} {operation.name}"
        raise NotImplementedHere(f"Clary does not have the operation {name} (yet)")
    return Route(operation, operation.codec(protocol), labels)


def guess_service(registry: Registry, request: Request) -> tuple[ServiceModel | None, str]:
    """The model, where it is known, and the protocol to word an error in for a request without a route."""
    signing_name = request.signed_for
    model = next((service.model for service in registry.by_signing_name.get(signing_name, ())), None)
    if "x-amz-target" in request.headers or request.media_type.startswith("application/x-amz-json"):
        return model, "json"
    if request.is_s3:
        return model, "rest-xml"
    return model, "query" if request.media_type == FORM or "Action" in request.query else "rest-json"


def bucket_in_host(host: str) -> str:
    """The bucket of a virtual-hosted address such as `bucket.localhost:4566` or `bucket.s3.localhost`; else empty."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if _is_address(name) or "." not in name:
        return ""
    for mark in (".s3.", ".s3-"):
        if mark in name:
            return name.partition(mark)[0]
    if name.startswith("s3.") or not name.endswith(".localhost"):
        return ""
    return name.removesuffix(".localhost").removesuffix(".s3")


def _by_target(registry: Registry, signing_name: str, target: str) -> Operation:
    prefix, _, name = target.rpartition(".")
    service = registry.by_target.get(prefix)
    if service is None:
        _refuse_unknown_service(registry, signing_name)
        raise UnknownOperation(f"No service here has operations named {prefix}.*")
    if name not in service.operations:
        raise UnknownOperation(f"{service.name} has no operation {name}")
    return service.operations[name]


def _action(request: Request) -> str:
    """The Action of a query-protocol request, from its query or its form; the form must have been read."""
    if "Action" in request.query:
        return request.parameter("Action")
    if request.media_type == FORM and request.method == "POST":
        return next(iter(parse_query(request.content).get("Action", [])), "")
    return ""


def _by_action(registry: Registry, signing_name: str, action: str) -> Operation:
    services = registry.by_signing_name.get(signing_name) if signing_name else registry.services.values()
    if services is None:
        _refuse_unknown_service(registry, signing_name)
    speaking = [service for service in services or () if "query" in _protocols(service)]
    for service in speaking:
        if action in service.operations:
            return service.operations[action]
    version = speaking[0].metadata.api_version if speaking else ""
    message = f"Could not find operation {action}" + (f" for version {version}" if version else "")
    raise ServiceError(message, code="InvalidAction", status=400)


def _protocols(service: Service) -> list[str]:
    return service.metadata.protocols or [service.metadata.protocol]


def _by_path(registry: Registry, signing_name: str, request: Request) -> tuple[Operation, dict[str, str]]:
    services = registry.by_signing_name.get(signing_name)
    if services is None:
        _refuse_unknown_service(registry, signing_name)
    path = request.raw_path
    if signing_name == "s3" and (bucket := bucket_in_host(request.headers.get("host", ""))):
        path = b"/" + bucket.encode() + path
    for service in services or ():
        if service.protocol.startswith("rest-") and (found := service.rest_routes.find(request, path)):
            return found
    if signing_name == "s3":
        message = "The specified method is not allowed against this resource."
        raise ServiceError(message, code="MethodNotAllowed", status=405, fields={"Method": request.method})
    raise UnknownOperation(
        f"No operation of {signing_name} is at {request.method} {path.decode('latin-1')}", status=404
    )


def _refuse_unknown_service(registry: Registry, signing_name: str) -> None:
    """Name the AWS service that is not here; return if there is no such service."""
    if not signing_name or signing_name in registry.by_signing_name:
        return
    if signing_name in known_services() or signing_name == "monitoring":
        raise NotImplementedHere(f"Clary does not have the service {signing_name} (yet)")
    raise UnknownOperation(f"There is no AWS service {signing_name}", status=404)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
