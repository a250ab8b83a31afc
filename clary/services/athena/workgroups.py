"""What other modules ask of workgroups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from clary.jobs.host import Scope
from clary.services.athena.errors import InvalidRequestException
from clary.store.records import Key, Query, Record, RecordExists

if TYPE_CHECKING:
    from clary.wire import Rooms

KIND = "athena:workgroup"
PRIMARY = "primary"
ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
ENGINES = ("AUTO", "Athena engine version 3")
_AT_ONCE = 1000

_FRESH = {
    "ResultConfiguration": {},
    "EnforceWorkGroupConfiguration": False,
    "PublishCloudWatchMetricsEnabled": False,
    "RequesterPaysEnabled": False,
    "EnableMinimumEncryptionConfiguration": False,
    "EngineVersion": ENGINE,
}


def key_of(scope: Scope, name: str) -> Key:
    """Where a workgroup is kept."""
    return Key(KIND, scope.account, scope.region, name)


def ensure_primary(rooms: Rooms, scope: Scope) -> None:
    """Every account has a workgroup "primary" in each region."""
    key = key_of(scope, PRIMARY)
    if rooms.records.get(key) is None:
        body = {"Name": PRIMARY, "State": "ENABLED", "Configuration": fresh_configuration(), "Tags": []}
        try:
            rooms.records.create(key, body, status="ENABLED")
        except RecordExists:
            return


def fresh_configuration() -> dict[str, Any]:
    """What a workgroup is when nothing was said of it."""
    return {**_FRESH, "ResultConfiguration": {}}


def require_workgroup(rooms: Rooms, scope: Scope, name: str) -> Record:
    """A workgroup."""
    if name == PRIMARY:
        ensure_primary(rooms, scope)
    found = rooms.records.get(key_of(scope, name))
    if found is None:
        raise not_found()
    return found


def records_of(rooms: Rooms, scope: Scope, kind: str, workgroup: str) -> Iterator[Record]:
    """The records of a kind that belong to a workgroup."""
    return rooms.records.walk(kind, *scope, Query(where={"WorkGroup": workgroup}, limit=_AT_ONCE))


def not_found() -> InvalidRequestException:
    """The answer where there is no such workgroup."""
    return InvalidRequestException("WorkGroup is not found.")
