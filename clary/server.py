"""A server on its socket: bind, answer until told to stop, close."""

import errno
import logging
import re
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import uvicorn

from clary.app import House
from clary.config import Settings
from clary.errors import SettingsError
from clary.memory import keep_freed_memory

BACKLOG = 2048
_OPEN_FILES = 65536


class PortTaken(SettingsError):
    """Another process listens on the port."""

    def __init__(self, port: int) -> None:
        holder = port_holder(port)
        by = f" by {holder}" if holder else ""
        super().__init__(f"port {port} is taken{by}; choose another with --port, or --port 0 for a free one")


def serve(settings: Settings, ready: Callable[[Settings], None]) -> None:
    """Serve until SIGINT or SIGTERM; leaves no process behind."""
    # uvicorn raises the signal that stopped it once more; SIGTERM too must not end us before the house is closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    allow_open_files()
    keep_freed_memory()
    with suppress(KeyboardInterrupt), bound(settings) as (listener, settings), opened(settings) as house:
        server = uvicorn.Server(uvicorn_config(house))
        house.listens()
        ready(settings)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def allow_open_files() -> None:
    """Open as many files as the system lets us, beyond its usual 1,024: each partition of a delivery is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS allows fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def bound(settings: Settings) -> Iterator[tuple[socket.socket, Settings]]:
    """A listening socket, and the settings with the port it has."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen(BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(settings.port) from None
            raise SettingsError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
        yield listener, replace(settings, port=listener.getsockname()[1])
    finally:
        listener.close()


@contextmanager
def opened(settings: Settings) -> Iterator[House]:
    """A house, closed at the end whatever happens."""
    house = House(settings)
    try:
        yield house
    finally:
        house.close()


def uvicorn_config(house: House) -> uvicorn.Config:
    """How uvicorn runs a house: no log of its own, held requests are cut short at the end."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return uvicorn.Config(
        house.app,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=3,
    )


def port_holder(port: int) -> str:
    """`process 123 (python -m x)` for whoever listens on a port, where the system tells."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(columns[9])
    for process in Path("/proc").glob("[0-9]*"):
        if any((found := re.fullmatch(r"socket:\[(\d+)\]", link)) and found[1] in inodes for link in _files(process)):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            return f"process {process.name} ({command})"
    return ""


def _files(process: Path) -> Iterator[str]:
    """What a process has open, by its folder in /proc; nothing where it ended or is somebody else's."""
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                yield str(link.readlink())
