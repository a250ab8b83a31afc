"""Whom a sandboxed program runs as: never root, and not the user of another sandbox where that can be had."""

import os
from pathlib import Path
from typing import NamedTuple

from clary.sandbox import kernel
from clary.sandbox.filter import forbid_user_namespaces

_FIRST_OF_OURS = 2_000_000_000  # above what systemd and the container engines give away
_NOBODY = 65534


class User(NamedTuple):
    """Numbers on the host, and whether a user namespace is needed to build the sandbox as this user."""

    uid: int
    gid: int
    namespace: bool


def choose_user() -> User:
    """For root: a number that no other running process has, by our pid. For others: themselves."""
    if os.geteuid() == 0:
        for number in (_FIRST_OF_OURS + os.getpid(), _NOBODY):
            if _is_mapped(number):
                return User(number, number, namespace=False)
    return User(os.geteuid(), os.getegid(), namespace=True)


def map_user(user: User) -> None:
    """In a fresh user namespace: be the same user as outside."""
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user.uid} {user.uid} 1"),
        ("gid_map", f"{user.gid} {user.gid} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(line)


def become(user: User) -> None:
    """Drop every right of root, for good."""
    if not user.namespace:
        os.setgroups([])
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    kernel.drop_capabilities()
    kernel.refuse_new_privileges()
    forbid_user_namespaces()
    kernel.own_proc_files()


def hand_over(folder: str, user: User, keep: set[str]) -> None:
    """Give a tree to the user, without the folders in `keep`.

    A file with a second name is left alone: it is an object of the store that the job sees through a hard link.
    """
    if user.namespace:
        return
    _give(folder, user)
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if os.path.realpath(f"{parent}/{name}") not in keep]
        for name in (*folders, *files):
            _give(f"{parent}/{name}", user)


def _give(path: str, user: User) -> None:
    status = os.lstat(path)
    if os.path.isdir(path) or status.st_nlink == 1:  # noqa: PTH112
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def _is_mapped(number: int) -> bool:
    rows = [[int(part) for part in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return any(first <= number < first + count for first, _, count in rows)
