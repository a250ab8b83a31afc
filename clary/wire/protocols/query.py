"""The query protocol: Action and parameters as a form or in the URL, XML back. IAM and STS speak it."""

import base64
from typing import TYPE_CHECKING, Any

from clary.errors import ServiceError
from clary.wire.call import Reply
from clary.wire.model import Reference, ServiceModel
from clary.wire.protocols.codec import Codec
from clary.wire.protocols.scalars import parse_scalar
from clary.wire.protocols.xml_output import XmlOutput, namespace_attribute
from clary.wire.request import Request, parse_query
from clary.wire.response import Response

if TYPE_CHECKING:
    from clary.wire.registry import Operation

Tree = dict[str, Any]  # "a.1.b=x" as {"a": {"1": {"b": {"": "x"}}}}
AROUND = frozenset(
    {"Action", "Version", "AWSAccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "Timestamp"}
)
MOST_PARAMETERS = 20_000
DEEPEST = 32


class Query(Codec):
    """One operation in the query protocol."""

    protocol = "query"
    default_refusal = "ValidationError"

    def __init__(self, operation: "Operation") -> None:
        super().__init__(operation)
        self._write = XmlOutput(self.model).members(self.model.shapes[self.output.shape]) if self.output else None
        self._namespace = namespace_attribute(self.model.metadata.xml_namespace)

    def decode(self, request: Request, labels: dict[str, str]) -> dict[str, Any]:  # noqa: ARG002
        """The parameters as a dict by the input shape."""
        if self.operation.model.input is None:
            return {}
        parameters = {name: values[0] for name, values in request.query.items()}
        parameters.update((name, values[0]) for name, values in parse_query(request.content).items())
        for name in [name for name in parameters if name in AROUND or name.startswith("X-Amz-")]:
            del parameters[name]
        document: dict[str, Any] = _read(self.model, self.operation.model.input, _tree(parameters), "")
        return document

    def encode(self, reply: Reply, request_id: str) -> Response:
        """`<OperationResponse><OperationResult>...` with the request id behind the result."""
        name = self.operation.name
        out = [f"<{name}Response{self._namespace}>"]
        if self._write and self.output:
            wrapper = self.output.result_wrapper or f"{name}Result"
            out.append(f"<{wrapper}>")
            self._write(out, reply.body)
            out.append(f"</{wrapper}>")
        out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>")
        headers = {"x-amzn-requestid": request_id, "content-type": "text/xml"}
        return Response(reply.status or 200, headers | reply.headers, "".join(out).encode())


def _tree(parameters: dict[str, str]) -> Tree:
    if len(parameters) > MOST_PARAMETERS:
        raise ServiceError(f"More than {MOST_PARAMETERS} parameters", code="MalformedQueryString", status=400)
    tree: Tree = {}
    for name, text in parameters.items():
        parts = name.split(".")
        if len(parts) > DEEPEST:
            raise ServiceError(f"{name} is nested too deep", code="MalformedQueryString", status=400)
        node = tree
        for part in parts:
            node = node.setdefault(part, {})
        node[""] = text
    return tree


def _read(model: ServiceModel, reference: Reference, tree: Tree, path: str) -> Any:
    shape = model.shapes[reference.shape]
    if shape.type == "structure":
        found: dict[str, Any] = {}
        known = {""}
        for name, member in shape.members.items():
            target = model.shapes[member.shape]
            wire_name = member.location_name or name
            if target.type == "list" and (member.flattened or target.flattened) and target.member:
                wire_name = target.member.location_name or wire_name
            known.add(wire_name)
            if wire_name in tree:
                found[name] = _read(model, member, tree[wire_name], f"{path}.{name}" if path else name)
        # What the model doesn't know stays, for validation to refuse it by name.
        return found | {name: tree[name].get("", "") for name in tree.keys() - known}
    flattened = reference.flattened or shape.flattened
    if shape.type == "list" and shape.member:
        element = shape.member.location_name or "member"
        items = tree if flattened else tree.get(element) or tree.get("member", {})
        return [_read(model, shape.member, item, path) for _, item in _numbered(items)]
    if shape.type == "map" and shape.key and shape.value:
        key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"
        entries = _numbered(tree if flattened else tree.get("entry", {}))
        return {
            entry.get(key_name, {}).get("", ""): _read(model, shape.value, entry.get(value_name, {}), path)
            for _, entry in entries
        }
    return _scalar(shape.type, tree.get(""), path)


def _numbered(items: Tree) -> list[tuple[int, Tree]]:
    return sorted((int(number), item) for number, item in items.items() if number.isascii() and number.isdigit())


def _scalar(kind: str, text: str | None, path: str) -> Any:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True) if kind == "blob" else parse_scalar(kind, text)
    except ValueError:
        message = f"Value ({text}) for parameter {path} is invalid: it must be a {kind}"
        raise ServiceError(message, code="MalformedInput", status=400) from None
