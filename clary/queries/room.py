"""The room of queries: those that run, those that wait, and the folders of those that ended."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from clary.clock import Clock
from clary.config import Settings
from clary.queries.child import end_leftover
from clary.queries.desk import Desk
from clary.queries.life import Life
from clary.queries.spares import Spares
from clary.queries.spec import Outcome, QuerySpec
from clary.sandbox import WarmParent

_log = logging.getLogger(__name__)

Ended = Callable[[Outcome], None]
Began = Callable[[], None]


class Queries:
    """All queries that have not ended; `settings.query_slots` of them run at once, the others wait. Thread-safe.

    A query's folder stays after its end, with the files that its outcome names, until `discard`.
    """

    def __init__(self, settings: Settings, clock: Clock, desk: Desk, warm: WarmParent, folder: Path) -> None:
        self._settings = settings
        self._clock = clock
        self._desk = desk
        self._folder = folder
        self._spares = Spares(warm, folder, _share_of_memory(settings))
        self._lock = threading.Lock()
        self._lives: dict[str, tuple[Life, Future[Outcome]]] = {}
        self._pool = ThreadPoolExecutor(settings.query_slots, thread_name_prefix="query")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def start(self, spec: QuerySpec, ended: Ended, began: Began = lambda: None) -> None:
        """Run a query when its turn comes: `began` is called then, `ended` once in any case, on a thread of ours."""
        spec.memory_bytes = spec.memory_bytes or _share_of_memory(self._settings)
        spec.submitted = spec.submitted or self._clock.now()
        life = Life(spec, self._desk, self._spares, self._folder / spec.id)
        with self._lock:
            future = self._pool.submit(_run, life, began, time.monotonic())
            self._lives[spec.id] = life, future
        future.add_done_callback(partial(self._end, spec.id, ended))

    def cancel(self, id: str) -> bool:  # noqa: A002 - the interface's name
        """End a query, whether it runs or waits; False where it has ended already."""
        with self._lock:
            life, future = self._lives.get(id, (None, None))
        if life is None or future is None:
            return False
        if not future.cancel():
            life.cancel()
        return True

    def discard(self, id: str) -> None:  # noqa: A002
        """Remove the folder of a query that has ended."""
        shutil.rmtree(self._folder / id, ignore_errors=True)

    def counts(self) -> tuple[int, int]:
        """How many queries run, and how many wait."""
        with self._lock:
            futures = [future for _, future in self._lives.values()]
        running = sum(future.running() for future in futures)
        return running, len(futures) - running

    def recover(self, keep: Collection[str] = ()) -> None:
        """After a server that was killed: end its processes, remove the folders of all queries but those to keep."""
        for folder in self._folder.iterdir():
            end_leftover(folder)
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Cancel everything; returns when each query's `ended` has been called and no process is left."""
        with self._lock:
            lives = list(self._lives)
        for id_ in reversed(lives):  # those that wait first, or they would begin
            self.cancel(id_)
        self._pool.shutdown(wait=True)
        self._spares.close()

    def _end(self, id: str, ended: Ended, future: Future[Outcome]) -> None:  # noqa: A002
        with self._lock:
            del self._lives[id]
        try:
            outcome = future.result()
        except CancelledError:
            outcome = Outcome(ok=False, error_kind="CANCELLED", message="Query was cancelled before it began")
        except BaseException as error:  # noqa: BLE001 - a bug, which must not leave the query running for ever
            _log.error("query %s", id, exc_info=error)
            outcome = Outcome(ok=False, error_kind="SYSTEM", message=f"GENERIC_INTERNAL_ERROR: {error}")
        ended(outcome)
        self._spares.prepare()


def _run(life: Life, began: Began, entered: float) -> Outcome:
    waited = time.monotonic() - entered
    outcome = life.run(began)
    outcome.queue_ms = int(waited * 1000)
    return outcome


def _share_of_memory(settings: Settings) -> int:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(settings.query_memory_gib * (1 << 30)) or machine * 4 // 5 // settings.query_slots
