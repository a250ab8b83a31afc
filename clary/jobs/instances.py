"""What an instance type has, so that a job asks this machine for as much as it would get on AWS."""

import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from clary.config import Settings

_GIB_PER_CORE = {"t": 4.0, "m": 4.0, "c": 2.0, "r": 8.0, "x": 16.0, "p": 8.0, "g": 4.0, "trn": 4.0, "inf": 4.0}
_CORES = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4, "metal": 96}
_OTHER = 4.0


class Capacity(NamedTuple):
    """Cores and memory."""

    cores: int
    memory_gib: float


def capacity_of(instance_type: str) -> Capacity:
    """Cores and memory of an instance type such as ml.m5.xlarge, by its family and size."""
    _, _, rest = instance_type.partition("ml.")
    family, _, size = (rest or instance_type).partition(".")
    times = re.fullmatch(r"(\d+)xlarge", size)
    cores = 4 * int(times[1]) if times else _CORES.get(size, 4)
    letters = re.match(r"[a-z]*", family)
    return Capacity(cores, cores * _GIB_PER_CORE.get(letters.group() if letters else "", _OTHER))


def machine_capacity(settings: "Settings") -> Capacity:
    """What all running jobs may share here."""
    cores = settings.job_cores or _available_cores()
    memory = settings.job_memory_gib or 0.8 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return Capacity(cores, memory)


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
