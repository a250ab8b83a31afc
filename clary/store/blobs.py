"""Immutable files with random names: bytes that are too many for the state database.

A file is written under its final name and synced, folder included, before any row names it. Whatever has no row is
therefore rubbish that a crash left behind, and `sweep` removes it.
"""

import contextlib
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clary.clock import Clock
from clary.durable import sync_path
from clary.store.database import storage_errors

_NAME_DIGITS = 32


class Blobs:
    """A folder of files `ab/ab12...`, spread over 256 folders by their first two hex digits."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._drafts: set[str] = set()
        self._held: Counter[str] = Counter()
        self._doomed: set[str] = set()  # to go when their last reader lets go
        self._going: set[str] = set()  # being unlinked: too late to hold them
        self._folders: set[str] = set()
        self._folders_lock = threading.Lock()
        self._remover = ThreadPoolExecutor(1, "removal")
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Where the file of that name lies."""
        return self._folder / name[:2] / name

    def create(self, suffix: str = "") -> "Draft":
        """A new empty file; it stays a draft, safe from the sweep, until `keep` or `discard`."""
        name = self._new_name(suffix)
        try:
            with storage_errors():
                self._make_folder(name)
                descriptor = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        except BaseException:
            self.discard(name)
            raise
        return Draft(name, self.path(name), descriptor)

    def adopt(self, path: Path) -> "Draft":
        """A second name for a file, or a copy where it can't have one; read-only, and a draft as `create` makes one."""
        name = self._new_name()
        try:
            with storage_errors():
                self._make_folder(name)
                link(path, self.path(name))
                os.chown(self.path(name), os.geteuid(), os.getegid())
                self.path(name).chmod(0o444)
                descriptor = os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC)
        except BaseException:
            self.discard(name)
            raise
        return Draft(name, self.path(name), descriptor)

    def link(self, name: str) -> str:
        """A second, independent name for the same bytes, as durable as the first; a draft until `keep`."""
        copy = self._new_name()
        try:
            with storage_errors():
                self._make_folder(copy)
                os.link(self.path(name), self.path(copy))
                sync_path(self.path(copy).parent)
        except BaseException:
            self.discard(copy)
            raise
        return copy

    def keep(self, name: str) -> None:
        """The row that names this draft is committed."""
        with self._lock:
            self._drafts.discard(name)

    def discard(self, name: str) -> None:
        """Remove the file if it is still a draft."""
        with self._lock:
            if name not in self._drafts:
                return
            self._drafts.remove(name)
        _unlink(self.path(name))

    def remove(self, names: Iterable[str], *, wait: bool = True) -> None:
        """Remove files that no row names any more; those being read go when the last reader releases them.

        Without `wait` a thread does it: large files take their time, and who overwrites an object need not wait for it.
        """
        with self._lock:
            names = set(names)
            held = {name for name in names if name in self._held}
            free = names - held
            self._doomed |= held
            self._going |= free
        if wait or not free:
            self._unlink(free)
        else:
            self._remover.submit(self._unlink, free)

    def settle(self) -> None:
        """Wait until all that is to be removed is gone."""
        self._remover.submit(int).result()

    def hold(self, names: Collection[str]) -> bool:
        """Keep these files until `release`; False, and nothing held, if one of them is gone already."""
        with self._lock:
            if not self._going.isdisjoint(names):
                return False
            self._held.update(names)
        if all(self.path(name).exists() for name in names):
            return True
        self.release(names)
        return False

    def release(self, names: Collection[str]) -> None:
        """Undo one `hold`."""
        with self._lock:
            for name in names:
                self._held[name] -= 1
                if not self._held[name]:
                    del self._held[name]
            free = {name for name in names if name in self._doomed and name not in self._held}
            self._doomed -= free
            self._going |= free
        self._unlink(free)

    def sweep(self, known: Callable[[Sequence[str]], Collection[str]]) -> int:
        """Remove every file that is neither a draft, nor being read, nor `known` to a row; returns how many."""
        removed = 0
        for folder in sorted(self._folder.iterdir()):
            # The order matters: listed first, so that what is committed in between is known to the rows below.
            names = [path.name for path in folder.iterdir()]
            with self._lock:
                names = [name for name in names if name not in self._drafts and name not in self._held]
            unknown = set(names) - set(known(names) if names else ())
            self.remove(unknown)
            removed += len(unknown)
        return removed

    def _unlink(self, names: Collection[str]) -> None:
        for name in names:
            _unlink(self.path(name))
        with self._lock:
            self._going.difference_update(names)

    def _make_folder(self, name: str) -> None:
        """Have the file's folder there, and synced before anybody writes into it."""
        with self._folders_lock:
            if name[:2] not in self._folders:
                self.path(name).parent.mkdir(exist_ok=True)
                sync_path(self._folder)
                self._folders.add(name[:2])

    def _new_name(self, suffix: str = "") -> str:
        name = self._clock.hex(_NAME_DIGITS) + suffix
        with self._lock:
            self._drafts.add(name)
        return name


class Draft:
    """One file while it is written."""

    def __init__(self, name: str, path: Path, descriptor: int) -> None:
        self.name = name
        self.path = path
        self._descriptor = descriptor

    def write(self, piece: bytes) -> None:
        """Append."""
        view = memoryview(piece)
        with storage_errors():
            while view:
                view = view[os.write(self._descriptor, view) :]

    def seal(self) -> None:
        """Sync the file and its folder: after this the bytes survive a power cut."""
        with storage_errors():
            os.fsync(self._descriptor)
            self.close()
            sync_path(self.path.parent)

    def close(self) -> None:
        """Let go of the file, finished or not."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def link(source: Path, target: Path) -> None:
    """A second name for a file, or a read-only copy where there can't be one."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
        target.chmod(0o444)


def _unlink(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108  (the crash tests count the calls of os)
