"""POST over HTTPS."""

import socket
import ssl
from contextlib import suppress
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from clary.delivery.host import Posted

_SECONDS = 180.0
_MOST_ANSWER = 1024 * 1024


_open: set[HTTPSConnection] = set()


def hang_up() -> None:
    """End the requests that are under way: the server is ending."""
    for connection in list(_open):
        with suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)


def post(url: str, headers: dict[str, str], body: bytes) -> Posted:
    """What the endpoint answered, redirects too; OSError where nothing came within three minutes."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = HTTPSConnection(
        parts.hostname or "", parts.port, timeout=_SECONDS, context=ssl.create_default_context()
    )
    _open.add(connection)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return Posted(answer.status, answer.read(_MOST_ANSWER))
    except (HTTPException, ValueError) as problem:
        raise ConnectionError(str(problem) or type(problem).__name__) from None
    finally:
        _open.discard(connection)
        connection.close()
