"""Whether the kernel lets us build sandboxes."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import clary
from clary.sandbox import kernel


@functools.cache
def namespaces_available() -> bool:
    """Whether programs run in namespaces here; tried once, in a process of its own (this one may have threads)."""
    if not kernel.is_supported():
        return False
    command = [sys.executable, "-P", "-m", "clary.sandbox.trial"]
    trial = subprocess.run(command, env=python_environment(), capture_output=True, timeout=60, check=False)  # noqa: S603
    return trial.returncode == 0


def python_environment() -> dict[str, str]:
    """The environment of a Python that can import this clary: what finds libraries, and nothing else of ours."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    paths = [str(Path(clary.__file__).parent.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
