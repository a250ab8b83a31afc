"""Limits of a program's own, and the state a fork must not share: threads, random numbers, files, signals."""

import gc
import os
import random
import resource
import signal
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_SHARE_OF_OOM = 300  # when memory ends the kernel takes a job before the server

_pools: Any = None  # threadpoolctl's view of the loaded libraries: 20 ms, spent once before the forks


def limit_memory(size: int, *, replaced: bool = False) -> None:
    """Bound the private memory of this process and of each of its children, beyond what it has now.

    What a process has that is to be `replaced` by a program goes at that moment, so that it isn't counted.
    """
    if size:
        _lower(resource.RLIMIT_DATA, size if replaced else size + _private_memory())


def limit_processes(count: int) -> None:
    """Bound the processes and threads of this sandbox's user."""
    if count:
        _lower(resource.RLIMIT_NPROC, count)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _private_memory() -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
    except FileNotFoundError:  # macOS
        return 0


def offer_to_oom_killer() -> None:
    """Let the kernel end this process before the server when the machine runs out of memory."""
    with suppress(OSError):  # a score that was higher already
        Path("/proc/self/oom_score_adj").write_text(str(_SHARE_OF_OOM))


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_variables(threads: int) -> dict[str, str]:
    """What libraries that are loaded later, or in a program that is exec'd, read."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads or available_cores()))


def find_thread_pools() -> None:
    """Note which thread pools the loaded libraries have, for `set_threads` after a fork."""
    global _pools
    if "numpy" in sys.modules:
        import threadpoolctl  # type: ignore[import-untyped]

        _pools = threadpoolctl.ThreadpoolController()


def set_threads(threads: int) -> None:
    """How many threads the libraries that are loaded already may start (OpenBLAS, OpenMP, numba)."""
    threads = threads or available_cores()
    if _pools is not None:
        _pools.limit(limits=threads)
    if "numba" in sys.modules:
        sys.modules["numba"].config.NUMBA_NUM_THREADS = threads
        parallel: Any = sys.modules["numba.np.ufunc.parallel"]
        parallel.NUM_THREADS = threads
        parallel.snt_check = parallel.gen_snt_check()  # by which set_num_threads knows the most


def renew_random_numbers() -> None:
    """Forks of one process would all draw the same numbers."""
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def close_files(keep: Collection[int] = ()) -> None:
    """Close every file but the standard ones and those to keep."""
    for path in list(Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd").iterdir()):
        number = int(path.name)
        if number > 2 and number not in keep:
            with suppress(OSError):  # the listing's own
                os.close(number)


def reset_signals(*, python: bool) -> None:
    """The handlers that a new program has, or a new Python; nothing blocked."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with suppress(OSError, ValueError):  # some are libc's own
            signal.signal(number, signal.SIG_DFL)
    if python:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # come as errors of the write
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def prepare_for_forks() -> None:
    """Keep the collector from touching, and so copying, every page that forks share."""
    gc.collect()
    gc.freeze()
