"""botocore's service models, read straight from its packaged files: the law for names, shapes and constraints."""

import functools
import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

_HEAD = 8192


class Reference(msgspec.Struct, rename="camel", frozen=True, eq=False):
    """A place where a shape is used: a member, an element, a key, an operation's input or output."""

    shape: str
    location: str = ""  # uri, querystring, header, headers, statusCode; empty: the body
    location_name: str = ""
    streaming: bool = False
    flattened: bool = False
    xml_attribute: bool = False
    xml_namespace: Any = None
    timestamp_format: str = ""
    jsonvalue: bool = False
    host_label: bool = False
    result_wrapper: str = ""
    eventpayload: bool = False
    eventheader: bool = False


class Shape(msgspec.Struct, rename="camel", frozen=True):
    """One shape of a model, without its prose."""

    type: str
    members: dict[str, Reference] = {}
    required: list[str] = []
    member: Reference | None = None
    key: Reference | None = None
    value: Reference | None = None
    enum: list[str] = []
    min: float | None = None
    max: float | None = None
    pattern: str = ""
    payload: str = ""
    location_name: str = ""
    xml_namespace: Any = None
    timestamp_format: str = ""
    flattened: bool = False
    streaming: bool = False
    union: bool = False
    document: bool = False
    exception: bool = False
    fault: bool = False
    eventstream: bool = False
    event: bool = False
    error: dict[str, Any] = {}


class Http(msgspec.Struct, rename="camel", frozen=True):
    """Where an operation is found: its method and URI template."""

    method: str = "POST"
    request_uri: str = "/"
    response_code: int = 200


class OperationModel(msgspec.Struct, rename="camel", frozen=True):
    """One operation of a model."""

    name: str
    http: Http
    input: Reference | None = None
    output: Reference | None = None
    errors: list[Reference] = []
    authtype: str = ""
    deprecated: bool = False


class Metadata(msgspec.Struct, rename="camel", frozen=True):
    """What a model says of its service as a whole."""

    api_version: str
    endpoint_prefix: str
    protocol: str
    service_id: str
    protocols: list[str] = []
    json_version: str = "1.1"
    target_prefix: str = ""
    signing_name: str = ""
    xml_namespace: str = ""
    aws_query_compatible: dict[str, Any] | None = None

    @property
    def scope_name(self) -> str:
        """The service's name in the credential scope of its signed requests."""
        return self.signing_name or self.endpoint_prefix

    @property
    def preferred_protocol(self) -> str:
        """The protocol that botocore and the CLI speak with it."""
        listed = self.protocols or [self.protocol]
        preferred = ("json", "rest-json", "rest-xml", "smithy-rpc-v2-cbor", "query", "ec2")
        return next((name for name in preferred if name in listed), self.protocol)


class ServiceModel(msgspec.Struct, frozen=True, eq=False):
    """A service: its operations and the shapes they are made of."""

    metadata: Metadata
    operations: dict[str, OperationModel]
    shapes: dict[str, Shape]

    def timestamp_format(self, reference: Reference, default: str) -> str:
        """How a timestamp is written at this place: unixTimestamp, iso8601 or rfc822."""
        return reference.timestamp_format or self.shapes[reference.shape].timestamp_format or default


def data_folder() -> Path:
    """Where botocore keeps its models."""
    spec = find_spec("botocore")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


@functools.cache
def known_services() -> frozenset[str]:
    """The names of all services that botocore has a model of."""
    return frozenset(folder.name for folder in data_folder().iterdir() if folder.is_dir())


@functools.cache
def load_model(service: str) -> ServiceModel:
    """The newest model of a service, by botocore's name of it; raises LookupError where there is none."""
    path = _path_of(service)
    content = path.read_bytes()
    return msgspec.json.decode(gzip.decompress(content) if path.suffix == ".gz" else content, type=ServiceModel)


def load_metadata(service: str) -> Metadata:
    """What its model says of a service as a whole, which stands in front: the rest isn't read."""
    path = _path_of(service)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        head = file.read(_HEAD).decode(errors="ignore")
    _, _, rest = head.partition('"metadata":')
    try:
        document, _ = json.JSONDecoder().raw_decode(rest.lstrip())
    except ValueError:
        return load_model(service).metadata
    return msgspec.convert(document, Metadata)


def _path_of(service: str) -> Path:
    versions = sorted((data_folder() / service).glob("*/service-2.json*"), key=lambda path: path.parent.name)
    models = [path for path in versions if path.name in ("service-2.json", "service-2.json.gz")]
    if not models:
        raise LookupError(f"botocore has no model of a service named {service!r}")
    return models[-1]
