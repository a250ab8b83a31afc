"""All streams' logs, opened when they are first needed, and what is known of their shards while the server runs."""

import shutil
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clary.clock import Clock
from clary.streams.log import StreamLog
from clary.streams.tally import Tally

_SYNCERS = 8


class Streams:
    """The logs by id; safe from any thread."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._syncers = ThreadPoolExecutor(_SYNCERS, "stream-sync")
        self._logs: dict[str, StreamLog] = {}
        self._lock = threading.Lock()
        self.tally = Tally()
        self.subscriptions: dict[tuple[str, str], tuple[object, float]] = {}
        """Who is subscribed, by consumer and shard, and since when."""

    def open(self, id: str) -> StreamLog:  # noqa: A002
        """The log of a stream; its folder is made when the first entry comes."""
        with self._lock:
            if id not in self._logs:
                self._logs[id] = StreamLog(self._folder / id, self._clock.now, self._syncers)
            return self._logs[id]

    def delete(self, id: str) -> None:  # noqa: A002
        """Remove a stream's log for good."""
        log = self.open(id)
        log.close(delete=True)
        with self._lock:
            self._logs.pop(id, None)

    def keep_only(self, ids: Collection[str]) -> None:
        """Remove the folders of all other streams: their deletion was cut short."""
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in ids:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Let all files go."""
        with self._lock:
            for log in self._logs.values():
                log.close()
        self._syncers.shutdown()
