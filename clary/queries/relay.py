"""A Unix socket behind which another host's port lies, for queries whose sandbox has no network."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

from clary.sandbox.ports import pass_on

_CONNECT_SECONDS = 10.0


class Relay:
    """Listens until `close`; passes on what is said, both ways."""

    def __init__(self, path: Path, host: str, port: int) -> None:
        self._target = host, port
        self._open: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen(16)
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def close(self) -> None:
        """End all connections."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                inner, _ = self._listener.accept()
                self._join(inner)

    def _join(self, inner: socket.socket) -> None:
        try:
            outer = socket.create_connection(self._target, _CONNECT_SECONDS)
        except OSError:
            inner.close()
            return
        outer.settimeout(None)
        self._open |= {inner, outer}
        for one, other in ((inner, outer), (outer, inner)):
            threading.Thread(target=pass_on, args=(one, other), name="relay", daemon=True).start()
