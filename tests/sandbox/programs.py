"""What the tests run in sandboxes and in forks of the warm parent."""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from clary.sandbox import Program, run


def run_program(argument: dict[str, Any]) -> int:
    """Run a program given as a dict."""
    return run(msgspec.convert(argument, Program))


def sleep(argument: dict[str, Any]) -> None:
    Path(argument["mark"]).touch()
    time.sleep(argument.get("seconds", 60))


def fail(argument: dict[str, Any]) -> None:
    raise RuntimeError("as it must")


def leave(argument: dict[str, Any]) -> None:
    sys.exit(argument["status"])


def describe(argument: dict[str, Any]) -> None:
    """What a fork has of its parent: written as JSON."""
    found = {
        "files": sorted(path.name for path in Path("/proc/self/fd").iterdir()),
        "handlers": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
        "random": random.random(),
        "session": os.getsid(0) == os.getpid(),
        "environment": dict(os.environ),
    }
    Path(argument["target"]).write_bytes(msgspec.json.encode(found))


def hello(arguments: list[str]) -> int:
    """An entry with warm imports."""
    print("hello", *arguments, os.environ.get("GREETING"), sorted(os.environ))
    return 5


def count_threads(arguments: list[str]) -> None:
    """How many threads a matrix product starts."""
    import numpy as np

    square = np.ones((800, 800))
    square @ square
    print(len(list(Path("/proc/self/task").iterdir())))


def fill_memory(arguments: list[str]) -> None:
    bytearray(900 << 20)
