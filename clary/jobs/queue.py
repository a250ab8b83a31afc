"""Who may run now: first come, first served, by cores and memory."""

import threading
from collections import deque
from collections.abc import Callable

from clary.jobs.instances import Capacity


class Queue:
    """Shares the machine among jobs. Nobody overtakes, and nobody waits for more than the machine has."""

    def __init__(self, machine: Capacity) -> None:
        self._machine = machine
        self._free = machine
        self._lock = threading.Lock()
        self._closed = False
        self._granted: dict[str, Capacity] = {}
        self._waiting: deque[tuple[str, Capacity, Callable[[], None]]] = deque()

    def cap(self, wanted: Capacity) -> Capacity:
        """What a job gets: what it wants, at most all there is."""
        return Capacity(min(wanted.cores, self._machine.cores), min(wanted.memory_gib, self._machine.memory_gib))

    def enter(self, name: str, wanted: Capacity, begin: Callable[[], None]) -> bool:
        """Call `begin` once there is room, here and now where there is; False where the job has to wait."""
        with self._lock:
            self._waiting.append((name, self.cap(wanted), begin))
            starting = self._admit()
        for call in starting:
            call()
        return begin in starting

    def take(self, name: str, wanted: Capacity) -> None:
        """Count a job that runs already, whether there is room or not."""
        with self._lock:
            self._grant(name, self.cap(wanted))

    def withdraw(self, name: str) -> bool:
        """Take a job out that still waits; False when it doesn't."""
        with self._lock:
            before = len(self._waiting)
            self._waiting = deque(row for row in self._waiting if row[0] != name)
            withdrawn = len(self._waiting) < before
            starting = self._admit()
        for call in starting:
            call()
        return withdrawn

    def leave(self, name: str) -> None:
        """Give back what a job had."""
        with self._lock:
            had = self._granted.pop(name, Capacity(0, 0.0))
            self._free = Capacity(self._free.cores + had.cores, self._free.memory_gib + had.memory_gib)
            starting = self._admit()
        for call in starting:
            call()

    def close(self) -> None:
        """Admit nobody any more."""
        with self._lock:
            self._closed = True

    def _admit(self) -> list[Callable[[], None]]:
        starting = []
        while self._waiting and not self._closed:
            name, wanted, begin = self._waiting[0]
            if self._granted and not (
                wanted.cores <= self._free.cores and wanted.memory_gib <= self._free.memory_gib + 1e-6
            ):
                break
            self._waiting.popleft()
            self._grant(name, wanted)
            starting.append(begin)
        return starting

    def _grant(self, name: str, wanted: Capacity) -> None:
        self._granted[name] = wanted
        self._free = Capacity(self._free.cores - wanted.cores, self._free.memory_gib - wanted.memory_gib)
