"""Work that waits for its time: done by a few threads, again later where it says so."""

import functools
import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future

from clary.clock import Clock

log = logging.getLogger("clary.functions")

_LOOK_SECONDS = 0.5  # the clock may be moved
_AFTER_A_BUG_SECONDS = 60.0

Work = Callable[[], float | None]
"""Does it; when to do it again in epoch seconds, None for never."""


class Queue:
    """Pieces of work by their time. What must not be lost lies in records: it is added again after a restart."""

    def __init__(self, clock: Clock, threads: Executor, at_once: int) -> None:
        self._clock = clock
        self._threads = threads
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Work]] = []
        self._numbers = itertools.count()
        self._at_work = 0
        self._at_once = at_once
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="function queue", daemon=True)
        self._thread.start()

    def add(self, work: Work, due: float = 0.0) -> None:
        """Have it done at a time (epoch seconds), or soon."""
        with self._changed:
            heapq.heappush(self._waiting, (due, next(self._numbers), work))
            self._changed.notify_all()

    def size(self) -> int:
        """How many pieces wait or are being done."""
        return len(self._waiting) + self._at_work

    def close(self) -> None:
        """Begin nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._is_due(), _LOOK_SECONDS)
                if self._closed:
                    return
                if not self._is_due():
                    continue
                _, _, work = heapq.heappop(self._waiting)
                self._at_work += 1
                future = self._threads.submit(work)
            future.add_done_callback(functools.partial(self._done, work))

    def _is_due(self) -> bool:
        return self._at_work < self._at_once and bool(self._waiting) and self._waiting[0][0] <= self._clock.now()

    def _done(self, work: Work, future: "Future[float | None]") -> None:
        again = None
        if not future.cancelled():
            problem = future.exception()
            if problem:
                log.error("an event failed inside Clary and is tried again later", exc_info=problem)
            again = self._clock.now() + _AFTER_A_BUG_SECONDS if problem else future.result()
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()
        if again is not None:
            self.add(work, again)
