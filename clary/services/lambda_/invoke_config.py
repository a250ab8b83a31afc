"""What is set for the asynchronous events of a function, version or alias: retries, age, destinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from clary.services.lambda_ import destination
from clary.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException
from clary.services.lambda_.function_record import below, configuration_of, every_part, name_of, require
from clary.services.lambda_.listing import page_of
from clary.services.lambda_.naming import LATEST, Name
from clary.wire import Call, operation

if TYPE_CHECKING:
    from clary.store.records import Key
    from clary.wire import Rooms

CONFIG_KIND = "lambda-invoke-config"
_MEMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
_RETRIES, _AGE_SECONDS = 2, 21_600


class Settings(NamedTuple):
    """How often, and for how many seconds, an event is tried again, and who is told; "" for nobody."""

    retries: int
    age: float
    on_success: str
    on_failure: str


def settings_of(rooms: Rooms, name: Name) -> Settings:
    """What holds for the events of what a name names."""
    record = rooms.records.get(_key(name))
    body = record.body if record else {}
    targets = body.get("DestinationConfig") or {}
    return Settings(
        body.get("MaximumRetryAttempts", _RETRIES),
        body.get("MaximumEventAgeInSeconds", _AGE_SECONDS),
        (targets.get("OnSuccess") or {}).get("Destination") or "",
        (targets.get("OnFailure") or {}).get("Destination") or "",
    )


@operation
def put_function_event_invoke_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set all of it anew."""
    name = _checked(call, request)
    body = {member: request[member] for member in _MEMBERS if member in request}
    call.rooms.records.put(_key(name), body)
    return _described(call, name)


@operation
def update_function_event_invoke_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set what the request names."""
    name = _checked(call, request)
    given = {member: request[member] for member in _MEMBERS if member in request}
    if call.rooms.records.change(_key(name), lambda record: record.body.update(given)) is None:
        raise _missing(name)
    return _described(call, name)


@operation
def get_function_event_invoke_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """What is set."""
    return _described(call, name_of(call, request))


@operation
def delete_function_event_invoke_config(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget it."""
    name = name_of(call, request)
    if call.rooms.records.delete(_key(name)) is None:
        raise _missing(name)
    return {}


@operation
def list_function_event_invoke_configs(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of what is set for a function and its versions and aliases."""
    name = name_of(call, request)._replace(qualifier="")
    require(call.rooms, name)
    qualifiers = [record.key.name.partition(":")[2] for record in every_part(call.rooms, CONFIG_KIND, name)]
    found = [_described(call, name._replace(qualifier=qualifier)) for qualifier in qualifiers]
    return page_of(request, "FunctionEventInvokeConfigs", found)


def _checked(call: Call, request: dict[str, Any]) -> Name:
    name = name_of(call, request)
    if not any(member in request for member in _MEMBERS):
        raise InvalidParameterValueException("You must specify at least one of error handling or destination setting.")
    try:
        configuration_of(call.rooms, name)
    except ResourceNotFoundException:
        raise ResourceNotFoundException("The function doesn't exist.") from None
    targets = request.get("DestinationConfig") or {}
    for member, buckets in (("OnSuccess", False), ("OnFailure", True)):
        arn = (targets.get(member) or {}).get("Destination")
        if arn:
            destination.check(call.rooms, name, arn, buckets=buckets)
    return name


def _key(name: Name) -> Key:
    return below(CONFIG_KIND, name, name.qualifier or LATEST)


def _described(call: Call, name: Name) -> dict[str, Any]:
    record = call.rooms.records.get(_key(name))
    if record is None:
        raise _missing(name)
    return {
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        **record.body,
        "FunctionArn": f"{name.arn}:{name.qualifier or LATEST}",
        "LastModified": record.modified,
    }


def _missing(name: Name) -> ResourceNotFoundException:
    return ResourceNotFoundException(
        f"The function {name.arn}:{name.qualifier or LATEST} doesn't have an EventInvokeConfig"
    )
