"""The root of a sandbox: the system and the Python environment read-only, a private /tmp, the program's own mounts."""

import functools
import os
import site
import sys
from pathlib import Path

import clary
from clary.sandbox import compiled, foreign_root, kernel
from clary.sandbox.program import Program, SandboxError

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_SETTINGS = (
    *("alternatives", "ca-certificates", "crypto-policies", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime"),
    *("mime.types", "nsswitch.conf", "pki", "protocols", "services", "ssl", "timezone"),
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}

hidden: list[str] = []  # never visible, even where the system or the environment lies around them: the data folder


@functools.cache
def visible_paths() -> tuple[str, ...]:
    """The folders of the system and of this Python that every sandbox sees, outer ones first."""
    package = str(Path(clary.__file__).parent)
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    libraries = {*site.getsitepackages(), site.getusersitepackages(), *os.environ.get("PYTHONPATH", "").split(":")}
    wanted = {path for path in (*prefixes, *libraries, package) if path.startswith("/") and not _too_wide(path)}
    wanted |= {os.path.realpath(path) for path in wanted}
    paths: list[str] = [path for path in _SYSTEM if Path(path).exists()]
    for path in sorted(wanted, key=len):
        if Path(path).exists() and not any(_lies_in(path, outer) for outer in paths):
            paths.append(path)
    return tuple(paths)


def build_root(program: Program, user: int, group: int) -> str:
    """Mount everything below a folder that is to become the root; returns the folder."""
    root = Path(program.folder, "root")
    kernel.mount("none", "/", flags=kernel.MS_RECURSIVE | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", str(root), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=4m")
    _bind(str(Path(program.folder, "tmp")), root, "/tmp", writable=True)  # noqa: S108
    if program.root:
        foreign_root.show(program.root, root)
    else:
        _show_system(program, root)
    _write_settings(program, root, user, group)
    _make_devices(root)
    if has_kernels(program):
        _bind(kernels_of(program), root, compiled.kernel_folder(), writable=True)
    for mount in program.mounts:
        _bind(mount.source, root, mount.target, writable=mount.writable)
    (root / "proc").mkdir()
    kernel.mount("proc", str(root / "proc"), "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_READ_ONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("none", str(root), flags=flags)
    return str(root)


def _show_system(program: Program, root: Path) -> None:
    for path in visible_paths():  # after /tmp, where an environment may lie
        _show(path, root)
    for path in (*hidden, program.folder):
        _mask(path, root)


def has_kernels(program: Program) -> bool:
    """Whether the program gets a copy of the compiled kernels: one whose imports were done before."""
    return bool(program.entry and compiled.kernel_folder())


def kernels_of(program: Program) -> str:
    """Where on the host that copy lies."""
    return str(Path(program.folder, "kernels"))


def _too_wide(path: str) -> bool:
    """Whether a path on PYTHONPATH would show a whole home or more."""
    return _lies_in(str(Path.home()), path)


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _show(path: str, root: Path) -> None:
    if os.path.islink(path) and path in _SYSTEM:  # noqa: PTH114
        (root / path[1:]).symlink_to(os.readlink(path))  # noqa: PTH115
    else:
        _bind(path, root, path, writable=False)


def _bind(source: str, root: Path, target: str, *, writable: bool) -> None:
    place = root / target.lstrip("/")
    try:
        if os.path.isdir(source):  # noqa: PTH112
            place.mkdir(parents=True, exist_ok=True)
        elif not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    except OSError as error:
        raise SandboxError(f"no place for the mount {target}: {error.strerror}") from None
    kernel.bind(source, str(place), writable=writable)


def _mask(path: str, root: Path) -> None:
    """Cover a folder that shows through one of the visible paths."""
    real = os.path.realpath(path)
    for shown in visible_paths():
        if not _lies_in(real, os.path.realpath(shown)):
            continue
        place = str(root) + shown + real[len(os.path.realpath(shown)) :]
        if os.path.isdir(place):  # noqa: PTH112
            kernel.mount("tmpfs", place, "tmpfs", kernel.MS_READ_ONLY | kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0")


def _write_settings(program: Program, root: Path, user: int, group: int) -> None:
    """/etc: what the system's libraries read, and the names of this sandbox's user and hosts."""
    folder = root / "etc"
    folder.mkdir(exist_ok=True)
    system = () if program.root else _SETTINGS
    for name in (*system, *(["resolv.conf"] if program.network == "host" else [])):
        if Path("/etc", name).exists():
            _bind(f"/etc/{name}", root, f"/etc/{name}", writable=False)
    users = {0: "root", 65534: "nobody", user: "clary"}
    (folder / "passwd").write_text(
        foreign_root.text_of(program.root, "passwd")
        + "".join(f"{name}:x:{number}:{number}::/tmp:/bin/sh\n" for number, name in users.items())
    )
    groups = {0: "root", 65534: "nogroup", group: "clary"}
    (folder / "group").write_text(
        foreign_root.text_of(program.root, "group")
        + "".join(f"{name}:x:{number}:\n" for number, name in groups.items())
    )
    (folder / "hostname").write_text(f"{program.hostname}\n")
    hosts = {"localhost": "127.0.0.1", program.hostname: "127.0.0.1", **program.hosts}
    (folder / "hosts").write_text("".join(f"{address}\t{name}\n" for name, address in hosts.items()))


def _gpus(devices: Path) -> list[str]:
    """NVIDIA's device files, where there are any."""
    found = [*devices.glob("nvidia*"), *devices.glob("nvidia-caps/*")]
    return sorted(str(path.relative_to(devices)) for path in found if not path.is_dir())


def _make_devices(root: Path) -> None:
    folder = root / "dev"
    folder.mkdir()
    for name in (*_DEVICES, *_gpus(Path("/dev"))):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
        # not through `bind`: its nodev would make the device useless
        kernel.mount(f"/dev/{name}", str(folder / name), flags=kernel.MS_BIND)
    for name, target in _LINKS.items():
        (folder / name).symlink_to(target)
    (folder / "shm").mkdir()
    kernel.mount("tmpfs", str(folder / "shm"), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
