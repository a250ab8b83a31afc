"""A module that offers a compiled kernel."""

from pathlib import Path

import numba


@numba.njit(cache=True, parallel=True)
def add_up(count):
    total = 0
    for number in numba.prange(count):
        total += number
    return total


def compile_kernels() -> None:
    add_up(10)


def main(arguments: list[str]) -> None:
    """Prints the sum, and whether the kernel was found compiled."""
    total = add_up(1000)
    print(total, sum(add_up.stats.cache_hits.values()), len(list(Path("/proc/self/task").iterdir())) > 1)
