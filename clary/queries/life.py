"""The server's side of one query: has a process do it, answers what that asks, ends it."""

import socket
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from clary.errors import ServiceError
from clary.queries import messages
from clary.queries.child import Child
from clary.queries.desk import Desk
from clary.queries.listing import list_folders
from clary.queries.relay import Relay
from clary.queries.spares import Spares
from clary.queries.spec import Outcome, QuerySpec
from clary.sandbox import SandboxError

_PORTS = {"postgresql": 5432, "mysql": 3306}

_decoder = msgspec.json.Decoder(messages.Message)


class Life:
    """One query, from the start of its process to its end; `cancel` may be called from another thread."""

    def __init__(self, spec: QuerySpec, desk: Desk, spares: Spares, folder: Path) -> None:
        self._spec = spec
        self._desk = desk
        self._spares = spares
        self._folder = folder
        self._staged = folder / "staged"
        self._child: Child | None = None
        self._cancelled = False
        self._relays: list[Relay] = []

    def cancel(self) -> None:
        """End the process."""
        self._cancelled = True
        if self._child is not None:
            self._child.wake()

    def run(self, began: Callable[[], None]) -> Outcome:
        """Have a process do it, serve that, and return how it ended; no process is left then.

        `began` is called as soon as there is a process, while that goes on.
        """
        deadline = time.monotonic() + self._spec.seconds
        self._child = child = self._spares.take(self._folder, self._spec.memory_bytes)
        try:
            outcome = self._run(child, began, deadline)
        except SandboxError as problem:
            return _failed("SYSTEM", f"GENERIC_INTERNAL_ERROR: the query's process could not be started: {problem}")
        finally:
            child.end()
            for relay in self._relays:
                relay.close()
        return self._checked(outcome)

    def _run(self, child: Child, began: Callable[[], None], deadline: float) -> Outcome:
        if child.connection is not None:
            self._tell(child.connection)
            began()
            return self._serve(child.connection, deadline)
        child.start()
        began()
        outcome = self._wait_for(child.listener, deadline)
        if outcome is not None:
            return outcome
        connection = child.accept()
        self._tell(connection)
        return self._serve(connection, deadline)

    def _tell(self, connection: socket.socket) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended: the next receive says so
            connection.sendall(msgspec.json.encode(self._spec) + b"\n")

    def _serve(self, connection: socket.socket, deadline: float) -> Outcome:
        pending = b""
        while True:
            outcome = self._wait_for(connection, deadline)
            if outcome is not None:
                return outcome
            data = _receive(connection)
            if not data:
                return self._died()
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                message = _decoder.decode(line)
                if isinstance(message, Outcome):
                    return message
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(msgspec.json.encode(self._answer(message)) + b"\n")

    def _wait_for(self, sock: socket.socket, deadline: float) -> Outcome | None:
        """Until the socket has something; an outcome where the query is over before."""
        child = self._child
        assert child is not None
        there = not self._cancelled and child.wait_for(sock, deadline - time.monotonic())
        if self._cancelled:
            return _failed("CANCELLED", "Query cancelled by user")
        if there:
            return None
        if child.has_ended() or time.monotonic() < deadline:
            return self._died()
        return _failed("USER", f"Query timeout: the query ran longer than {self._spec.seconds:g} seconds and was ended")

    def _answer(self, message: Any) -> messages.Answer:
        try:
            return messages.Answer(self._look_up(message))
        except ServiceError as error:
            return messages.Answer(None, error.code, str(error.fields.get("BucketName", error.message)))

    def _look_up(self, message: Any) -> Any:
        scope, desk = self._spec.scope, self._desk
        match message:
            case messages.AskTable():
                return desk.table(scope, message.catalog, message.database, message.name)
            case messages.AskDatabases():
                return desk.databases(scope, message.catalog)
            case messages.AskTables():
                return list(desk.tables(scope, message.database))
            case messages.AskPartitions():
                return list(desk.partitions(scope, message.database, message.name))
            case messages.AskObjects():
                return list_folders(desk.list_objects, message.prefixes)
            case messages.AskFiles():
                return self._stage(message.objects)
            case messages.AskInvoke():
                return desk.invoke(scope, message.function, message.payload.encode()).decode()
            case messages.AskFederated():
                return self._reach(desk.federated(scope, message.catalog))
        raise AssertionError(message)

    def _stage(self, objects: list[tuple[str, str, str]]) -> None:
        made: set[Path] = set()
        for bucket, key, place in objects:
            parts = PurePosixPath(place).parts
            if ".." in parts or place.startswith("/"):
                raise ServiceError(f"{place!r} is no place for a staged file")
            target = self._staged / place
            if target.parent not in made:
                target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                made.add(target.parent)
            self._desk.fetch_object(bucket, key, target)

    def _reach(self, found: dict[str, str] | None) -> dict[str, str] | None:
        """Let the process come to another database: by a copy of its file, or a socket that leads to its port."""
        if found is None:
            return None
        assert self._child is not None
        number = len(self._relays)
        url = urlsplit(found["url"])
        if found["kind"] == "sqlite":
            name = f"catalog-{uuid.uuid4()}"
            self._desk.fetch_object(url.netloc, unquote(url.path[1:]), self._staged / f"{name}.stored")
            _copy_sqlite(self._staged / f"{name}.stored", self._staged / name)
            return {**found, "staged": name}
        port = url.port or _PORTS[found["kind"]]
        name = f".s.PGSQL.{5432 + number}"  # as libpq finds it
        self._relays.append(Relay(self._child.sockets / name, url.hostname or "localhost", port))
        return {**found, "socket": name}

    def _checked(self, outcome: Outcome) -> Outcome:
        """With the paths as the host sees them, all of them files of the work folder."""
        work = self._folder / "work"

        def host_path(path: str) -> str:
            found = (work / path).resolve()
            if not found.is_relative_to(work.resolve()) or not found.is_file():
                raise SandboxError(f"the query's process named a file that isn't its own: {path}")
            return str(found)

        outcome.result = host_path(outcome.result) if outcome.result else ""
        outcome.written = [msgspec.structs.replace(item, path=host_path(item.path)) for item in outcome.written]
        return outcome

    def _died(self) -> Outcome:
        """The process has gone without an outcome."""
        assert self._child is not None
        text = self._child.last_words()
        if "MemoryError" in text or "bad_alloc" in text or "Cannot allocate memory" in text:
            return _failed("USER", "EXCEEDED_LOCAL_MEMORY_LIMIT: Query exhausted resources at this scale factor")
        last = text.strip().rpartition("\n")[2]
        return _failed("SYSTEM", f"GENERIC_INTERNAL_ERROR: the query's process ended unexpectedly. {last}".strip())


def _copy_sqlite(path: Path, target: Path) -> None:
    """The database once more, without the write-ahead log for which readers would need a folder to write to."""
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(path))}?immutable=1", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as problem:
        raise ServiceError(f"the object is no SQLite database: {problem}", code="GENERIC_USER_ERROR") from None
    target.chmod(0o444)


def _failed(kind: Any, message: str) -> Outcome:
    return Outcome(ok=False, error_kind=kind, message=message)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 20)
    except ConnectionResetError:
        return b""
