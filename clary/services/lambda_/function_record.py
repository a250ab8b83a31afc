"""The records of functions, their versions and aliases: found by name, changed, and made into what is run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from clary.functions import FunctionSpec
from clary.services.lambda_.errors import PreconditionFailedException, ResourceNotFoundException
from clary.services.lambda_.naming import LATEST, Name, parse_name
from clary.store.records import Key, Query, Record
from clary.wire.timestamps import iso8601

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clary.wire import Call, Rooms

FUNCTION_KIND, VERSION_KIND, ALIAS_KIND = "lambda-function", "lambda-version", "lambda-alias"

Configuration = dict[str, Any]
"""A FunctionConfiguration, with the Archive of its code and the LayerArchives, which no answer shows."""


def name_of(call: Call, request: dict[str, Any]) -> Name:
    """The function that a request names by FunctionName and Qualifier."""
    return parse_name(call.account, call.region, request["FunctionName"], request.get("Qualifier") or "")


def function_key(name: Name) -> Key:
    """Where a function's record lies."""
    return Key(FUNCTION_KIND, name.account, name.region, name.function)


def below(kind: str, name: Name, part: str) -> Key:
    """Where the record of a part of a function lies: a version, an alias, what is set for one of them."""
    return Key(kind, name.account, name.region, f"{name.function}:{part}")


def not_found(name: Name) -> ResourceNotFoundException:
    """There is no such function, version or alias."""
    return ResourceNotFoundException(f"Function not found: {name.qualified_arn}")


def require(rooms: Rooms, name: Name) -> Record:
    """The function's record."""
    record = rooms.records.get(function_key(name))
    if record is None:
        raise not_found(name)
    return record


def change(rooms: Rooms, name: Name, function: Callable[[dict[str, Any]], None]) -> Record:
    """Let a function change a function's body."""
    record = rooms.records.change(function_key(name), lambda record: function(record.body))
    if record is None:
        raise not_found(name)
    return record


def every_part(rooms: Rooms, kind: str, name: Name) -> Iterator[Record]:
    """All versions or aliases of a function, by name."""
    return every_below(rooms, below(kind, name, ""))


def every_below(rooms: Rooms, key: Key) -> Iterator[Record]:
    """All records of a kind, account and region whose names begin with that of the key, by name."""
    query = Query(name_prefix=key.name, order_by="name", descending=False, limit=1000)
    return rooms.records.walk(key.kind, key.account, key.region, query)


def find_alias(rooms: Rooms, name: Name) -> Record | None:
    """The alias that the qualifier names."""
    return rooms.records.get(below(ALIAS_KIND, name, name.qualifier))


def version_of(rooms: Rooms, name: Name, *, by_weight: bool = False) -> str:
    """The version that a name leads to; of an alias with two of them the first, or one by chance as weights have it."""
    if name.qualifier in ("", LATEST) or name.qualifier.isdigit():
        return name.qualifier or LATEST
    alias = find_alias(rooms, name)
    if alias is None:
        raise not_found(name)
    chance = random.random()
    weights = (alias.body.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})
    for version, weight in weights.items() if by_weight else ():
        if chance < weight:
            return str(version)
        chance -= weight
    return str(alias.body["FunctionVersion"])


def configuration_of(rooms: Rooms, name: Name, *, by_weight: bool = False) -> Configuration:
    """The configuration of the version that a name leads to, its ARN qualified as the name is."""
    version = version_of(rooms, name, by_weight=by_weight)
    if version == LATEST:
        record = rooms.records.get(function_key(name))
    else:
        record = rooms.records.get(below(VERSION_KIND, name, version))
    if record is None:
        raise not_found(name)
    found: Configuration = record.body["Configuration"]
    return {**found, "FunctionArn": name.qualified_arn}


def check_revision(
    kept: dict[str, Any] | None, request: dict[str, Any], operation: str = "GetFunction/GetAlias"
) -> None:
    """Refuse a change that was made with another revision in mind than what is kept, if anything is."""
    asked = request.get("RevisionId")
    if asked and (kept is None or asked != kept["RevisionId"]):
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. "
            f"Call the {operation} API to retrieve the latest Revision Id"
        )


def last_modified(now: float) -> str:
    """`2023-11-14T22:13:20.000+0000`."""
    return iso8601(now, milliseconds=True).replace("Z", "+0000")


def spec_of(name: Name, configuration: Configuration) -> FunctionSpec:
    """What is run for a version."""
    logging = configuration["LoggingConfig"]
    return FunctionSpec(
        key=f"{name.arn}:{configuration['Version']}:{configuration['RevisionId']}",
        arn=name.arn,
        name=name.function,
        version=configuration["Version"],
        account=name.account,
        region=name.region,
        role=configuration["Role"],
        runtime=configuration["Runtime"],
        handler=configuration["Handler"],
        environment=configuration.get("Environment", {}).get("Variables", {}),
        timeout=configuration["Timeout"],
        memory_mib=configuration["MemorySize"],
        code=configuration["Archive"],
        layers=tuple(configuration.get("LayerArchives", ())),
        log_group=logging["LogGroup"],
        json_log=logging["LogFormat"] == "JSON",
        application_log_level=logging.get("ApplicationLogLevel", ""),
        system_log_level=logging.get("SystemLogLevel", "INFO"),
    )
