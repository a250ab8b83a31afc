"""How the end of a program becomes a FailureReason, in SageMaker's words."""

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from clary.jobs.plan import FeedPlan
from clary.jobs.written import read_beginning

REASON_MAX = 1024
INTERNAL = "InternalServerError: We encountered an internal error. Please try again."
OUT_OF_MEMORY = (
    "Please use an instance type with more memory, or reduce the size of training data processed on an instance."
)
DISK_FULL = "No space left on device: the disk that holds the job's folder is full."
NEARLY_FULL = 1 << 20
KINDS = ("AlgorithmError:", "ClientError:", "InternalServerError:")


def word_failure(ml: Path, status: int, feeds: Sequence[FeedPlan] = (), host: str = "") -> str:
    """Why a host failed: its output/failure, or what its exit status says; `host` where there are several."""
    reason = read_failure(ml) or _guess(ml, status)
    for feed in feeds:
        if pipe := re.search(rf"\b{re.escape(feed.channel)}_(\d+)\b", reason):
            reason = f"{reason[: pipe.end()]} ({feed.objects(int(pipe[1]))}){reason[pipe.end() :]}"
    kind = next((kind for kind in KINDS if reason.startswith(kind)), "")
    reason = reason[len(kind) :].strip()
    who = f"{host}: " if host else ""
    head, tail = f"{kind or KINDS[0]} {who}", f", exit code: {status}"
    return head + reason[: REASON_MAX - len(head) - len(tail)] + tail


def read_failure(ml: Path) -> str:
    """The first 1024 characters of output/failure; empty where there is no such file."""
    return read_beginning(ml, "output/failure", 4 * REASON_MAX).decode(errors="replace")[:REASON_MAX].strip()


def is_full(folder: Path) -> bool:
    """Whether the disk under a folder has next to nothing left."""
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize < NEARLY_FULL


def _guess(ml: Path, status: int) -> str:
    if is_full(ml):
        return DISK_FULL
    if status == 128 + signal.SIGKILL:
        return OUT_OF_MEMORY
    if 128 < status < 128 + signal.NSIG:
        return f"the program was ended by {signal.Signals(status - 128).name}"
    return ""
