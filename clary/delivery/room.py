"""The house's handle of all delivery streams: open, put, change, remove; and the threads that deliver what is due."""

from __future__ import annotations

import logging
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from clary.clock import Clock
from clary.delivery.converter import Converters
from clary.delivery.host import Host
from clary.delivery.life import KIND, Life
from clary.delivery.plan import Plan
from clary.delivery.read_stream import ReadStream
from clary.delivery.source import Backlog, OwnLog, Source
from clary.store.records import Records
from clary.streams import Streams
from clary.streams.tally import Tally

log = logging.getLogger("clary.delivery")

_WORKERS = 64  # most of what they do is to wait: for functions, endpoints and the disk
_LONGEST_WAIT = 60.0
_BUG_SECONDS = 5.0


class Deliveries:
    """All delivery streams; safe from any thread."""

    def __init__(self, clock: Clock, host: Host, records: Records, folder: Path) -> None:
        self._clock, self._host, self._records, self._folder = clock, host, records, folder
        self._logs = Streams(folder / "logs", clock)
        self._lives: dict[str, Life] = {}
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self.tally = Tally()
        self._closed = False
        self._converters = Converters()
        self._workers = ThreadPoolExecutor(_WORKERS, "delivery")
        self._watcher: threading.Thread | None = None

    def recover(self, plans: list[Plan]) -> None:
        """At the server's start: go on with these streams, and remove what is left of others."""
        kept = {plan.id for plan in plans}
        self._logs.keep_only(kept)
        batches = self._folder / "batches"
        for folder in batches.iterdir() if batches.is_dir() else ():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        for record in self._records.every(KIND):
            if record.key.name not in kept:
                self._records.delete(record.key)
        for plan in plans:
            self.open(plan)

    def open(self, plan: Plan) -> None:
        """Take a new stream, or go on with one."""
        folder = self._folder / "batches" / plan.id
        life = Life(plan, self._source(plan), self._host, self._records, self._clock, folder, self._converters)
        with self._lock:
            self._lives[plan.id] = life
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="deliveries", daemon=True)
                self._watcher.start()
        self.wake()

    def change(self, plan: Plan) -> None:
        """Deliver by another plan from the next batch on."""
        self._lives[plan.id].change(plan)
        self.wake()

    def put(self, identity: str, data: list[bytes]) -> int:
        """Store records, durable on return; the index of the first. KeyError for a stream that is gone, OSError."""
        life = self._lives[identity]
        assert isinstance(life.source, OwnLog)
        index = life.source.put(data)
        waiting = life.backlog()
        if waiting.records <= len(data) or waiting.bytes >= life.plan.size:
            self.wake()
        return index

    def backlog(self, identity: str) -> Backlog:
        """What a stream has that is not yet delivered."""
        return self._lives[identity].backlog()

    def problem(self, identity: str) -> str:
        """Why a stream delivers nothing at present; empty where nothing hinders it."""
        life = self._lives.get(identity)
        return life.problem() if life else ""

    def remove(self, identity: str) -> None:
        """Forget a stream with all it holds, as soon as what is at hand ends."""
        life = self._lives.pop(identity)
        life.stop()
        self._workers.submit(self._discard, identity, life)

    def wake(self) -> None:
        """Look again what is due."""
        self._changed.set()

    def deliver_due(self) -> None:
        """Deliver all that is due, on this thread."""
        for life in list(self._lives.values()):
            life.deliver()

    def stop(self) -> None:
        """Begin nothing more."""
        self._closed = True
        for life in self._lives.values():
            life.stop()
        self._host.hang_up()

    def close(self) -> None:
        """Finish the files at hand and begin nothing more; what waits is delivered by the next server."""
        self.stop()
        self._changed.set()
        for life in self._lives.values():
            life.close()
        if self._watcher:
            self._watcher.join()
        self._workers.shutdown()
        self._converters.close()
        self._logs.close()

    def _source(self, plan: Plan) -> Source:
        if plan.source:
            return ReadStream(plan.source, f"delivery {plan.id}", self._host, self.wake)
        return OwnLog(self._logs.open(plan.id))

    def _discard(self, identity: str, life: Life) -> None:
        life.close(delete=True)
        self._logs.delete(identity)

    def _watch(self) -> None:
        while not self._closed:
            self._changed.clear()
            wait = self._begin_due()  # looks at all there is: what comes after the clearing ends the waiting
            if not self._closed:
                self._changed.wait(wait)

    def _begin_due(self) -> float:
        """Begin what is due; how many seconds to wait for the rest."""
        now, wait = self._clock.now(), _LONGEST_WAIT
        for identity, life in list(self._lives.items()):
            due = None if identity in self._busy else life.due()
            if due is None:
                continue
            if due > now:
                wait = min(wait, due - now)
                continue
            with self._lock:
                self._busy.add(identity)
            self._workers.submit(life.deliver).add_done_callback(partial(self._ended, identity))
        return wait

    def _ended(self, identity: str, future: Future[None]) -> None:
        if not future.cancelled() and (problem := future.exception()) is not None:
            log.error("delivery failed and is tried again in %g s", _BUG_SECONDS, exc_info=problem)
            timer = threading.Timer(_BUG_SECONDS, self._free, (identity,))
            timer.daemon = True
            timer.start()
            return
        self._free(identity)

    def _free(self, identity: str) -> None:
        with self._lock:
            self._busy.discard(identity)
        self.wake()
