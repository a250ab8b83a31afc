"""The kinds of records that this service keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.store.records import Key, Query, Record

if TYPE_CHECKING:
    from clary.wire import Rooms

TARGET = "application-autoscaling/target"
POLICY = "application-autoscaling/policy"
ACTION = "application-autoscaling/action"
ACTIVITY = "application-autoscaling/activity"

_MOST = 500  # of one resource


def of_resource(rooms: Rooms, kind: str, account: str, region: str, resource: str) -> list[Record]:
    """All of one kind that belong to a resource, the youngest first."""
    query = Query(where={"ResourceId": resource}, limit=_MOST)
    return rooms.records.find(kind, account, region, query).records


def named(kind: str, account: str, region: str, resource: str, name: str) -> Key:
    """The key of a policy or scheduled action: names are unique to a resource."""
    return Key(kind, account, region, f"{resource} {name}")
