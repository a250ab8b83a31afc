"""The calls of Linux that Python's `os` lacks (some came with 3.12): namespaces, mounts, capabilities."""

import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct
import sys
from pathlib import Path

NEW_MOUNTS = 0x00020000
NEW_HOSTNAME = 0x04000000
NEW_IPC = 0x08000000
NEW_USER = 0x10000000
NEW_PIDS = 0x20000000
NEW_NETWORK = 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_RECURSIVE, MS_PRIVATE = 4096, 16384, 1 << 18
MS_READ_ONLY, MS_REMOUNT = 1, 32

_ATTRIBUTE_READ_ONLY, _ATTRIBUTE_NOSUID, _ATTRIBUTE_NODEV = 1, 2, 4
_MOUNT_SETATTR = 442  # the same number on every architecture
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_DETACH = 2

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION_3 = 0x20080522

_GET_FLAGS, _SET_FLAGS, _INTERFACE_UP = 0x8913, 0x8914, 1

LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, step: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{step}: {os.strerror(number)}")


def unshare(namespaces: int) -> None:
    """Leave the given namespaces for new ones; the new process namespace takes the next child, not the caller."""
    _check(_libc.unshare(ctypes.c_int(namespaces)), "unshare")


def join(pid: int, namespace: str) -> None:
    """Enter the namespace ("net", "user") of another process; nothing to do where it is our own already."""
    path = Path(f"/proc/{pid}/ns/{namespace}")
    if path.stat().st_ino == Path(f"/proc/self/ns/{namespace}").stat().st_ino:
        return
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(handle, 0), f"joining the {namespace} namespace of process {pid}")
    finally:
        os.close(handle)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system, or bind a folder or file."""
    arguments = (source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags))
    _check(_libc.mount(*arguments, options.encode() or None), f"mounting {source} at {target}")


def bind(source: str, target: str, *, writable: bool) -> None:
    """Bind a folder with all that is mounted in it, or a file; set-user-id bits and devices count for nothing in it."""
    mount(source, target, flags=MS_BIND | MS_RECURSIVE)
    flags = _ATTRIBUTE_NOSUID | _ATTRIBUTE_NODEV | (0 if writable else _ATTRIBUTE_READ_ONLY)
    attributes = struct.pack("=QQQQ", flags, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        target.encode(),
        ctypes.c_uint(_AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    _check(result, f"protecting {target} (needs Linux 5.12)")


def make_root(folder: str) -> None:
    """Make a mounted folder the root and let go of the old one."""
    os.chdir(folder)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")  # the old root is now stacked on the new one
    _check(_libc.umount2(b".", _DETACH), "detaching the old root")
    os.chdir("/")


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends; a parent that ended before this call counts too."""
    if LINUX:
        _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl")
    if os.getppid() != parent:
        os._exit(137)


def die_with_outer_parent() -> None:
    """`die_with_parent` for the first process of a namespace, which sees 0 as its parent whoever that is."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl")


def refuse_new_privileges() -> None:
    """No program started from here gains rights by a set-user-id bit."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def own_proc_files() -> None:
    """Own /proc/self again: the kernel gives it to root when a process changes its user."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")


def drop_capabilities() -> None:
    """Give up every capability for good."""
    header = struct.pack("=II", _CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0)), "capset")


def raise_loopback() -> None:
    """Bring up `lo`, and with it all of 127.0.0.0/8, in a fresh network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = fcntl.ioctl(handle, _GET_FLAGS, struct.pack("16sh22x", b"lo", 0))
        (flags,) = struct.unpack_from("h", request, 16)
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("16sh22x", b"lo", flags | _INTERFACE_UP))


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; with the pid it names one process for good. 0: gone."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def children_of(pid: int) -> list[int]:
    """The children of a process; none where the kernel doesn't list them."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_running(pid: int, started: int) -> bool:
    """Whether this very process still runs (a zombie doesn't)."""
    if not LINUX:
        return _answers(pid)
    fields = _stat(pid)
    return bool(fields) and fields[0] not in ("Z", "X") and int(fields[19]) == started


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, which may itself hold blanks and parentheses."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - hot
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_supported() -> bool:
    """Whether this could work at all here; `namespaces_available` tries it."""
    return LINUX and platform.machine() in ("x86_64", "aarch64") and hasattr(_libc, "pivot_root")
