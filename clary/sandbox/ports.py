"""A Unix socket that stands for a TCP port inside a sandbox whose network nothing else reaches.

It runs in a fork of the sandbox's first process, after the root has changed: so it needs no program of the root's, and
imports nothing any more.
"""

import os
import socket
import threading
from contextlib import suppress

_PIECE = 1 << 16
_BACKLOG = 128


def listen(path: str) -> socket.socket:
    """A socket to be given to `stand_for`."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)  # noqa: S103, PTH101 - its folder is private
    listener.listen(_BACKLOG)
    return listener


def stand_for(listener: socket.socket, port: int, host: str = "127.0.0.1") -> None:
    """Pass on what comes, for good. A caller who comes before anything listens at the port is hung up on."""
    while True:
        caller, _ = listener.accept()
        threading.Thread(target=_connect, args=(caller, host, port), daemon=True).start()


def _connect(caller: socket.socket, host: str, port: int) -> None:
    inner = socket.socket()
    with caller, inner, suppress(OSError):
        inner.connect((host, port))
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=pass_on, args=(inner, caller), daemon=True)
        back.start()
        pass_on(caller, inner)
        back.join()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Copy to the end, then end the other side's input."""
    with suppress(OSError):
        while data := source.recv(_PIECE):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
