"""What an alarm does when its state changes, and again each minute while it lasts, as AWS has it of Auto Scaling."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from clary.errors import ServiceError
from clary.names import parse_arn
from clary.services.cloudwatch import alarm_history
from clary.services.cloudwatch.alarm_request import ACTION_MEMBERS
from clary.store.records import Key, Record

if TYPE_CHECKING:
    from clary.wire import Rooms

log = logging.getLogger("clary.cloudwatch")

Act = Callable[["Rooms", str, Record], bool]
"""Do what an ARN asks for, for this alarm; whether there was anything to do. ServiceError where it can't be done."""

ACTORS: dict[str, Act] = {}
"""By the service in an action's ARN; `clary/app.py` fills it, for services that use alarms themselves."""


def perform(rooms: Rooms, key: Key) -> None:
    """Do the actions of the state that the alarm is in."""
    alarm = rooms.records.get(key)
    if alarm is None or not alarm.body["ActionsEnabled"]:
        return
    for action in alarm.body[ACTION_MEMBERS[alarm.status]]:
        _perform(rooms, alarm, action)


def _perform(rooms: Rooms, alarm: Record, action: str) -> None:
    arn = parse_arn(action)
    act = ACTORS.get(arn.service) if arn else None
    data = {"actionState": "Succeeded", "notificationResource": action, "stateUpdateTimestamp": rooms.clock.now()}
    try:
        if act is None or not act(rooms, action, alarm):
            return
        summary = f"Successfully executed action {action}"
    except ServiceError as error:
        log.warning("the action %s of the alarm %s failed: %s", action, alarm.key.name, error.message)
        summary = f"Failed to execute action {action}. Received error: {error.message}"
        data |= {"actionState": "Failed", "error": error.message}
    alarm_history.note(rooms, alarm.key, "Action", summary, data)
