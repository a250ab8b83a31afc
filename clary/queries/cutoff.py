"""The most bytes that a query may scan, watched while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

_LOOK_SECONDS = 0.02
_COUNTS = Path("/proc/self/io")


class Cutoff:
    """Ends a query that has scanned more than it may.

    What its files hold is known before it runs. Where that is more, it may still read less (LIMIT): then what counts
    is what the process has read since, as the kernel tells it; where it doesn't, what the files hold.
    """

    def __init__(self, most: int, held: int, passed: Callable[[], None]) -> None:
        """`held` are the bytes of the files; `passed` is called once, maybe on another thread."""
        self._most = most
        self._held = held
        self._passed = passed
        self._before = _read_bytes()
        self._ended = threading.Event()
        if 0 < most < held:
            threading.Thread(target=self._watch, daemon=True).start()

    def scanned(self) -> int:
        """The bytes scanned until now."""
        if not 0 < self._most < self._held or self._before is None:
            return self._held
        return min(self._held, (_read_bytes() or 0) - self._before)

    def end(self) -> bool:
        """Stop looking, for the query has ended; whether it scanned more than it may."""
        self._ended.set()
        return 0 < self._most < self.scanned()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            if self.scanned() > self._most:
                self._passed()
                return


def _read_bytes() -> int | None:
    """What this process has read in its life; None where the kernel doesn't count."""
    try:
        text = _COUNTS.read_text()
    except OSError:
        return None
    return int(text.partition("rchar: ")[2].partition("\n")[0])
