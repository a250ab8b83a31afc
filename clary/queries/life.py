"""The server's side of one query: starts its process, answers what it asks, ends it."""

import os
import select
import shutil
import signal
import socket
import sqlite3
import tempfile
import threading
import time
import uuid
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from clary.errors import ServiceError
from clary.queries import messages
from clary.queries.desk import Desk
from clary.queries.places import SOCKET, Places
from clary.queries.relay import Relay
from clary.queries.spec import Outcome, QuerySpec
from clary.sandbox import SandboxError, WarmParent, is_running

_FORK = "clary.queries.process:main"
_NOTE = "process.json"
_PROCESSES = 4096  # threads of DuckDB and Arrow; where the server is no root, all of its user count
_END_SECONDS = 10.0
_PORTS = {"postgresql": 5432, "mysql": 3306}

_decoder = msgspec.json.Decoder(messages.Message)


class _Leftover(msgspec.Struct):
    """What a later server needs to end the process of a killed one."""

    pid: int
    started: int
    sockets: str


class Life:
    """One query, from the start of its process to its end; `cancel` may be called from another thread."""

    def __init__(self, spec: QuerySpec, desk: Desk, warm: WarmParent, folder: Path) -> None:
        self._spec = spec
        self._desk = desk
        self._warm = warm
        self._folder = folder
        self._staged = folder / "staged"
        self._woken, self._waker = socket.socketpair()
        self._ended = threading.Event()
        self._cancelled = False
        self._pid = 0
        self._sockets = Path()
        self._relays: list[Relay] = []

    def cancel(self) -> None:
        """End the process."""
        self._cancelled = True
        self._wake()

    def close(self) -> None:
        """Let go of what a query needs, whether it has run or not."""
        self._woken.close()
        self._waker.close()

    def run(self) -> Outcome:
        """Start the process, serve it, and return how it ended; no process is left then."""
        self._sockets = Path(tempfile.mkdtemp(prefix="clary-"))  # short: a socket's path may have 107 characters
        try:
            return self._run(self._sockets)
        except SandboxError as problem:
            return _failed("SYSTEM", f"GENERIC_INTERNAL_ERROR: the query's process could not be started: {problem}")
        finally:
            self._end_process()
            for relay in self._relays:
                relay.close()
            shutil.rmtree(self._sockets, ignore_errors=True)
            shutil.rmtree(self._staged, ignore_errors=True)

    def _run(self, sockets: Path) -> Outcome:
        deadline = time.monotonic() + self._spec.seconds
        work = self._folder / "work"
        self._folder.mkdir(mode=0o700)
        for folder in (work, self._staged):
            folder.mkdir(mode=0o755)
        sockets.chmod(0o755)  # the sandbox's user has to come to the socket
        (work / "spec.json").write_bytes(msgspec.json.encode(self._spec))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(sockets / SOCKET))
            (sockets / SOCKET).chmod(0o666)
            listener.listen(1)
            self._fork(Places(str(work), str(self._staged), str(sockets)))
            outcome = self._wait_for(listener, deadline)
            if outcome is not None:
                return outcome
            connection, _ = listener.accept()
        with connection:
            return self._serve(connection, deadline)

    def _fork(self, places: Places) -> None:
        argument: dict[str, Any] = {
            "places": msgspec.to_builtins(places),
            "output": str(self._folder / "output.txt"),
            "folder": str(self._folder),
            "memory_bytes": self._spec.memory_bytes,
            "processes": _PROCESSES,
            "threads": 0,
        }
        self._pid, started = self._warm.fork(_FORK, argument, detached=False, on_exit=self._exited)
        leftover = _Leftover(self._pid, started, places.sockets)
        draft = self._folder / "process.json.part"
        draft.write_bytes(msgspec.json.encode(leftover))
        draft.rename(self._folder / _NOTE)

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
                    return self._checked(message)
                with suppress(BrokenPipeError, ConnectionResetError):  # it has ended: the next receive says so
                    connection.sendall(msgspec.json.encode(self._answer(message)) + b"\n")

    def _wait_for(self, sock: socket.socket, deadline: float) -> Outcome | None:
        """Until the socket has something; an outcome where the query is over before."""
        while True:
            ready, _, _ = select.select([sock, self._woken], [], [], max(0.0, deadline - time.monotonic()))
            if self._cancelled:
                return _failed("CANCELLED", "Query cancelled by user")
            if sock in ready:
                return None
            if self._woken in ready:
                return self._died()
            if time.monotonic() >= deadline:
                return _failed(
                    "USER", f"Query timeout: the query ran longer than {self._spec.seconds:g} seconds and was ended"
                )

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
                return [
                    [(item.key, item.size) for item in desk.list_objects(bucket, prefix)]
                    for bucket, prefix in message.prefixes
                ]
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
        number = len(self._relays)
        url = urlsplit(found["url"])
        if found["kind"] == "sqlite":
            name = f"catalog-{uuid.uuid4()}"
            self._desk.fetch_object(url.netloc, unquote(url.path[1:]), self._staged / f"{name}.stored")
            _copy_sqlite(self._staged / f"{name}.stored", self._staged / name)
            return {**found, "staged": name}
        port = url.port or _PORTS[found["kind"]]
        name = f".s.PGSQL.{5432 + number}"  # as libpq finds it
        self._relays.append(Relay(self._sockets / name, url.hostname or "localhost", port))
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
        self._ended.wait(_END_SECONDS)
        output = self._folder / "output.txt"
        text = output.read_text(errors="replace")[-2000:] if output.exists() else ""
        if "MemoryError" in text or "bad_alloc" in text or "Cannot allocate memory" in text:
            return _failed("USER", "EXCEEDED_LOCAL_MEMORY_LIMIT: Query exhausted resources at this scale factor")
        last = text.strip().rpartition("\n")[2]
        return _failed("SYSTEM", f"GENERIC_INTERNAL_ERROR: the query's process ended unexpectedly. {last}".strip())

    def _exited(self, status: int) -> None:  # noqa: ARG002 - the warm parent's interface
        self._ended.set()
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # the query is over
            self._waker.send(b"x")

    def _end_process(self) -> None:
        if self._pid and not self._ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._ended.wait(_END_SECONDS)


def end_leftover(folder: Path) -> None:
    """End the process of a query that a killed server left, if it still runs."""
    note = folder / _NOTE
    if not note.exists():
        return
    leftover = msgspec.json.decode(note.read_bytes(), type=_Leftover)
    if is_running(leftover.pid, leftover.started):
        with suppress(ProcessLookupError):
            os.kill(leftover.pid, signal.SIGKILL)
    shutil.rmtree(leftover.sockets, ignore_errors=True)
    note.unlink()


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
