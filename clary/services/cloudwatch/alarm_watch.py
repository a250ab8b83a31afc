"""Evaluates the alarms while nobody reads them, and repeats the actions of those whose state lasts."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from clary.services.cloudwatch import alarm_actions
from clary.services.cloudwatch.alarm_state import KIND, LAG_SECONDS, evaluate, window_end

if TYPE_CHECKING:
    from clary.wire import Rooms

_NAME = "cloudwatch alarms"
_STEP = 10  # seconds: the shortest period


def watch(rooms: Rooms) -> None:
    """Look at the alarms from now on, as long as there are any; may be asked for again at any time."""
    now = rooms.clock.now()
    seconds = _STEP - (now - LAG_SECONDS) % _STEP
    rooms.background.run_later(_NAME, functools.partial(look, rooms, now), seconds)


def look(rooms: Rooms, before: float) -> None:
    """Evaluate every alarm; `before` is when this was last done."""
    now = rooms.clock.now()
    alarms = list(rooms.records.every(KIND))
    try:
        for alarm in alarms:
            found = evaluate(rooms, alarm)
            if found.status == alarm.status and window_end(alarm, before) < window_end(alarm, now):
                alarm_actions.perform(rooms, alarm.key)
    finally:
        if alarms:
            watch(rooms)
