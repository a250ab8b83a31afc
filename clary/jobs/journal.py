"""An append-only journal of JSON lines that survives a crash."""

import errno
import os
from pathlib import Path
from typing import Any

import msgspec

from clary.durable import sync_path

Entry = dict[str, Any]


class Journal:
    """One writer's record of what happened; an entry is on disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries, self._end = read_journal(path)

    def append(self, entry: Entry) -> None:
        """Add an entry; OSError where the disk is full, and then nothing of it stays."""
        line = msgspec.json.encode(entry) + b"\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(handle, self._end)  # a line that a crash tore would swallow this one
            if os.pwrite(handle, line, self._end) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, self._end)
            raise
        finally:
            os.close(handle)
        if not self.entries:
            sync_path(self._path.parent)
        self._end += len(line)
        self.entries.append(entry)


def read_journal(path: Path, start: int = 0) -> tuple[list[Entry], int]:
    """The whole entries from byte `start` on, and where the next read starts."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        return [], start
    whole = data.rfind(b"\n") + 1
    return [msgspec.json.decode(line) for line in data[:whole].splitlines()], start + whole


def read_small(path: Path) -> bytes:
    """A file's bytes; none where there is no file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
