"""One delivery's records on their way through the stages into files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clary.clock import Clock
from clary.delivery.host import Host
from clary.delivery.outputs import Output, Outputs, document_of
from clary.delivery.plan import Plan
from clary.delivery.records import Failed, Record


class Batch:
    """Takes records as they were put; what it makes of them lies in a folder, nothing of it delivered."""

    def __init__(self, plan: Plan, host: Host, clock: Clock, folder: Path) -> None:
        self._plan, self._host, self._clock = plan, host, clock
        self._outputs = Outputs(plan, folder, clock)

    def take(self, records: list[Record]) -> None:
        """Let records pass all stages."""
        if self._plan.backup:
            self._outputs.data(self._plan.backup, records)
        self._write(records)

    def finish(self) -> list[Output]:
        """The files, all on disk."""
        return self._outputs.finish()

    def _write(self, records: list[Record]) -> None:
        if records:
            self._outputs.data(self._plan.place, records)

    def _fail(self, kind: str, failed: Iterable[Failed], **more: object) -> None:
        now = self._clock.now()
        place = self._plan.place
        self._outputs.errors(place, kind, [document_of(item, now, more) for item in failed])
