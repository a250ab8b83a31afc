"""The server's handle of the process that looks at files: its bytes go there, what they are comes back.

A process of its own, in a sandbox without network: a file that makes a parser crash, loop or take all memory ends it,
and the next file gets another one. A fork of the warm parent has pyarrow loaded, so that costs some 30 ms.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from clary.sandbox import Mount, Program, SandboxError, WarmParent, namespaces_available, run_or_tell
from clary.sandbox.kernel import is_running
from clary.tables.classify_file import Classifier
from clary.tables.infer_messages import SOCKET, Bytes, Found, Look, Message, Read, Setup, receive, send
from clary.tables.infer_schema import Schema

FILE_SECONDS = 60.0
"""What one file may take."""

_ENTRY = "clary.tables.infer_process:become"
_INSIDE = "/run/clary"
_LINK = "sockets"
_MEMORY = 1 << 30
_LARGEST = 64 << 20
_START_SECONDS = 60.0


class Unreadable(Exception):
    """A file that can't be looked at; the argument says why."""


class Stopped(Exception):
    """The inspector was stopped."""


class Inspector:
    """Tells the schemas of files, one after the other; `stop` may come from another thread."""

    def __init__(self, warm: WarmParent, folder: Path, classifiers: Sequence[Classifier] = ()) -> None:
        self._warm = warm
        self._folder = folder
        self._classifiers = list(classifiers)
        self._sockets = Path(tempfile.mkdtemp(prefix="clary-"))  # short: a socket's path may have 107 characters
        self._sockets.chmod(0o755)  # the sandbox's user has to come to the socket
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _LINK).symlink_to(self._sockets)
        self._connection: socket.socket | None = None
        self._process: tuple[int, int] | None = None  # pid and start time
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End it: the file at hand, and all that follow, raise Stopped."""
        self._stopped.set()
        self._kill()

    def close(self) -> None:
        """Let the process go."""
        self._hang_up()
        shutil.rmtree(self._sockets, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def inspect(self, name: str, size: int, read: Callable[[int, int], bytes]) -> Schema:
        """The schema of a file, whose bytes `read(start, length)` gives; Unreadable, Stopped, SandboxError."""
        end = time.monotonic() + FILE_SECONDS
        try:
            connection = self._connect()
            self._say(connection, Look(name, size), end)
            while not isinstance(answer := self._hear(connection, end), Found):
                if not isinstance(answer, Read):
                    raise ValueError(f"unexpected {type(answer).__name__}")
                start = min(answer.start, size)
                self._say(connection, Bytes(read(start, min(answer.length, size - start, _LARGEST))), end)
        except TimeoutError:
            self._hang_up()
            raise Unreadable(f"it took longer than {FILE_SECONDS:.0f} s to read") from None
        except (EOFError, ConnectionError, ValueError) as problem:
            self._hang_up()
            if self._stopped.is_set():
                raise Stopped from None
            reason = problem or "it crashed, or took too much memory"
            raise Unreadable(f"the process that read it ended: {reason}") from None
        if answer.problem:
            raise Unreadable(answer.problem)
        return answer.schema

    def _say(self, connection: socket.socket, message: Message, end: float) -> None:
        connection.settimeout(max(end - time.monotonic(), 0.001))
        send(connection, message)

    def _hear(self, connection: socket.socket, end: float) -> Message:
        connection.settimeout(max(end - time.monotonic(), 0.001))
        return receive(connection, _LARGEST)

    def _connect(self) -> socket.socket:
        """The connection to a process that is up."""
        if self._stopped.is_set():
            raise Stopped
        if self._connection is None:
            with socket.socket(socket.AF_UNIX) as listener:
                path = self._sockets / SOCKET
                path.unlink(missing_ok=True)
                listener.bind(str(path))
                listener.listen(1)
                path.chmod(0o666)
                self._connection = self._accept(listener, self._fork())
            self._say(self._connection, Setup(self._classifiers), time.monotonic() + FILE_SECONDS)
        return self._connection

    def _accept(self, listener: socket.socket, ended: threading.Event) -> socket.socket:
        listener.settimeout(0.1)
        end = time.monotonic() + _START_SECONDS
        while not self._stopped.is_set() and not ended.is_set() and time.monotonic() < end:
            with suppress(TimeoutError):
                return listener.accept()[0]
        if self._stopped.is_set():
            raise Stopped
        raise SandboxError("the process that looks at files did not come up")

    def _fork(self) -> threading.Event:
        """Start a process; the event is set when it has ended."""
        ended = threading.Event()
        argument: dict[str, object] = {"folder": str(self._folder), "sockets": str(self._sockets)}
        self._process = self._warm.fork(_ENTRY, argument, detached=False, on_exit=lambda _: ended.set())
        return ended

    def _hang_up(self) -> None:
        self._kill()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _kill(self) -> None:
        """The fork is the sandbox's watcher: with it, the kernel ends all that is inside."""
        process, self._process = self._process, None
        if process is not None and is_running(*process):
            with suppress(ProcessLookupError):
                os.kill(process[0], signal.SIGKILL)


def clear_leftovers(folder: Path) -> None:
    """Remove what inspectors of a killed server left, whose folders are those in `folder`."""
    for link in folder.glob(f"*/{_LINK}"):
        shutil.rmtree(link.readlink(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def become(argument: dict[str, Any]) -> int:
    """The fork of the warm parent: become the sandbox of infer_worker."""
    sockets = _INSIDE if namespaces_available() else argument["sockets"]
    program = Program(
        entry="clary.tables.infer_worker:main",
        arguments=[f"{sockets}/{SOCKET}"],
        environment={"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"},  # noqa: S108
        mounts=[Mount(argument["sockets"], _INSIDE)],
        output=f"{argument['folder']}/output",
        folder=argument["folder"],
        hostname="crawler",
        network="none",
        memory_bytes=_MEMORY,
        threads=1,
    )
    return run_or_tell(program, "The process that looks at files")
