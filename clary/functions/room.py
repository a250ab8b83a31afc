"""The functions room: the workers of all functions, as many as there are events at a time."""

import fcntl
import itertools
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clary.clock import Clock
from clary.config import Settings
from clary.functions.archive import Archives
from clary.functions.logbook import Logbook
from clary.functions.performance import perform
from clary.functions.queue import Queue
from clary.functions.spec import Event, FunctionHost, FunctionSpec, Outcome
from clary.functions.worker import Ground, Worker
from clary.sandbox import WarmParent, fresh_folders
from clary.store.records import Key
from clary.streams.tally import Tally

ACCOUNT_CONCURRENCY = 1000
_EVENTS_AT_ONCE, _READERS_AT_ONCE = 16, 64
_OLDEST_SECONDS = 6 * 3600.0  # its credentials last longer
_LOOK_SECONDS = 1.0


class Throttled(Exception):
    """As many events of the function, or of the account, are being handled as may be; `reason` is AWS's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Closing(Exception):
    """The server ends: whether the event was handled is not known."""


class Functions:
    """Invoke functions; safe from any thread."""

    def __init__(self, settings: Settings, clock: Clock, host: FunctionHost, warm: WarmParent, folder: Path) -> None:
        self.archives = Archives(folder)
        self.logbook = Logbook(host)
        self.tally = Tally()
        self.reserved: dict[str, int] = {}
        """The functions, by ARN, that only so many events may use at a time, and that have so many for themselves."""
        self.reserving = threading.Lock()
        """Held while that changes, here and in records."""
        self.threads = ThreadPoolExecutor(ACCOUNT_CONCURRENCY, "function")
        """Where events are waited for."""
        self.queue = Queue(clock, self.threads, _EVENTS_AT_ONCE)
        """Asynchronous events."""
        self.readings = Queue(clock, self.threads, _READERS_AT_ONCE)
        """Steps of readers of streams."""
        self.readers: dict[Key, Callable[[], None]] = {}
        """What wakes a reader, by where it is kept how far it has read."""
        workers = folder / "workers"
        self._sockets = fresh_folders(workers)
        self._sockets.chmod(0o755)  # the sandbox's user has to come to the sockets
        self._lock_file = os.open(self._sockets, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock_file, fcntl.LOCK_SH)  # systemd's cleaning of /tmp spares locked folders
        self._ground = Ground(settings, clock, host, warm, self.archives, self.logbook, workers, self._sockets)
        self._idle_seconds = settings.function_idle_seconds
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._idle: dict[str, list[Worker]] = {}
        self._busy: set[Worker] = set()
        self._current: dict[tuple[str, str], str] = {}  # the key of a version's latest spec
        self._running: dict[str, int] = {}
        self._closed = threading.Event()
        self._tidier = threading.Thread(target=self._tidy, name="idle functions", daemon=True)
        self._tidier.start()

    def invoke(self, spec: FunctionSpec, event: Event) -> Outcome:
        """Have an event handled, by a warm worker if one is free; raises Throttled, Closing, SandboxError."""
        self._enter(spec.arn)
        try:
            return self._perform(spec, event)
        finally:
            with self._lock:
                self._running[spec.arn] -= 1
                if not self._running[spec.arn]:
                    del self._running[spec.arn]

    def running(self, arn: str) -> int:
        """How many events a function is handling."""
        return self._running.get(arn, 0)

    def unreserved(self, arn: str) -> int:
        """How many events the functions of an ARN's account and region may handle that have no reserve."""
        return ACCOUNT_CONCURRENCY - sum(count for other, count in self.reserved.items() if _is_by(other, arn))

    def forget(self, arn: str, version: str = "") -> None:
        """End the workers of a function, or of one of its versions, as soon as they are idle."""
        with self._lock:
            for name in [name for name in self._current if name[0] == arn and version in ("", name[1])]:
                del self._current[name]
            found = [worker for workers in self._idle.values() for worker in workers if not self._is_current(worker)]
            self._let_go(found)
        for worker in found:
            worker.end()

    def archives_in_use(self) -> set[str]:
        """The archives that processes run."""
        with self._lock:
            workers = [*self._busy, *(worker for workers in self._idle.values() for worker in workers)]
            return {archive for worker in workers for archive in (worker.spec.code, *worker.spec.layers)}

    def close(self) -> None:
        """End all workers, events that are being handled with them; leaves no process behind."""
        self.queue.close()
        self.readings.close()
        self._closed.set()
        self._tidier.join()
        with self._lock:
            found = [worker for workers in self._idle.values() for worker in workers]
            self._idle.clear()
            busy = list(self._busy)
        for worker in busy:
            worker.kill()
        for worker in found:
            worker.end()
        self.threads.shutdown()
        self.logbook.close()
        os.close(self._lock_file)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _enter(self, arn: str) -> None:
        with self._lock:
            running = self._running.get(arn, 0)
            if arn in self.reserved:
                if running >= self.reserved[arn]:
                    raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            elif self._unreserved_running(arn) >= self.unreserved(arn):
                raise Throttled("ConcurrentInvocationLimitExceeded")
            self._running[arn] = running + 1

    def _unreserved_running(self, arn: str) -> int:
        shared = [count for other, count in self._running.items() if other not in self.reserved and _is_by(other, arn)]
        return sum(shared)

    def _perform(self, spec: FunctionSpec, event: Event) -> Outcome:
        worker, fresh = self._take(spec)
        usable = False
        try:
            outcome, usable = perform(worker, event, fresh=fresh)
            if self._closed.is_set() and not usable:
                raise Closing
            return outcome
        finally:
            self._give_back(worker, usable=usable)

    def _take(self, spec: FunctionSpec) -> tuple[Worker, bool]:
        """A worker, and whether it is a fresh one."""
        while True:
            with self._lock:
                if self._closed.is_set():
                    raise Closing
                self._current[spec.arn, spec.version] = spec.key
                idle = self._idle.get(spec.key)
                worker = idle.pop() if idle else Worker(self._ground, spec, next(self._numbers))
                self._busy.add(worker)
            if not worker.started or worker.alive():
                return worker, not worker.started
            self._give_back(worker, usable=False)

    def _give_back(self, worker: Worker, *, usable: bool) -> None:
        worker.idle_since = time.monotonic()
        with self._lock:
            self._busy.discard(worker)
            keep = usable and self._is_current(worker) and not self._closed.is_set()
            if keep:
                self._idle.setdefault(worker.spec.key, []).append(worker)
        if not keep:
            worker.end()

    def _is_current(self, worker: Worker) -> bool:
        return self._current.get((worker.spec.arn, worker.spec.version)) == worker.spec.key

    def _let_go(self, workers: list[Worker]) -> None:
        for worker in workers:
            self._idle[worker.spec.key].remove(worker)
            if not self._idle[worker.spec.key]:
                del self._idle[worker.spec.key]

    def _tidy(self) -> None:
        """End workers that were idle for long, are old, have ended by themselves, or run what is no longer there."""
        while not self._closed.wait(_LOOK_SECONDS):
            now = time.monotonic()
            with self._lock:
                found = [
                    worker
                    for workers in self._idle.values()
                    for worker in workers
                    if now - worker.idle_since > self._idle_seconds
                    or now - worker.born > _OLDEST_SECONDS
                    or not worker.alive()
                    or not self._is_current(worker)
                ]
                self._let_go(found)
            for worker in found:
                worker.end()


def _is_by(one: str, other: str) -> bool:
    """Whether two functions have the same region and account."""
    return one.split(":")[3:5] == other.split(":")[3:5]
