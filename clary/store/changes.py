"""Wakes the requests, and the work, that wait for a record to change."""

import asyncio
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress

from clary.store.records import Key


class Watch:
    """One waiter on the event loop; remembers a change that comes before it waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """True as soon as the record has changed since the last wait, False when the time is up."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def wake(self) -> None:
        """Let the waiter go on; from any thread."""
        with suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._changed.set)


class Changes:
    """Who waits for which record."""

    def __init__(self) -> None:
        self._watches: dict[Key, set[Watch]] = {}
        self._calls: dict[Key, dict[Hashable, Callable[[], None]]] = {}
        self._lock = threading.Lock()

    def notify(self, key: Key) -> None:
        """Wake everyone who waits for this record; call it after the change is stored, from any thread."""
        with self._lock:
            watches = tuple(self._watches.get(key, ()))
            calls = self._calls.pop(key, {})
        for watch in watches:
            watch.wake()
        for call in calls.values():
            call()

    def call_once(self, key: Key, name: Hashable, call: Callable[[], None]) -> None:
        """Have something called, quickly, at the next change of a record; a name that waits already is not added."""
        with self._lock:
            self._calls.setdefault(key, {}).setdefault(name, call)

    @contextmanager
    def watch(self, key: Key) -> Iterator[Watch]:
        """Watch a record from now on: read it inside the block, then wait, and no change between is missed."""
        watch = Watch(asyncio.get_running_loop())
        with self._lock:
            self._watches.setdefault(key, set()).add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._watches[key].discard(watch)
                if not self._watches[key]:
                    del self._watches[key]

    async def wait(self, key: Key, seconds: float) -> bool:
        """Wait for the next change of a record; False when the time is up first."""
        with self.watch(key) as watch:
            return await watch.wait(seconds)
