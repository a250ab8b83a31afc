"""Writes the lines of all functions to their log streams, those of a moment together."""

import logging
import threading
from collections.abc import Sequence

from clary.errors import ServiceError
from clary.functions.spec import FunctionHost

log = logging.getLogger("clary.functions")

_BATCH_SECONDS = 0.1
_MOST_BYTES = 8 << 20

Place = tuple[tuple[str, str], str, str]
"""Account and region, group, stream."""


class Logbook:
    """Takes events from any thread and writes them on its own; who writes faster than the disk waits."""

    def __init__(self, host: FunctionHost) -> None:
        self._host = host
        self._changed = threading.Condition()
        self._events: dict[Place, list[tuple[float, str]]] = {}
        self._size = 0
        self._writing = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="function logs", daemon=True)
        self._thread.start()

    def add(self, place: Place, events: Sequence[tuple[float, str]]) -> None:
        """Have events written soon."""
        if not events:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._size < _MOST_BYTES or self._closed)
            self._events.setdefault(place, []).extend(events)
            self._size += sum(len(message) for _, message in events)
            self._changed.notify_all()

    def flush(self) -> None:
        """Return when all that was added is written."""
        with self._changed:
            self._changed.wait_for(lambda: not self._events and not self._writing)

    def close(self) -> None:
        """Write what is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._events or self._closed)
                if not self._events:
                    return
                self._changed.wait_for(lambda: self._closed or self._size >= _MOST_BYTES, _BATCH_SECONDS)
                events, self._events, self._size, self._writing = self._events, {}, 0, True
                self._changed.notify_all()
            for (scope, group, stream), rows in events.items():
                try:
                    self._host.append_log(scope, group, stream, rows)
                except ServiceError as problem:  # a full disk
                    log.error("%d events of %s are lost: %s", len(rows), group, problem)
            with self._changed:
                self._writing = False
                self._changed.notify_all()
