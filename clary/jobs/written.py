"""What a job has written, read without trusting it: no link is followed, so nothing outside its own tree is reached.

The program may still run, and put a link where a folder was between two looks. So each step goes from an open folder.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from clary.errors import ClientError

PATH_MAX = 1024  # bytes: no key of an object is longer
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_THERE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO)


class Stamp(NamedTuple):
    """By which a file is known to be as it was."""

    size: int
    modified: int
    inode: int


class File(NamedTuple):
    """An open regular file and its path below the folder."""

    inside: str
    handle: int
    stamp: Stamp

    @property
    def path(self) -> Path:
        """Opens the same file again, as long as the handle is open."""
        return Path(f"/dev/fd/{self.handle}")


def stamp_of(handle: int) -> Stamp:
    """The stamp of an open file as it is now."""
    status = os.fstat(handle)
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


def files_below(root: Path, folder: str, problems: list[Exception]) -> Iterator[File]:
    """The regular files below a folder of a job's tree, by name; `root` is ours, `folder` is the job's.

    What vanishes meanwhile is passed over; what can't be read or be an object stands in `problems` afterwards.
    """
    try:
        with _opened(root, folder, _FOLDER) as handle:
            if handle is not None:
                yield from _files(handle, "", problems)
    except OSError as problem:
        problems.append(problem)


def read_beginning(root: Path, name: str, size: int) -> bytes:
    """The first bytes of a regular file of a job's tree; none where there is none that can be read."""
    with suppress(PermissionError), _opened(root, name, _FILE) as handle:
        if handle is not None and stat.S_ISREG(os.fstat(handle).st_mode):
            return os.pread(handle, size, 0)
    return b""


@contextmanager
def _opened(root: Path, inside: str, flags: int) -> Iterator[int | None]:
    """The handle of something in the job's tree; None where it is not there."""
    *folders, name = [part for part in inside.split("/") if part]
    handle: int | None = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part, how in (*((part, _FOLDER) for part in folders), (name, flags)):
        if handle is not None:
            outer, handle = handle, _open(part, how, handle)
            os.close(outer)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def _open(name: str, flags: int, folder: int) -> int | None:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as problem:
        if problem.errno in _NOT_THERE:
            return None
        raise


def _files(folder: int, inside: str, problems: list[Exception]) -> Iterator[File]:
    with os.scandir(folder) as entries:
        rows = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in rows:
        try:
            path = _named(inside, name)
            handle = _open(name, _FOLDER if is_folder else _FILE, folder)
        except (ClientError, OSError) as problem:
            problems.append(problem)
            continue
        if handle is None:
            continue
        try:
            if is_folder:
                yield from _files(handle, f"{path}/", problems)
            elif stat.S_ISREG(os.fstat(handle).st_mode):
                yield File(path, handle, stamp_of(handle))
        finally:
            os.close(handle)


def _named(inside: str, name: str) -> str:
    path = inside + name
    with suppress(UnicodeEncodeError):
        if len(path.encode()) <= PATH_MAX:
            return path
    raise ClientError(f"{path[:100]!r} can't be the key of an object: keys are UTF-8, of {PATH_MAX} bytes at most")
