"""Kernels that numba has compiled: kept in one folder, filled outside of sandboxes only, copied into each sandbox.

What numba keeps is pickled, so no sandbox may write what another process reads. A preloaded module offers its kernels
by a function `compile_kernels()`, which runs each of them once on a little data.

`main` fills the folder now, as `make test` does; a server does so when it starts, in the background.
"""

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from clary.config import load_settings

VARIABLE = "NUMBA_CACHE_DIR"  # read by numba when it is imported


def kernel_folder() -> str:
    """Where this process and its forks look for compiled kernels; "" for nowhere."""
    return os.environ.get(VARIABLE, "")


def offers_of(modules: Sequence[str]) -> list[Callable[[], None]]:
    """The functions by which modules offer their kernels."""
    return [
        vars(sys.modules[name])["compile_kernels"] for name in modules if hasattr(sys.modules[name], "compile_kernels")
    ]


def fill(offers: Sequence[Callable[[], None]]) -> None:
    """Compile what is not in the folder yet; other work goes first."""
    os.nice(10)
    for offer in offers:
        offer()


def copy_kernels(folder: Path) -> None:
    """A sandbox's own copy: what it compiles itself ends with it."""
    shutil.rmtree(folder, ignore_errors=True)
    if Path(kernel_folder()).is_dir():
        shutil.copytree(kernel_folder(), folder)
    else:
        folder.mkdir()


def main(*modules: str) -> None:
    """Import modules and compile the kernels that they offer into the user's folder."""
    folder = load_settings().kernels_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    for name in modules:
        importlib.import_module(name)
    fill(offers_of(modules))
