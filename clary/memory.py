"""Memory that a server has freed: kept for the next answer, since the system clears every page it gives anew."""

import ctypes
import threading
import time

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # mallopt's names for what it sets
_KEPT = 32 * 1024 * 1024
_LARGE = 1024 * 1024  # what is as large is a mapping of its own, and given back at once
_ARENAS = 4
_SECONDS = 5.0


def keep_freed_memory(seconds: float = _SECONDS) -> None:
    """Let glibc keep 32 MiB in each of four arenas, and empty them every few seconds; others do as they do."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):  # macOS, musl
        return
    libc.mallopt(_TRIM_THRESHOLD, _KEPT)
    libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    libc.mallopt(_ARENA_MAX, _ARENAS)
    threading.Thread(target=_give_back, args=(libc, seconds), name="memory", daemon=True).start()


def _give_back(libc: ctypes.CDLL, seconds: float) -> None:
    while True:
        time.sleep(seconds)
        libc.malloc_trim(0)
