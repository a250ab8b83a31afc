"""The process that waits for the next query: in its sandbox, with its DuckDB open, told of no query yet.

Starting one takes longer than most queries do. Each still takes one query and ends with it.
"""

import logging
import shutil
import threading
import uuid
from concurrent.futures import Future
from pathlib import Path

from clary.queries.child import Child
from clary.sandbox import SandboxError, WarmParent

_log = logging.getLogger(__name__)

PREFIX = "spare-"  # of their folders, which no query's id has
_IDLE_SECONDS = 600.0
_READY_SECONDS = 60.0


class Spares:
    """At most one process, from the end of a query until the next takes it or none came for long. Thread-safe."""

    def __init__(self, warm: WarmParent, folder: Path, memory_bytes: int) -> None:
        self._warm = warm
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._spare: Future[Child | None] | None = None
        self._timer: threading.Timer | None = None
        self._closed = False

    def take(self, folder: Path, memory_bytes: int) -> Child:
        """The process that waits or comes up, its folder moved to this one; a new one where none does, or not so."""
        spare = self._pop() if memory_bytes == self._memory_bytes else None
        if spare is not None:
            if not spare.has_ended():
                spare.move(folder)
                return spare
            _remove(spare)
        return Child(self._warm, folder, memory_bytes)

    def prepare(self) -> None:
        """Start one, unless one is there; doesn't wait for it."""
        with self._lock:
            if self._closed or self._spare is not None:
                return
            self._spare = Future()
            threading.Thread(target=self._start, args=(self._spare,), name="spare query process", daemon=True).start()
            self._timer = threading.Timer(_IDLE_SECONDS, self.expire)
            self._timer.daemon = True
            self._timer.start()

    def expire(self) -> None:
        """End the one that waits."""
        spare = self._pop()
        if spare is not None:
            _remove(spare)

    def close(self) -> None:
        """End the one that waits, and start no other."""
        with self._lock:
            self._closed = True
        self.expire()

    def _pop(self) -> Child | None:
        """The one that waits, or that comes up: that is sooner there than another would be."""
        with self._lock:
            spare, self._spare = self._spare, None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        return None if spare is None else spare.result()

    def _start(self, spare: Future[Child | None]) -> None:
        child = None
        try:
            if self._warm.namespaces:  # without a root of its own it would see that its folder moves
                child = self._started()
        except (SandboxError, OSError) as problem:  # then the next query starts its own, or tells why it can't
            _log.warning("no process waits for the next query: %s", problem)
        finally:
            spare.set_result(child)

    def _started(self) -> Child:
        child = Child(self._warm, self._folder / f"{PREFIX}{uuid.uuid4()}", self._memory_bytes)
        try:
            child.start()
            if not child.wait_for(child.listener, _READY_SECONDS):
                raise SandboxError(child.last_words().strip() or "it did not come up")
            child.accept()
        except BaseException:
            _remove(child)
            raise
        return child


def _remove(child: Child) -> None:
    child.end()
    shutil.rmtree(child.folder, ignore_errors=True)
