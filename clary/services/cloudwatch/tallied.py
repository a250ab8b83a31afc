"""What services count by themselves: summed up by the minute, stored every few seconds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from clary.errors import ServiceError
from clary.store.metrics import Datum, Summary
from clary.streams.tally import Counted, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clary.wire import Rooms

log = logging.getLogger("clary.cloudwatch")

_STORE_SECONDS = 10.0

Place = tuple[str, str, tuple[tuple[str, str], ...]]
"""Account, region and dimensions."""


def count(rooms: Rooms, tally: Tally, namespace: str, place: Place, values: Mapping[str, tuple[float, str]]) -> None:
    """Count values, each with its unit, by the names of their metrics."""
    now, first = rooms.clock.now(), False
    for metric, (value, unit) in values.items():
        first |= tally.add(Counted(*place, metric, unit), value, now)
    if first:
        rooms.background.run_later(f"{namespace} tally", lambda: store(rooms, tally, namespace), _STORE_SECONDS)


def store(rooms: Rooms, tally: Tally, namespace: str) -> None:
    """Store what was counted so far."""
    scopes: dict[tuple[str, str], list[Datum]] = {}
    for (counted, minute), (number, total, least, most) in tally.take().items():
        summary = Summary(number, total, least, most)
        datum = Datum(counted.metric, dict(counted.dimensions), 0.0, minute, counted.unit, 60, summary)
        scopes.setdefault((counted.account, counted.region), []).append(datum)
    for scope, data in scopes.items():
        try:
            rooms.metrics.put(*scope, namespace, data)
        except ServiceError as problem:  # a full disk must neither stop the service nor hold up the server's end
            log.warning("metrics of %s are lost: %s", namespace, problem)
