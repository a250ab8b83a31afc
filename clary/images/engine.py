"""Podman or Docker on this machine, by the Docker API on its Unix socket.

Of that API a dozen calls are needed, each an HTTP request with a JSON body: https://docs.docker.com/reference/api/engine
"""

import http.client
import json
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

VERSION = "v1.41"  # Docker 20.10 and Podman 4 have it
_QUICK, _PATIENT = 5.0, 120.0
_FRAME = 8  # bytes before each piece of a log: its stream, three of nothing, its size
NOTHING: Mapping[str, Any] = {}


class EngineError(Exception):
    """What the engine says to a request that it refuses, or that it can't be reached."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=_QUICK)
        self._path = path
        self._patience = timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_QUICK)
        self.sock.connect(self._path)
        self.sock.settimeout(self._patience)


class Engine:
    """Requests to an engine, each on a connection of its own."""

    def __init__(self, path: str) -> None:
        self.path = path

    def answers(self) -> bool:
        """Whether an engine listens at the socket."""
        try:
            self._ask("GET", "/_ping", timeout=_QUICK)
        except EngineError:
            return False
        return True

    def is_podman(self) -> bool:
        """Whether it is Podman, which is asked for GPUs in another way."""
        components = self._ask("GET", "/version")["Components"]
        return any("podman" in component["Name"].lower() for component in components)

    def is_rootless(self) -> bool:
        """Whether root in its containers is the user who runs it."""
        return any("rootless" in option for option in self._ask("GET", "/info").get("SecurityOptions") or [])

    def hides_addresses(self) -> bool:
        """Whether its containers' addresses mean nothing on this machine, but for ports that are published."""
        return "Desktop" in self._ask("GET", "/info").get("OperatingSystem", "") or self.is_rootless()

    def has_image(self, reference: str) -> bool:
        """Whether an image needn't be pulled."""
        try:
            self._ask("GET", f"/images/{quote(reference)}/json")
        except EngineError as problem:
            if problem.status == http.client.NOT_FOUND:
                return False
            raise
        return True

    def pull(self, reference: str) -> Iterator[str]:
        """Fetch an image from its registry; what the engine says meanwhile."""
        name = reference if "@" in reference or ":" in reference.rpartition("/")[2] else f"{reference}:latest"
        with self._send("POST", "/images/create", {"fromImage": name}, timeout=_PATIENT) as reply:
            while line := _read_line(reply):
                told = json.loads(line)
                if "error" in told:
                    raise EngineError(told["error"])
                yield told.get("status", "")

    def create(self, name: str, description: Mapping[str, Any]) -> None:
        """Make a container without starting it."""
        self._ask("POST", "/containers/create", {"name": name}, description)

    def start(self, name: str) -> None:
        """Start a container."""
        self._ask("POST", f"/containers/{name}/start")

    def inspect(self, name: str) -> dict[str, Any]:
        """All that there is to know about a container."""
        found: dict[str, Any] = self._ask("GET", f"/containers/{name}/json")
        return found

    def log(self, name: str, *, follow: bool = True) -> Iterator[bytes]:
        """What a container prints, from its start to its end; or what it has printed by now."""
        query = {"follow": str(int(follow)), "stdout": "1", "stderr": "1"}
        with self._send("GET", f"/containers/{name}/logs", query, timeout=None) as reply:
            while len(head := reply.read(_FRAME)) == _FRAME:
                yield reply.read(int.from_bytes(head[4:], "big"))

    def wait(self, name: str) -> int:
        """The exit status of a container, once it has ended."""
        return int(self._ask("POST", f"/containers/{name}/wait", timeout=None)["StatusCode"])

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a container's first process."""
        self._ask("POST", f"/containers/{name}/kill", {"signal": str(number)})

    def remove(self, name: str) -> None:
        """End a container where it still runs, and delete it."""
        self._ask("DELETE", f"/containers/{name}", {"force": "1", "v": "1"}, timeout=_PATIENT)

    def create_network(self, name: str) -> None:
        """Make a network that reaches nothing but its containers."""
        self._ask("POST", "/networks/create", {}, {"Name": name, "Internal": True, "CheckDuplicate": True})

    def has_network(self, name: str) -> bool:
        """Whether there is a network of that name."""
        try:
            self._ask("GET", f"/networks/{name}")
        except EngineError:
            return False
        return True

    def remove_network(self, name: str) -> None:
        """Delete a network that no container uses."""
        self._ask("DELETE", f"/networks/{name}")

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = NOTHING,
        body: Mapping[str, Any] | None = None,
        timeout: float | None = _PATIENT,
    ) -> Any:
        with self._send(method, path, query, body, timeout) as reply:
            data = reply.read()
        return json.loads(data) if data.startswith((b"{", b"[")) else None

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = NOTHING,
        body: Mapping[str, Any] | None = None,
        timeout: float | None = _PATIENT,
    ) -> http.client.HTTPResponse:
        connection = _Connection(self.path, timeout)
        headers = {"Content-Type": "application/json", "Connection": "close"}
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, f"/{VERSION}{path}?{urlencode(query)}", data, headers)
            reply = connection.getresponse()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            raise EngineError(f"the container engine at {self.path} doesn't answer: {problem}") from problem
        if reply.status >= http.client.BAD_REQUEST:
            with reply:
                raise EngineError(_message_of(reply.read()), reply.status)
        return reply


def find() -> Engine | None:
    """The engine that answers: that of DOCKER_HOST where it is set, else Docker's, Podman's of root, the user's."""
    return next((engine for path in _sockets() if (engine := Engine(path)).answers()), None)


def _sockets() -> Iterator[str]:
    named = os.environ.get("DOCKER_HOST", "")
    own = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    known = ("/var/run/docker.sock", "/run/podman/podman.sock", f"{own}/podman/podman.sock", f"{own}/docker.sock")
    for path in [named.removeprefix("unix://")] if named else known:
        try:
            if stat.S_ISSOCK(Path(path).stat().st_mode):
                yield path
        except OSError:
            continue  # not there, or not for us


def _read_line(reply: http.client.HTTPResponse) -> bytes:
    try:
        return reply.readline()
    except (OSError, http.client.HTTPException) as problem:
        raise EngineError(f"the container engine has hung up: {problem}") from problem


def _message_of(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace")[:500]
