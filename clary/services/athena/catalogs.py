"""What a catalog's name stands for: the Glue catalog of the account, or another database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from clary.jobs.host import Scope
from clary.names import parse_arn
from clary.services.athena.errors import InvalidRequestException
from clary.services.athena.result_location import split_location
from clary.services.glue import inside as glue
from clary.store.records import Key

if TYPE_CHECKING:
    from clary.wire import Rooms

KIND = "athena:data-catalog"
DEFAULT = "AwsDataCatalog"

_PORTS = {"postgresql": 5432, "mysql": 3306}
_KINDS = {"POSTGRESQL": "postgresql", "MYSQL": "mysql", "SQLITE": "sqlite"}


def key_of(scope: Scope, name: str) -> Key:
    """Where a catalog is kept; names mind no case."""
    return Key(KIND, scope.account, scope.region, name.lower())


def default_catalog(scope: Scope) -> dict[str, Any]:
    """The catalog that every account has."""
    return {
        "Name": DEFAULT,
        "Description": "Default catalog",
        "Type": "GLUE",
        "Parameters": {"catalog-id": scope.account},
    }


def find_catalog(rooms: Rooms, scope: Scope, name: str) -> dict[str, Any] | None:
    """A catalog with all that is kept of it, a password too; None where there is none."""
    if name.lower() == DEFAULT.lower():
        return default_catalog(scope)
    record = rooms.records.get(key_of(scope, name))
    return record.body if record else None


def is_glue(rooms: Rooms, scope: Scope, name: str) -> bool:
    """Whether a catalog is the account's Glue catalog, under whichever name; "" is the default one."""
    if name.lower() in ("", DEFAULT.lower()):
        return True
    found = find_catalog(rooms, scope, name)
    return found is not None and found["Type"] == "GLUE"


def federated(rooms: Rooms, scope: Scope, name: str) -> dict[str, str] | None:
    """How to connect to a federated catalog: its kind (postgresql, mysql, sqlite) and URL; None for another one."""
    found = find_catalog(rooms, scope, name)
    if found is None or found["Type"] != "FEDERATED":
        return None
    parameters = found["Parameters"]
    if "connection-arn" in parameters:
        return _glue_connection(rooms, scope, parameters["connection-arn"])
    return connect(parameters["connection-type"], parameters["connection-properties"])


def connect(connection_type: str, text: str) -> dict[str, str]:
    """What connection-type and connection-properties say."""
    kind = _KINDS.get(connection_type)
    if kind is None:
        raise InvalidRequestException(
            f"connection-type {connection_type} is not supported by Clary: it has {', '.join(_KINDS)}."
        )
    try:
        said = msgspec.json.decode(text, type=dict[str, str])
    except (ValueError, RecursionError) as problem:
        raise InvalidRequestException(f"connection-properties is not a JSON object of strings: {problem}") from None
    if "SecretArn" in said or "secret_name" in said:
        raise InvalidRequestException(
            "SecretArn is not supported by Clary, which has no Secrets Manager: give username and password."
        )
    if not said.get("database"):
        raise InvalidRequestException("connection-properties names no database.")
    if kind == "sqlite":
        split_location(said["database"], "database")
        return {"kind": kind, "url": said["database"]}
    if not said.get("host"):
        raise InvalidRequestException("connection-properties names no host.")
    port = said.get("port") or str(_PORTS[kind])
    return _url(kind, said["host"], port, said["database"], said.get("username", ""), said.get("password", ""))


def shown_parameters(parameters: dict[str, str]) -> dict[str, str]:
    """The parameters of a catalog as they are told: without a password."""
    if "connection-properties" not in parameters:
        return parameters
    said = msgspec.json.decode(parameters["connection-properties"])
    said.pop("password", None)
    return {**parameters, "connection-properties": msgspec.json.encode(said).decode()}


def _glue_connection(rooms: Rooms, scope: Scope, arn: str) -> dict[str, str]:
    parsed = parse_arn(arn)
    name = parsed.resource.removeprefix("connection/") if parsed else arn
    source = glue.source_of(rooms, glue.get_connection(rooms, scope, name))
    if source.tls not in ("disable", "prefer"):
        raise InvalidRequestException(f"Connection {name} asks for TLS, which a query of Clary's doesn't speak.")
    return _url(source.engine, source.host, str(source.port), source.database, source.user, source.password)


def _url(kind: str, host: str, port: str, database: str, user: str, password: str) -> dict[str, str]:
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    return {"kind": kind, "url": f"{kind}://{who}{host}:{port}/{quote(database, safe='')}"}
