"""What Firehose does by itself: at a server's start, and what `clary status` shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.firehose.plan_of import plan_of
from clary.services.firehose.stream_record import KIND

if TYPE_CHECKING:
    from clary.wire import Rooms


def recover(rooms: Rooms) -> None:
    """Go on with all delivery streams."""
    rooms.delivery.recover([plan_of(record) for record in rooms.records.every(KIND)])


def running(rooms: Rooms) -> dict[str, int]:
    """How many delivery streams there are, and how many records wait in them, over all accounts and regions."""
    ids = [record.body["Id"] for record in rooms.records.every(KIND)]
    waiting = sum(rooms.delivery.backlog(identity).records for identity in ids)
    return {"deliveries": len(ids), "records to deliver": waiting}


def problems(rooms: Rooms) -> list[str]:
    """Which delivery streams are held up, and why."""
    told = {record.key: rooms.delivery.problem(record.body["Id"]) for record in rooms.records.every(KIND)}
    return [f"delivery stream {key.name} ({key.region}): {problem}" for key, problem in told.items() if problem]
