"""What Athena forgets: executions that ended 45 days ago, and the tokens of requests as old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.services.athena import executions, tokens

if TYPE_CHECKING:
    from clary.wire import Rooms

_DAY = 24 * 3600.0
KEPT_SECONDS = 45 * _DAY


def forget_old(rooms: Rooms) -> None:
    """Remove their records; files in S3 stay."""
    oldest = rooms.clock.now() - KEPT_SECONDS
    for record in rooms.records.every(executions.KIND):
        ended = record.body["Status"].get("CompletionDateTime")
        if ended is not None and ended < oldest:
            rooms.records.delete(record.key)
    for record in rooms.records.every(tokens.KIND):
        if record.created < oldest:
            rooms.records.delete(record.key)


def forget_daily(rooms: Rooms) -> None:
    """Look for them now, and every day from now on."""
    forget_old(rooms)
    rooms.background.run_later("athena-history", lambda: forget_daily(rooms), _DAY)
