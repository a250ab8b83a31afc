"""POST over HTTPS."""

import socket
import ssl
import threading
from contextlib import suppress
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from clary.delivery.host import Posted

_CONNECT_SECONDS, _SECONDS = 10.0, 180.0
_MOST_ANSWER = 1024 * 1024 + 1

_open: set[HTTPSConnection] = set()


def hang_up() -> None:
    """End the requests that are under way: the server is ending."""
    for connection in list(_open):
        _shut(connection)


def post(url: str, headers: dict[str, str], body: bytes) -> Posted:
    """What the endpoint answered, redirects too; TimeoutError after three minutes, OSError where nothing came."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    context = ssl.create_default_context()
    connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=_CONNECT_SECONDS, context=context)
    _open.add(connection)
    late = threading.Event()
    timer = threading.Timer(_SECONDS, _end, (connection, late))  # an answer may come drop by drop
    timer.daemon = True
    try:
        connection.connect()
        connection.sock.settimeout(_SECONDS)
        timer.start()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        posted = Posted(answer.status, answer.read(_MOST_ANSWER))
    except (OSError, HTTPException, ValueError) as problem:
        if not late.is_set():
            raise _named(problem) from None
    finally:
        timer.cancel()
        _open.discard(connection)
        connection.close()
    if late.is_set():
        raise TimeoutError(f"no whole answer came within {_SECONDS:g} s")
    return posted


def _named(problem: Exception) -> OSError:
    if isinstance(problem, OSError):
        return problem
    return ConnectionError(str(problem) or type(problem).__name__)


def _end(connection: HTTPSConnection, late: threading.Event) -> None:
    late.set()
    _shut(connection)


def _shut(connection: HTTPSConnection) -> None:
    with suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
