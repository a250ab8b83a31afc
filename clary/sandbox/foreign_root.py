"""A folder with a root file system of its own (an unpacked image), seen read-only in place of this machine's system."""

import os
from pathlib import Path

from clary.sandbox import kernel
from clary.sandbox.program import SandboxError

_OURS = ("tmp", "proc", "dev", "sys", "run")
"""What the sandbox makes itself."""
_OPENED = ("etc", "opt")
"""Where it adds something: shown one by one."""
_WRITTEN = ("hosts", "hostname", "resolv.conf", "passwd", "group", "mtab")
"""What it writes itself into /etc."""


def show(folder: str, root: Path) -> None:
    """Make all that lies in the folder visible below the root, which is a folder in memory."""
    if not Path(folder).is_dir():
        raise SandboxError(f"the root file system {folder} is not there")
    for name in sorted(os.listdir(folder)):  # noqa: PTH208
        if name in _OURS:
            continue
        if name in _OPENED and Path(folder, name).is_dir():
            (root / name).mkdir()
            for below in sorted(os.listdir(Path(folder, name))):  # noqa: PTH208
                if below not in _WRITTEN and f"{name}/{below}" != "opt/ml":
                    _show(Path(folder, name, below), root / name / below)
        else:
            _show(Path(folder, name), root / name)


def text_of(folder: str, name: str) -> str:
    """A file of its /etc, whose last line ends; empty where there is none, or it is a link that may lead outside."""
    path = Path(folder, "etc", name)
    if not folder or path.is_symlink() or not path.is_file():
        return ""
    text = path.read_text(errors="replace")
    return text if text.endswith("\n") or not text else text + "\n"


def _show(source: Path, place: Path) -> None:
    if source.is_symlink():
        place.symlink_to(os.readlink(source))  # noqa: PTH115
        return
    if source.is_dir():
        place.mkdir()
    elif source.is_file():
        place.touch()
    else:
        return  # a device or a socket
    kernel.bind(str(source), str(place), writable=False)
