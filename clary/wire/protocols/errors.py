"""A ServiceError as each protocol writes it."""

import functools
from typing import Any

import msgspec

from clary.errors import ServiceError
from clary.wire.identifiers import host_id
from clary.wire.model import ServiceModel, Shape
from clary.wire.protocols.xml_output import DECLARATION, escape, namespace_attribute
from clary.wire.response import Response


def encode_error(
    error: ServiceError, protocol: str, model: ServiceModel | None, request_id: str, resource: str = ""
) -> Response:
    """The reply for an error; `resource` is the path that S3 names in its own."""
    if protocol == "rest-xml":
        response = _s3(error, request_id, resource)
    elif protocol == "query":
        response = _query(error, model, request_id)
    else:
        response = _json(error, protocol, model, request_id)
    response.headers.update((name.lower(), value) for name, value in error.headers.items())
    return response


def _json(error: ServiceError, protocol: str, model: ServiceModel | None, request_id: str) -> Response:
    name, shape = _modelled(error.code, model)
    document: dict[str, Any] = {"__type": name, _message_member(shape): error.message, **error.fields}
    headers = {"x-amzn-requestid": request_id, "x-amzn-errortype": name, "content-type": "application/json"}
    if protocol == "json":
        headers["content-type"] = f"application/x-amz-json-{model.metadata.json_version if model else '1.1'}"
    if model and model.metadata.aws_query_compatible is not None:
        code = shape.error.get("code", error.code) if shape else error.code
        headers["x-amzn-query-error"] = f"{code};{_fault(error)}"
    return Response(error.status, headers, msgspec.json.encode(document))


def _query(error: ServiceError, model: ServiceModel | None, request_id: str) -> Response:
    namespace = namespace_attribute(model.metadata.xml_namespace) if model else ""
    _, shape = _modelled(error.code, model)
    code = shape.error.get("code", error.code) if shape else error.code
    body = (
        f"<ErrorResponse{namespace}><Error><Type>{_fault(error)}</Type><Code>{escape(code)}</Code>"
        f"<Message>{escape(error.message)}</Message>{_elements(error.fields)}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Response(error.status, {"x-amzn-requestid": request_id, "content-type": "text/xml"}, body.encode())


def _s3(error: ServiceError, request_id: str, resource: str) -> Response:
    headers = {"x-amz-request-id": request_id, "x-amz-id-2": host_id(request_id)}
    if error.status in (304, 204):
        return Response(error.status, headers)
    fields = error.fields if "Resource" in error.fields or not resource else {**error.fields, "Resource": resource}
    body = (
        f"{DECLARATION}<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        f"{_elements(fields)}<RequestId>{request_id}</RequestId><HostId>{host_id(request_id)}</HostId></Error>"
    )
    return Response(error.status, {**headers, "content-type": "application/xml"}, body.encode())


@functools.lru_cache(maxsize=1024)
def _modelled(code: str, model: ServiceModel | None) -> tuple[str, Shape | None]:
    """The name and shape of an error that the model has, by the shape's name or by its code."""
    if model is None:
        return code, None
    shape = model.shapes.get(code)
    if shape and shape.exception:
        return code, shape
    for name, other in model.shapes.items():
        if other.exception and other.error.get("code") == code:
            return name, other
    return code, None


def _message_member(shape: Shape | None) -> str:
    """What the model calls the message: `message` or `Message`."""
    names = shape.members if shape else ()
    return next((name for name in names if name.lower() == "message"), "message")


def _fault(error: ServiceError) -> str:
    return "Receiver" if error.status >= 500 else "Sender"


def _elements(fields: dict[str, Any]) -> str:
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
