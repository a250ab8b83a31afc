"""Work that goes on after the request was answered: one piece at a time, on one thread, until the server ends."""

import functools
import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


class Background:
    """Runs pieces of work by name. What must not be lost lies in records: whoever asks for work can ask again."""

    def __init__(self, name: str = "background") -> None:
        self._pool = ThreadPoolExecutor(1, name)  # its thread starts with the first piece of work
        self._lock = threading.Lock()
        self._waiting: set[Hashable] = set()
        self._timers: dict[Hashable, threading.Timer] = {}
        self._closed = False

    def run(self, name: Hashable, work: Callable[[], None]) -> None:
        """Run it soon. A name that is waiting already isn't queued twice; work that raises is tried again later."""
        with self._lock:
            if self._closed or name in self._waiting:
                return
            self._waiting.add(name)
            future = self._pool.submit(self._do, name, work)
        future.add_done_callback(functools.partial(self._look_at, name, work))

    def run_later(self, name: Hashable, work: Callable[[], None], seconds: float) -> None:
        """Run it in so many seconds; takes the place of a later run of this name that was asked for before."""
        timer = threading.Timer(seconds, self.run, (name, work))
        timer.daemon = True
        with self._lock:
            if self._closed:
                return
            if (before := self._timers.get(name)) is not None:
                before.cancel()
            self._timers[name] = timer
            timer.start()

    def close(self) -> None:
        """Finish the piece at hand and begin no other."""
        with self._lock:
            self._closed = True
            for timer in self._timers.values():
                timer.cancel()
        self._pool.shutdown(cancel_futures=True)

    def _do(self, name: Hashable, work: Callable[[], None]) -> None:
        with self._lock:
            self._waiting.discard(name)  # what happens from now on needs another run
        work()

    def _look_at(self, name: Hashable, work: Callable[[], None], future: "Future[None]") -> None:
        if future.cancelled() or (problem := future.exception()) is None:
            return
        log.error("%s failed and is tried again in %g s", name, RETRY_SECONDS, exc_info=problem)
        self.run_later(name, work, RETRY_SECONDS)
