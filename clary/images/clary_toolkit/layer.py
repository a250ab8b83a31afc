"""A thin virtual environment above the managed one, which is read-only: what pip installs for one job goes there."""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

VARIABLE = "VIRTUAL_ENV"


def enter() -> str:
    """Make the layer and put it first on PATH; its interpreter."""
    folder = Path(tempfile.gettempdir(), "environment")
    if not folder.exists():
        _make(folder)
    binaries = folder / "bin"
    path = os.environ.get("PATH", os.defpath)
    if not path.startswith(f"{binaries}:"):
        os.environ["PATH"] = f"{binaries}:{path}"
    os.environ[VARIABLE] = str(folder)
    return str(binaries / "python3")


def is_inside() -> bool:
    """Whether this interpreter is the layer's."""
    return Path(sys.prefix) == Path(os.environ[VARIABLE])


def _make(folder: Path) -> None:
    """What `venv` would make, and a line that lets it see the packages of the environment below."""
    binaries = folder / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "python3", f"python3.{sys.version_info.minor}"):
        (binaries / name).symlink_to(os.path.realpath(sys.executable))
    configuration = (Path(sys.prefix) / "pyvenv.cfg").read_text()
    (folder / "pyvenv.cfg").write_text(configuration)
    below = sysconfig.get_path("purelib")
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    packages.mkdir(parents=True)
    (packages / "environment_below.pth").write_text(f"import site; site.addsitedir({below!r})\n")
    _copy_scripts(binaries)


def _copy_scripts(binaries: Path) -> None:
    """The scripts of the environment's packages (pip, torchrun), run by the layer's interpreter."""
    for script in (Path(sys.prefix) / "bin").iterdir():
        if not script.is_file() or (binaries / script.name).exists():
            continue
        head, newline, rest = script.read_bytes().partition(b"\n")
        if head.startswith(b"#!") and sys.prefix.encode() in head:
            copy = binaries / script.name
            copy.write_bytes(b"#!" + os.fsencode(binaries / "python3") + newline + rest)
            copy.chmod(0o755)
