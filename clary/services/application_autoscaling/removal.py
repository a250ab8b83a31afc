"""What goes when a target goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.application_autoscaling import policy_alarms
from clary.services.application_autoscaling.kinds import ACTION, POLICY, TARGET, of_resource
from clary.store.records import Key

if TYPE_CHECKING:
    from clary.wire import Rooms


def remove(rooms: Rooms, account: str, region: str, resource: str) -> None:
    """Forget all of a resource; the target last, so that what was begun can be done again."""
    for policy in of_resource(rooms, POLICY, account, region, resource):
        policy_alarms.delete(rooms, account, region, policy.body["Alarms"])
        rooms.records.delete(policy.key)
    for action in of_resource(rooms, ACTION, account, region, resource):
        rooms.records.delete(action.key)
    rooms.records.delete(Key(TARGET, account, region, resource))
