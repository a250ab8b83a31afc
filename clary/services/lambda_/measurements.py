"""What functions count for CloudWatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.cloudwatch import tallied

if TYPE_CHECKING:
    from clary.functions import Outcome
    from clary.services.lambda_.naming import Name
    from clary.wire import Rooms

_NAMESPACE = "AWS/Lambda"
_COUNT, _MILLISECONDS = "Count", "Milliseconds"


def invoked(rooms: Rooms, name: Name, outcome: Outcome) -> None:
    """Count an event that was handled."""
    counts = {"Invocations": (1.0, _COUNT), "Errors": (float(bool(outcome.error)), _COUNT), "Throttles": (0.0, _COUNT)}
    _count(rooms, name, {**counts, "Duration": (outcome.milliseconds, _MILLISECONDS)})


def throttled(rooms: Rooms, name: Name) -> None:
    """Count an event that was not taken."""
    _count(rooms, name, {"Throttles": (1.0, _COUNT)})


def waited(rooms: Rooms, name: Name, milliseconds: float) -> None:
    """Note how old the last record of a batch of a stream is."""
    _count(rooms, name, {"IteratorAge": (milliseconds, _MILLISECONDS)})


def store(rooms: Rooms) -> None:
    """Store what was counted so far."""
    tallied.store(rooms, rooms.functions.tally, _NAMESPACE)


def _count(rooms: Rooms, name: Name, values: dict[str, tuple[float, str]]) -> None:
    place = name.account, name.region, (("FunctionName", name.function),)
    tallied.count(rooms, rooms.functions.tally, _NAMESPACE, place, values)
