"""Sees to it that the scalable targets are looked after on the minute."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from clary.services.application_autoscaling.kinds import TARGET

if TYPE_CHECKING:
    from clary.wire import Rooms

_NAME = "application autoscaling"
_MINUTE = 60
_LAG_SECONDS = 1.5  # after what the endpoints measured has come in, before the alarms look at it


def watch(rooms: Rooms) -> None:
    """Look after the targets from now on, as long as there are any; may be asked for again at any time."""
    seconds = _MINUTE - (rooms.clock.now() - _LAG_SECONDS) % _MINUTE
    rooms.background.run_later(_NAME, functools.partial(_look, rooms), seconds)


def _look(rooms: Rooms) -> None:
    from clary.services.application_autoscaling.pulse import beat  # what it does asks for this again

    try:
        beat(rooms)
    finally:
        if any(rooms.records.every(TARGET)):
            watch(rooms)
