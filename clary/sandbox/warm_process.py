"""The warm parent: a process with the imports done that has run no kernel and has no threads, and forks on request.

Over its socket come lines of JSON, one a fork; back go an answer a fork and a line for each child that ended.
When the socket closes, the server is gone: the attached children are killed, the detached ones live on.
"""

import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from clary.sandbox import available, compiled, kernel, limits, root, stages
from clary.sandbox.messages import Ended, Fork, Forked, Message, Ready


def preload(modules: Sequence[str]) -> None:
    """Import, and make sure that no import has started a thread: a fork would have its locks but not the thread."""
    for name in modules:
        importlib.import_module(name)
        if kernel.LINUX and len(list(Path("/proc/self/task").iterdir())) > 1:
            sys.exit(f"importing {name} started a thread, so it can't be preloaded")
    limits.find_thread_pools()
    root.visible_paths()
    limits.prepare_for_forks()


def serve(server: socket.socket, attached: set[int]) -> None:
    """Fork on request until the server is gone; `attached` are the forks that end with it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    pending = b""
    while True:
        ready, _, _ = select.select([server.fileno(), reader], [], [])
        if reader in ready:
            os.read(reader, 4096)
            _tell_ends(server, attached)
        if server.fileno() in ready:
            data = server.recv(1 << 20)
            if not data:
                return _kill(attached)
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                _answer(server, msgspec.json.decode(line, type=Fork), attached)


def _answer(server: socket.socket, request: Fork, attached: set[int]) -> None:
    here = os.getpid()
    try:
        module, _, name = request.entry.partition(":")
        function = getattr(importlib.import_module(module), name)
        pid = os.fork()
    except (ImportError, AttributeError, OSError) as error:
        return _send(server, Forked(request.number, problem=f"can't start {request.entry}: {error}"))
    if pid == 0:
        _become(function, request.argument, here, detached=request.detached)
    if not request.detached:
        attached.add(pid)
    return _send(server, Forked(request.number, pid, kernel.start_time(pid)))


def _become(function: Callable[[Any], Any], argument: Any, parent: int, *, detached: bool) -> NoReturn:
    """The fork: nothing of the warm parent's is left but its imports."""
    status = 1
    try:
        if not detached:
            kernel.die_with_parent(parent)
        os.setsid()
        limits.close_files()
        limits.reset_signals(python=True)
        limits.renew_random_numbers()
        status = stages.call_entry(function, argument)
    finally:
        os._exit(status)


def _tell_ends(server: socket.socket, attached: set[int]) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            attached.discard(pid)
            _send(server, Ended(pid, stages.exit_code(status)))


def _send(server: socket.socket, message: Message) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # the server is gone: the next read says so
        server.sendall(msgspec.json.encode(message) + b"\n")


def _kill(pids: set[int]) -> None:
    """End forks, and see their end: who waits for this process finds none of them left."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _compile_kernels(modules: Sequence[str]) -> set[int]:
    """In a fork, whose pid it returns: a process that has run a kernel can't be forked any more."""
    offers, here = compiled.offers_of(modules), os.getpid()
    if not offers:
        return set()
    pid = os.fork()
    if pid == 0:
        _become(compiled.fill, offers, here, detached=False)
    return {pid}


def main(handle: str, hidden: str, *modules: str) -> None:
    """Run with the number of the inherited socket, the folders that no sandbox may show, and what to import."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = socket.socket(fileno=int(handle))
    root.hidden.extend(filter(None, hidden.split(os.pathsep)))
    namespaces = available.namespaces_available()
    preload(modules)
    attached = _compile_kernels(modules)
    _send(server, Ready(namespaces))
    serve(server, attached)


if __name__ == "__main__":
    main(*sys.argv[1:])
