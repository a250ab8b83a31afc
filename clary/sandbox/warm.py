"""The server's handle of the warm parent: starts it, asks it for forks, hears of their ends, replaces a dead one."""

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from clary.sandbox.available import python_environment
from clary.sandbox.compiled import VARIABLE
from clary.sandbox.kernel import is_running
from clary.sandbox.limits import thread_variables
from clary.sandbox.messages import Fork, Forked, Message, Ready
from clary.sandbox.program import SandboxError

UNKNOWN = -1  # the status of a child whose end could be seen but not how it ended
_KILLED = 137
_READY_SECONDS = 120.0
_LOOK_SECONDS = 0.2

OnExit = Callable[[int], None]
Result = TypeVar("Result")


class _Request(NamedTuple):
    fork: Fork
    answer: Future[Forked]
    on_exit: OnExit | None


class _Child(NamedTuple):
    start_time: int
    detached: bool
    on_exit: OnExit | None


class WarmParent:
    """Forks programs whose imports are done. Thread-safe.

    `folder` takes its log, `kernels` what the preloaded modules compile: below `folder` where none is given or it can't
    be written. Neither they nor the `hidden` folders are ever seen in a sandbox that its forks start.
    """

    def __init__(
        self, preload: Sequence[str], folder: Path, kernels: Path | None = None, *, hidden: Sequence[Path] = ()
    ) -> None:
        self._preload = list(preload)
        self._folder = folder
        self._kernels = kernels or folder / "kernels"
        self._hidden = [str(path) for path in (folder, self._kernels, *hidden)]
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._requests: dict[int, _Request] = {}
        self._children: dict[int, _Child] = {}
        self._callbacks = ThreadPoolExecutor(4, thread_name_prefix="child ended")
        self._socket: socket.socket | None = None
        self._reader: threading.Thread | None = None
        self._ready: Future[bool] = Future()
        self._closed = False

    def start(self) -> None:
        """Start the process, without waiting for its imports."""
        with self._lock:
            self._launch()

    @property
    def namespaces(self) -> bool:
        """Whether its forks run programs in real sandboxes; waits for the imports."""
        return _wait(self._launched())

    def fork(
        self, entry: str, argument: dict[str, object], *, detached: bool, on_exit: OnExit | None = None
    ) -> tuple[int, int]:
        """Call `entry(argument)` in a fork of the warm process; returns its pid and start time.

        A detached fork outlives the warm process and the server. `on_exit(status)` is called on a thread of ours, with
        UNKNOWN where the warm process had died before a detached fork did.
        """
        _wait(self._launched())
        request = _Request(Fork(next(self._numbers), entry, argument, detached), Future(), on_exit)
        with self._lock:
            if self._socket is None:
                raise SandboxError("the warm parent has just died")
            self._requests[request.fork.number] = request
            try:
                self._socket.sendall(msgspec.json.encode(request.fork) + b"\n")
            except OSError as error:
                del self._requests[request.fork.number]
                raise SandboxError(f"the warm parent does not answer: {error}") from None
        forked = _wait(request.answer)
        if forked.problem:
            raise SandboxError(forked.problem)
        return forked.pid, forked.start_time

    def close(self) -> None:
        """End the process and with it every attached child."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._reader is not None:
            self._reader.join()
        self._callbacks.shutdown()

    def _launched(self) -> Future[bool]:
        """Start the process unless it runs; the future is done when it can fork."""
        with self._lock:
            self._launch()
            return self._ready

    def _launch(self) -> None:
        """Start the process unless it runs."""
        if self._closed:
            raise SandboxError("the warm parent is closed")
        if self._socket is not None:
            return
        self._socket, theirs = socket.socketpair()
        self._ready = Future()
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "clary.sandbox.warm_process", str(theirs.fileno())]
        with theirs, (self._folder / "warm.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [*command, os.pathsep.join(self._hidden), *self._preload],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._reader = threading.Thread(
            target=self._read, args=(self._socket, process), name="warm parent", daemon=True
        )
        self._reader.start()

    def _environment(self) -> dict[str, str]:
        """One thread, since no library's pool may start before the forks."""
        try:
            self._kernels.mkdir(mode=0o700, parents=True, exist_ok=True)
            writable = os.access(self._kernels, os.W_OK)
        except OSError:
            writable = False
        kernels = self._kernels if writable else self._folder / "kernels"
        return {**python_environment(), **thread_variables(1), VARIABLE: str(kernels)}

    def _read(self, connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
        """Take the messages of one warm process until it ends."""
        pending = b""
        while data := _receive(connection):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                self._take(msgspec.json.decode(line, type=Message))
        process.wait()
        connection.close()
        with self._lock:
            self._bury()

    def _take(self, message: Message) -> None:
        with self._lock:
            if isinstance(message, Ready):
                self._ready.set_result(message.namespaces)
            elif isinstance(message, Forked):
                request = self._requests.pop(message.number)
                if message.pid:  # before the answer: the child may have ended by the time the caller looks
                    self._children[message.pid] = _Child(message.start_time, request.fork.detached, request.on_exit)
                request.answer.set_result(message)
            else:
                child = self._children.pop(message.pid, None)  # None: the one that compiles kernels
                if child is not None:
                    self._call_back(child, message.status)

    def _bury(self) -> None:
        """The warm process has ended: tell those who wait, and start another unless it never came up."""
        self._socket = None
        was_ready = self._ready.done()
        if not was_ready:
            self._ready.set_exception(SandboxError(f"the warm parent did not come up: see {self._folder}/warm.log"))
        for request in self._requests.values():
            request.answer.set_exception(SandboxError("the warm parent died"))
        children, self._children, self._requests = self._children, {}, {}
        orphans = {pid: child for pid, child in children.items() if child.detached}
        for pid in children.keys() - orphans.keys():
            self._call_back(children[pid], _KILLED)
        if self._closed:
            return
        if orphans:
            threading.Thread(target=self._watch_orphans, args=(orphans,), name="orphans", daemon=True).start()
        if was_ready:
            self._launch()

    def _watch_orphans(self, orphans: dict[int, _Child]) -> None:
        while orphans and not self._closed:
            time.sleep(_LOOK_SECONDS)
            for pid in [pid for pid, child in orphans.items() if not is_running(pid, child.start_time)]:
                self._call_back(orphans.pop(pid), UNKNOWN)

    def _call_back(self, child: _Child, status: int) -> None:
        if child.on_exit is not None and not self._closed:
            self._callbacks.submit(child.on_exit, status)


def _wait(future: Future[Result]) -> Result:
    try:
        return future.result(_READY_SECONDS)
    except TimeoutError:
        raise SandboxError(f"the warm parent has not answered for {_READY_SECONDS:.0f} seconds") from None


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 20)
    except ConnectionResetError:
        return b""
