"""Who may run now, by cores and memory: first come, first served, and spot jobs only where others leave room."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from clary.jobs.instances import Capacity

Interrupt = Callable[[], bool]
"""Asks a running job to go; False where it ends by itself already."""


class Turn(NamedTuple):
    """A job in the queue, or one that runs."""

    name: str
    wanted: Capacity
    begin: Callable[[], None]
    interrupt: Interrupt | None
    """Of a spot job."""


class Queue:
    """Shares the machine among jobs. Nobody overtakes his like, and nobody waits for more than the machine has."""

    def __init__(self, machine: Capacity) -> None:
        self._machine = machine
        self._free = machine
        self._lock = threading.Lock()
        self._closed = False
        self._granted: dict[str, Turn] = {}
        self._going: set[str] = set()  # spot jobs that were asked to go
        self._waiting: list[Turn] = []

    def cap(self, wanted: Capacity) -> Capacity:
        """What a job gets: what it wants, at most all there is."""
        return Capacity(min(wanted.cores, self._machine.cores), min(wanted.memory_gib, self._machine.memory_gib))

    def enter(self, name: str, wanted: Capacity, begin: Callable[[], None], interrupt: Interrupt | None = None) -> bool:
        """Call `begin` once there is room, here and now where there is; False where the job has to wait."""
        turn = Turn(name, self.cap(wanted), begin, interrupt)
        with self._lock:
            spot = [place for place, other in enumerate(self._waiting) if other.interrupt]
            self._waiting.insert(spot[0] if spot and not interrupt else len(self._waiting), turn)
            admitted = self._admit()
        self._start(admitted)
        return turn in admitted

    def take(self, name: str, wanted: Capacity, interrupt: Interrupt | None = None) -> None:
        """Count a job that runs already, whether there is room or not."""
        with self._lock:
            self._grant(Turn(name, self.cap(wanted), lambda: None, interrupt))

    def withdraw(self, name: str) -> bool:
        """Take a job out that still waits; False when it doesn't."""
        with self._lock:
            before = len(self._waiting)
            self._waiting = [turn for turn in self._waiting if turn.name != name]
            withdrawn = len(self._waiting) < before
            admitted = self._admit()
        self._start(admitted)
        return withdrawn

    def leave(self, name: str) -> None:
        """Give back what a job had."""
        with self._lock:
            had = self._granted.pop(name, None)
            self._going.discard(name)
            if had:
                self._free = _sum(self._free, had.wanted)
            admitted = self._admit()
        self._start(admitted)

    def close(self) -> None:
        """Admit nobody any more."""
        with self._lock:
            self._closed = True

    def _admit(self) -> list[Turn]:
        admitted = []
        while self._waiting and not self._closed:
            if self._granted and not _fits(self._waiting[0].wanted, self._free):
                break
            admitted.append(self._waiting.pop(0))
            self._grant(admitted[-1])
        return admitted

    def _grant(self, turn: Turn) -> None:
        self._granted[turn.name] = turn
        self._free = Capacity(self._free.cores - turn.wanted.cores, self._free.memory_gib - turn.wanted.memory_gib)

    def _start(self, admitted: list[Turn]) -> None:
        """Begin those that have room, and see that spot jobs leave theirs to who still waits."""
        for turn in admitted:
            turn.begin()
        with self._lock:
            going = self._choose_spot_jobs()
            self._going.update(turn.name for turn in going)
        for turn in going:
            if turn.interrupt and not turn.interrupt():
                with self._lock:
                    self._going.discard(turn.name)

    def _choose_spot_jobs(self) -> list[Turn]:
        """Those that must go for the first in the line, the youngest first; none where that would not be enough."""
        if self._closed or not self._waiting or self._waiting[0].interrupt:
            return []
        free, chosen = self._free, []
        wanted = self._waiting[0].wanted
        for turn in [turn for turn in self._granted.values() if turn.name in self._going]:
            free = _sum(free, turn.wanted)
        for turn in reversed(self._granted.values()):
            if turn.interrupt and turn.name not in self._going and not _fits(wanted, free):
                free = _sum(free, turn.wanted)
                chosen.append(turn)
        return chosen if _fits(wanted, free) else []


def _fits(wanted: Capacity, free: Capacity) -> bool:
    return wanted.cores <= free.cores and wanted.memory_gib <= free.memory_gib + 1e-6


def _sum(one: Capacity, other: Capacity) -> Capacity:
    return Capacity(one.cores + other.cores, one.memory_gib + other.memory_gib)
