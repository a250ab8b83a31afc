"""Connections to data outside the lake."""

from collections.abc import Iterator, Mapping
from typing import Any

from clary.clock import Clock
from clary.errors import ClientError, ServiceError
from clary.jobs.host import Scope
from clary.services.glue.errors import AlreadyExistsException, EntityNotFoundException, InvalidInputException, refuse
from clary.services.glue.tags import drop_tags, set_tags
from clary.services.s3 import inside as objects
from clary.store.catalog import Node, Tree
from clary.tables.jdbc_connection import JdbcSource, connect, parse_jdbc
from clary.wire import Rooms

KIND = "connection"
_CERTIFICATE_BYTES = 1 << 20
_TYPES = ("JDBC", "NETWORK")
_REFUSED = ("SparkProperties", "AthenaProperties", "PythonProperties", "AuthenticationConfiguration")
_ORDERS = ("ValidateCredentials", "ValidateForComputeEnvironments")


def require_connection(tree: Tree, scope: Scope, name: str) -> Node:
    """The document of a connection; names mind case."""
    found = tree.get(tree.root(*scope), KIND, name)
    if found is None:
        raise EntityNotFoundException(f"Connection {name} not found.")
    return found


def get_connection(rooms: Rooms, scope: Scope, name: str) -> dict[str, Any]:
    """A connection with its password."""
    with rooms.catalog.read() as tree:
        return require_connection(tree, scope, name).body


def get_connections(rooms: Rooms, scope: Scope, after: str = "") -> Iterator[dict[str, Any]]:
    """All connections by name, from the one after a name on."""
    with rooms.catalog.read() as tree:
        found = tree.children(tree.root(*scope), KIND, after=after)
    return (node.body for node in found)


def create_connection(
    rooms: Rooms, scope: Scope, input_: dict[str, Any], *, creator: str, tags: Mapping[str, str]
) -> None:
    """A new connection."""
    now = _now(rooms.clock)
    body = _body(rooms, input_, {"CreationTime": now, "LastUpdatedTime": now, "LastUpdatedBy": creator})
    with rooms.catalog.write() as tree:
        root = tree.make_root(*scope)
        if tree.get(root, KIND, body["Name"]):
            raise AlreadyExistsException("Connection already exists.")
        tree.add(root, KIND, body["Name"], body)
        set_tags(tree, scope, KIND, body["Name"], tags)


def update_connection(rooms: Rooms, scope: Scope, name: str, input_: dict[str, Any], *, creator: str) -> None:
    """Make a connection what the input says; its name stays."""
    if input_["Name"] != name:
        raise InvalidInputException(f"Connection {name} cannot be renamed to {input_['Name']}.")
    body = _body(rooms, input_, {"LastUpdatedTime": _now(rooms.clock), "LastUpdatedBy": creator})
    with rooms.catalog.write() as tree:
        node = require_connection(tree, scope, name)
        node.body = {**body, "CreationTime": node.body["CreationTime"]}
        tree.store(node)


def delete_connection(rooms: Rooms, scope: Scope, name: str) -> None:
    """Forget a connection."""
    with rooms.catalog.write() as tree:
        tree.remove(require_connection(tree, scope, name))
        drop_tags(tree, scope, KIND, name)


def source_of(rooms: Rooms, connection: Mapping[str, Any]) -> JdbcSource:
    """The database that a connection leads to; InvalidInputException where it leads to none that Clary reaches."""
    kind, properties = connection["ConnectionType"], connection["ConnectionProperties"]
    if kind != "JDBC":
        raise InvalidInputException(f"A connection of type {kind} leads to no database: one of type JDBC does.")
    try:
        return parse_jdbc(properties, _certificate(rooms, properties.get("CUSTOM_JDBC_CERT", "")))
    except ClientError as problem:
        raise InvalidInputException(str(problem)) from None


def try_connection(rooms: Rooms, connection: Mapping[str, Any]) -> None:
    """Connect, really, and ask the simplest question; InvalidInputException with the reason where this fails."""
    try:
        with connect(source_of(rooms, connection)) as opened, opened.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchall()
    except ClientError as problem:
        raise InvalidInputException(str(problem)) from None


def _certificate(rooms: Rooms, location: str) -> str:
    """The text of the root certificate at an S3 URL; "" where none is named."""
    if not location:
        return ""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if not location.startswith("s3://") or not key:
        raise InvalidInputException(f"CUSTOM_JDBC_CERT {location!r} is no s3:// URL of an object.")
    try:
        return objects.read_object(rooms, bucket, key, _CERTIFICATE_BYTES)[0].decode(errors="replace")
    except ServiceError as problem:
        raise InvalidInputException(f"CUSTOM_JDBC_CERT {location}: {problem}") from None


def _body(rooms: Rooms, input_: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    kind = input_["ConnectionType"]
    if kind not in _TYPES:
        raise InvalidInputException(f"ConnectionType {kind} is not supported by Clary: {' and '.join(_TYPES)} are.")
    refuse(input_, *_REFUSED)
    if kind == "JDBC":
        _check(input_["ConnectionProperties"])
    members = {name: value for name, value in input_.items() if name not in (*_REFUSED, *_ORDERS)}
    body = {**members, **kept, "Status": "READY", "ConnectionSchemaVersion": 1}
    if input_.get("ValidateCredentials"):
        try_connection(rooms, input_)
        body["LastConnectionValidationTime"] = kept["LastUpdatedTime"]
    return body


def _check(properties: Mapping[str, str]) -> None:
    try:
        parse_jdbc(properties)
    except ClientError as problem:
        raise InvalidInputException(str(problem)) from None


def _now(clock: Clock) -> float:
    return float(int(clock.now()))
