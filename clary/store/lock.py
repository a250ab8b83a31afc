"""The lock on a data folder: one server at a time, and who that is."""

import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from clary.errors import SettingsError

LOCK_FILE = "lock"

_PATIENCE = 0.25
_LONGEST = 64  # bytes of its line: two numbers


class Holder(NamedTuple):
    """The server that holds a data folder; its port is 0 until it listens."""

    pid: int
    port: int


class FolderInUse(SettingsError):
    """Another server holds the data folder."""

    def __init__(self, folder: Path, holder: Holder) -> None:
        at = f" on port {holder.port}" if holder.port else ""
        super().__init__(f"the data folder {folder} is in use by process {holder.pid}, a Clary server{at}")
        self.holder = holder


class DataFolderLock:
    """A flock that ends with its process, however that dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / LOCK_FILE
        self._file = -1
        # A forked child shares the lock and would keep it after the server is gone, so it closes its copy.
        os.register_at_fork(after_in_child=self._close)

    def acquire(self, port: int = 0) -> None:
        """Take the folder, or raise FolderInUse; again while it is held, note another port."""
        if self._file < 0:
            file = self._open()
            if not _lock(file):
                os.close(file)
                raise FolderInUse(self._folder, self._read())
            self._file = file
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()} {port}\n".encode(), 0)

    def release(self) -> None:
        """Let the folder go."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            self._close()

    def holder(self) -> Holder | None:
        """Who holds the folder now, or None."""
        if self._file >= 0:
            return self._read()
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._read()
        finally:
            os.close(file)
        return None

    def _open(self) -> int:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_private()
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingsError(f"the data folder {self._folder} cannot be used: {error.strerror}") from None

    def _make_private(self) -> None:
        """Keep others out of the folder; refuse one with somebody else's files, who may need their rights."""
        if not self._path.exists() and (other := next(self._folder.iterdir(), None)):
            raise SettingsError(f"the data folder {self._folder} holds other files ({other.name}): name an empty one")
        rights = stat.S_IMODE(self._folder.stat().st_mode)
        if rights & 0o077:
            with suppress(PermissionError):  # a mounted folder may belong to another user
                self._folder.chmod(rights & 0o700)

    def _read(self) -> Holder:
        # Between taking the lock and writing the line there is a moment without one.
        for _ in range(50):
            with self._path.open("rb", buffering=0) as file:  # read at once: `acquire` may write it anew meanwhile
                pid, _, port = file.read(_LONGEST).decode().strip().partition(" ")
            if pid:
                return Holder(int(pid), int(port))
            time.sleep(_PATIENCE / 50)
        return Holder(0, 0)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _lock(file: int) -> bool:
    # holder() of another process takes the lock for an instant, so one refusal proves nothing.
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PATIENCE / 25)
        else:
            return True
