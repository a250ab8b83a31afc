"""The room of crawls: a few run at once, each on a thread of its own with a process that looks at its files."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from clary.sandbox import WarmParent
from clary.tables.classify_file import Classifier
from clary.tables.infer_process import Inspector, Stopped, clear_leftovers

_AT_ONCE = 4

Ended = Callable[[BaseException | None], None]


class Crawl:
    """One crawl as its work sees it."""

    def __init__(self, warm: WarmParent, folder: Path) -> None:
        self._warm = warm
        self._folder = folder
        self._inspector: Inspector | None = None
        self._stopped = threading.Event()

    @contextmanager
    def inspector(self, classifiers: Sequence[Classifier]) -> Iterator[Inspector]:
        """An inspector of files that ends with the block, or when the crawl is stopped."""
        self._inspector = inspector = Inspector(self._warm, self._folder, classifiers)
        try:
            self.check()
            yield inspector
        finally:
            inspector.close()

    def check(self) -> None:
        """Raise Stopped where the crawl is to end: the work calls it between its steps."""
        if self._stopped.is_set():
            raise Stopped

    def stop(self) -> None:
        """Have it end soon."""
        self._stopped.set()
        if self._inspector is not None:
            self._inspector.stop()


class Crawls:
    """The crawls that run or wait for their turn, by name. Thread-safe."""

    def __init__(self, warm: WarmParent, folder: Path) -> None:
        clear_leftovers(folder)
        self._warm = warm
        self._folder = folder
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="crawl")
        self._lock = threading.Lock()
        self._crawls: dict[Hashable, Crawl] = {}
        self._numbers = itertools.count()
        self.closed = False

    def start(self, name: Hashable, work: Callable[[Crawl], None], ended: Ended) -> None:
        """Do the work on another thread when its turn comes; then `ended` is called there with what the work raised."""
        with self._lock:
            crawl = Crawl(self._warm, self._folder / str(next(self._numbers)))
            self._crawls[name] = crawl
            future = self._pool.submit(work, crawl)
        future.add_done_callback(partial(self._end, name, ended))

    def stop(self, name: Hashable) -> bool:
        """Have a crawl end soon; False where none of that name runs."""
        with self._lock:
            crawl = self._crawls.get(name)
        if crawl is not None:
            crawl.stop()
        return crawl is not None

    def close(self) -> None:
        """End all; returns when `ended` of each was called."""
        with self._lock:
            self.closed = True
            crawls = list(self._crawls.values())
        for crawl in crawls:
            crawl.stop()
        self._pool.shutdown(wait=True)

    def _end(self, name: Hashable, ended: Ended, future: Future[None]) -> None:
        with self._lock:
            self._crawls.pop(name, None)
        ended(future.exception())
