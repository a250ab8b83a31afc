"""What functions count for CloudWatch: summed up by the minute, stored every few seconds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from clary.errors import ServiceError
from clary.store.metrics import Datum, Summary
from clary.streams.tally import Counted

if TYPE_CHECKING:
    from clary.functions import Outcome
    from clary.services.lambda_.naming import Name
    from clary.wire import Rooms

log = logging.getLogger("clary.lambda")

_STORE_SECONDS = 10.0
_NAMESPACE = "AWS/Lambda"
_UNITS = {"Duration": "Milliseconds", "IteratorAge": "Milliseconds"}
_NAME = "lambda-measurements"


def invoked(rooms: Rooms, name: Name, outcome: Outcome) -> None:
    """Count an event that was handled."""
    values = {"Invocations": 1.0, "Errors": float(bool(outcome.error)), "Duration": outcome.milliseconds}
    _add(rooms, name, {**values, "Throttles": 0.0})


def throttled(rooms: Rooms, name: Name) -> None:
    """Count an event that was not taken."""
    _add(rooms, name, {"Throttles": 1.0})


def waited(rooms: Rooms, name: Name, milliseconds: float) -> None:
    """Note how old the last record of a batch of a stream is."""
    _add(rooms, name, {"IteratorAge": milliseconds})


def store(rooms: Rooms) -> None:
    """Store what was counted so far."""
    scopes: dict[tuple[str, str], list[Datum]] = {}
    for (name, minute), (count, total, least, most) in rooms.functions.tally.take().items():
        unit = _UNITS.get(name.metric, "Count")
        datum = Datum(
            name.metric, {"FunctionName": name.stream}, 0.0, minute, unit, 60, Summary(count, total, least, most)
        )
        scopes.setdefault((name.account, name.region), []).append(datum)
    for scope, data in scopes.items():
        try:
            rooms.metrics.put(*scope, _NAMESPACE, data)
        except ServiceError as problem:  # a full disk must not stop the functions
            log.warning("metrics of Lambda are lost: %s", problem)


def _add(rooms: Rooms, name: Name, values: dict[str, float]) -> None:
    now, first = rooms.clock.now(), False
    for metric, value in values.items():
        counted = Counted(name.account, name.region, name.function, "", metric)
        first |= rooms.functions.tally.add(counted, value, now)
    if first:
        rooms.background.run_later(_NAME, lambda: store(rooms), _STORE_SECONDS)
