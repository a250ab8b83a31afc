"""What delivery streams count for CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clary.services.cloudwatch import tallied

if TYPE_CHECKING:
    from clary.delivery.scope import Scope
    from clary.wire import Rooms

_NAMESPACE = "AWS/Firehose"


def count(rooms: Rooms, scope: Scope, stream: str, values: Mapping[str, tuple[float, str]]) -> None:
    """Count values of a delivery stream, each with its unit, by the names of their metrics."""
    place = scope.account, scope.region, (("DeliveryStreamName", stream),)
    tallied.count(rooms, rooms.delivery.tally, _NAMESPACE, place, values)


def store(rooms: Rooms) -> None:
    """Store what was counted so far."""
    tallied.store(rooms, rooms.delivery.tally, _NAMESPACE)
