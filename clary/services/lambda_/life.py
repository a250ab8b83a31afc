"""What Lambda does by itself: at a server's start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.names import make_arn
from clary.services.lambda_ import asynchronous, code, mapping_reader
from clary.services.lambda_.function_record import FUNCTION_KIND

if TYPE_CHECKING:
    from clary.wire import Rooms


def recover(rooms: Rooms) -> None:
    """Note what is reserved, remove code that nothing is made of, go on with the events that wait and with streams."""
    for record in rooms.records.every(FUNCTION_KIND):
        if "Reserved" in record.body:
            arn = make_arn("lambda", record.key.region, record.key.account, f"function:{record.key.name}")
            rooms.functions.reserved[arn] = record.body["Reserved"]
    code.remove_unused(rooms)
    asynchronous.recover(rooms)
    mapping_reader.recover(rooms)


def running(rooms: Rooms) -> dict[str, int]:
    """How many functions there are, over all accounts and regions, and how many asynchronous events wait."""
    return {
        "functions": sum(1 for _ in rooms.records.every(FUNCTION_KIND)),
        "function events": rooms.functions.queue.size(),
    }
