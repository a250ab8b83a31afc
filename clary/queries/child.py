"""A query's process as the server holds it: started and connected, told its query, ended."""

import os
import select
import shutil
import signal
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from clary.durable import write_quickly
from clary.queries.places import SOCKET, Places
from clary.sandbox import WarmParent, is_running
from clary.sandbox.kernel import children_of

_FORK = "clary.queries.process:main"
_NOTE = "process.json"
_PROCESSES = 4096  # threads of DuckDB and Arrow; where the server is no root, all of its user count
_END_SECONDS = 10.0


class _Leftover(msgspec.Struct):
    """What a later server needs to end the process of a killed one."""

    pid: int
    started: int
    sockets: str


class Child:
    """One process, which takes one query. Its folder is the query's."""

    def __init__(self, warm: WarmParent, folder: Path, memory_bytes: int) -> None:
        self.folder = folder
        self.memory_bytes = memory_bytes
        self.connection: socket.socket | None = None
        self._warm = warm
        self._woken, self._waker = socket.socketpair()
        self._ended = threading.Event()
        self._pid = 0
        self.sockets = Path(tempfile.mkdtemp(prefix="clary-"))  # short: a socket's path may have 107 characters
        self.listener = socket.socket(socket.AF_UNIX)

    @property
    def work(self) -> Path:
        """Takes the results."""
        return self.folder / "work"

    @property
    def staged(self) -> Path:
        """What the process may read."""
        return self.folder / "staged"

    def start(self) -> None:
        """Make the folders and the process; raises SandboxError."""
        self.folder.mkdir(mode=0o700)
        for folder in (self.work, self.staged):
            folder.mkdir(mode=0o755)
        self.sockets.chmod(0o755)  # the sandbox's user has to come to the socket
        self.listener.bind(str(self.sockets / SOCKET))
        (self.sockets / SOCKET).chmod(0o666)
        self.listener.listen(1)
        argument: dict[str, Any] = {
            "places": msgspec.to_builtins(Places(str(self.work), str(self.staged), str(self.sockets))),
            "output": str(self.folder / "output.txt"),
            "folder": str(self.folder),
            "memory_bytes": self.memory_bytes,
            "processes": _PROCESSES,
            "threads": 0,
        }
        self._pid, started = self._warm.fork(_FORK, argument, detached=False, on_exit=self._exited)
        leftover = _Leftover(self._pid, started, str(self.sockets))
        write_quickly(self.folder / _NOTE, msgspec.json.encode(leftover))

    def accept(self) -> socket.socket:
        """Take the connection of the process that has come up."""
        self.connection, _ = self.listener.accept()
        return self.connection

    def wait_for(self, sock: socket.socket, seconds: float) -> bool:
        """Until the socket has something; False where the process ended, somebody woke us or the time is over first."""
        ready, _, _ = select.select([sock, self._woken], [], [], max(0.0, seconds))
        return sock in ready

    def wake(self) -> None:
        """Let a `wait_for` return."""
        with suppress(OSError):  # closed already
            self._waker.send(b"x")

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._ended.is_set()

    def move(self, folder: Path) -> None:
        """Take another folder; the process, in a sandbox, sees no difference."""
        self.folder.rename(folder)
        self.folder = folder

    def last_words(self) -> str:
        """The end of what a process that is ending has printed."""
        self._ended.wait(_END_SECONDS)
        output = self.folder / "output.txt"
        return output.read_text(errors="replace")[-2000:] if output.exists() else ""

    def end(self) -> None:
        """Kill the process; what it has written stays. It is gone when this returns, and whatever it started."""
        if self._pid and not self._ended.is_set():
            # Process 1 of the sandbox: the one we know is told of its end when there is no other process left inside.
            # Its children with it, for they have memory to give back, too, and may do so at the same time.
            first = children_of(self._pid)
            for pid in [child for one in first for child in children_of(one)] + first or [self._pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._ended.wait(_END_SECONDS)
        for sock in (self.listener, self._woken, self._waker, self.connection):
            if sock is not None:
                sock.close()
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.staged, ignore_errors=True)

    def _exited(self, status: int) -> None:  # noqa: ARG002 - the warm parent's interface
        self._ended.set()
        self.wake()


def end_leftover(folder: Path) -> None:
    """End the process that a killed server left, if it still runs."""
    note = folder / _NOTE
    if not note.exists():
        return
    leftover = msgspec.json.decode(note.read_bytes(), type=_Leftover)
    if is_running(leftover.pid, leftover.started):
        with suppress(ProcessLookupError):
            os.kill(leftover.pid, signal.SIGKILL)
    shutil.rmtree(leftover.sockets, ignore_errors=True)
    note.unlink()
