"""One process that runs a function: started in its sandbox, given one event at a time, ended."""

import math
import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from clary.clock import Clock
from clary.config import Settings
from clary.functions import bootstrap, log_lines
from clary.functions.archive import Archives
from clary.functions.logbook import Logbook
from clary.functions.output import Output
from clary.functions.spec import Event, FunctionHost, FunctionSpec
from clary.sandbox import Mount, Program, SandboxError, WarmParent

_FORK = "clary.functions.worker_process:main"
_SOCKETS, _TASK, _LAYERS, _RUNTIME = "/run/clary", "/var/task", "/opt", "/var/runtime"
_HEAD = bootstrap.HEAD
_LOOK_SECONDS = 1.0
_HELD_SECONDS = 0.02  # between two looks at a function whose output is held up
_PIECE = 1 << 17
_ENDING_SECONDS = 5.0
_INIT_SECONDS = 10.0
_MOST_BYTES = 7 * 1024 * 1024  # a message of a worker that speaks as ours does is smaller
_PROCESSES = 1024  # and threads, as AWS has it
_MIB_A_CORE = 1769  # AWS gives one core for so much memory


@dataclass(frozen=True, slots=True)
class Ground:
    """What workers stand on: given to all of them."""

    settings: Settings
    clock: Clock
    host: FunctionHost
    warm: WarmParent
    archives: Archives
    logbook: Logbook
    folder: Path
    sockets: Path


class Message(NamedTuple):
    """What a worker sends: "ready", "failed", "answer" or "error"; its largest memory in KiB, and JSON."""

    kind: str
    peak_kib: int
    content: bytes


class WorkerEnded(Exception):
    """The process has ended by itself; `status` as a shell has it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Worker:
    """A process for one FunctionSpec. Used by one thread at a time."""

    def __init__(self, ground: Ground, spec: FunctionSpec, number: int) -> None:
        self.spec = spec
        self.started = self._killed = False
        self.born = self.idle_since = time.monotonic()
        self._ground = ground
        self._folder = ground.folder / str(number)
        self._folder.mkdir()
        self._socket = ground.sockets / str(number)
        self._socket.mkdir()
        self._ended = threading.Event()
        self._status = 0
        self._pid = 0
        self._connection: socket.socket | None = None
        self._pending = bytearray()
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime(ground.clock.now()))}/[{spec.version}]{ground.clock.hex(32)}"
        self.output = Output(self._folder / "output", ground.logbook, ground.clock, spec, stream)
        self._stream = stream

    def start(self) -> Message:
        """Start the process; returns its first message, which tells whether the handler was found.

        Raises WorkerEnded, TimeoutError, SandboxError where the kernel refuses sandboxes.
        """
        if not (self._ground.settings.allow_unsandboxed or self._ground.warm.namespaces):
            raise SandboxError(
                "The kernel refuses namespaces, so functions are not run (the setting allow_unsandboxed allows it)."
            )
        self.started = True
        until = time.monotonic() + _INIT_SECONDS + self.spec.timeout
        for line in log_lines.of_init(self.spec, self.stamp()):
            self.output.say(line)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self._socket / "s"))
            listener.listen(1)
            self._fork()
            self._await(listener, until)
            self._connection, _ = listener.accept()
        return self._receive(until)

    def perform(self, event: Event) -> Message:
        """Have an event handled; raises WorkerEnded, TimeoutError."""
        head = {"id": event.request_id, "arn": event.arn, "client_context": event.client_context}
        encoded = msgspec.json.encode({**head, "seconds": self.spec.timeout})
        until = time.monotonic() + self.spec.timeout
        assert self._connection is not None
        self._connection.settimeout(self.spec.timeout)
        try:
            self._connection.sendall(_HEAD.pack(len(encoded), len(event.payload)) + encoded + event.payload)
        except (BrokenPipeError, ConnectionResetError):
            raise self._end_of_process() from None
        return self._receive(until)

    def end(self) -> None:
        """Kill the process and remove what it leaves."""
        self.kill()
        if self._pid:
            self._ended.wait(_ENDING_SECONDS)
        self.output.close()
        if self._connection is not None:
            self._connection.close()
        for folder in (self._folder, self._socket):
            shutil.rmtree(folder, ignore_errors=True)

    def kill(self) -> None:
        """End the process at once, or as soon as it has started."""
        self._killed = True
        if self._pid and not self._ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def stamp(self) -> str:
        """The time as AWS's log lines have it."""
        now = self._ground.clock.now()
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"

    def alive(self) -> bool:
        """Whether the process still runs."""
        return not self._ended.is_set()

    def _fork(self) -> None:
        def on_exit(status: int) -> None:
            self._status = status
            self._ended.set()

        argument = msgspec.to_builtins(self._program())
        try:
            self._pid, _ = self._ground.warm.fork(_FORK, argument, detached=False, on_exit=on_exit)
            if self._killed:
                self.kill()
        except SandboxError as problem:
            self.output.say(f"The function's sandbox could not be started: {problem}")
            on_exit(1)

    def _program(self) -> Program:
        spec, archives = self.spec, self._ground.archives
        layers = list(archives.unpacked(spec.layers).iterdir()) if spec.layers else []
        return Program(
            command=[sys.executable, "-s", f"{_RUNTIME}/bootstrap.py"],
            arguments=[f"{_SOCKETS}/s", _TASK, _LAYERS, str(spec.memory_mib << 20)],
            environment=self._environment(),
            mounts=[
                Mount(str(archives.unpacked([spec.code])), _TASK),
                # one by one, as an environment may lie in /opt too; a link would be followed here, not inside
                *(Mount(str(path), f"{_LAYERS}/{path.name}") for path in layers if not path.is_symlink()),
                Mount(bootstrap.__file__, f"{_RUNTIME}/bootstrap.py"),
                Mount(str(self._socket), _SOCKETS, writable=True),
            ],
            output=str(self.output.path),
            folder=str(self._folder),
            hostname="lambda",
            processes=_PROCESSES,
            threads=math.ceil(spec.memory_mib / _MIB_A_CORE),
            allow_unsandboxed=self._ground.settings.allow_unsandboxed,
        )

    def _environment(self) -> dict[str, str]:
        spec = self.spec
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
            "LD_LIBRARY_PATH": "/var/task:/var/task/lib:/opt/lib",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": "/tmp",  # noqa: S108 - its own
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": _TASK,
            "LAMBDA_RUNTIME_DIR": _RUNTIME,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_REGION": spec.region,
            "AWS_DEFAULT_REGION": spec.region,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mib),
            "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._stream,
            "AWS_LAMBDA_LOG_FORMAT": "JSON" if spec.json_log else "Text",
            **({"AWS_LAMBDA_LOG_LEVEL": spec.application_log_level} if spec.application_log_level else {}),
            "_HANDLER": spec.handler,
            **self._ground.host.credentials(spec.account, spec.role, spec.name),
            **spec.environment,
        }

    def _await(self, source: socket.socket, until: float) -> None:
        """Wait until there is something to read, taking what the function prints meanwhile."""
        poll = select.poll()
        poll.register(source, select.POLLIN)
        poll.register(self.output.file, select.POLLIN)
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = {number for number, _ in poll.poll(min(left, _LOOK_SECONDS) * 1000)}
            if source.fileno() in ready:
                return
            if self.output.file in ready:
                if self.output.may_flow():
                    self.output.drain(_PIECE)
                else:
                    time.sleep(_HELD_SECONDS)
            if self._ended.is_set():
                raise self._end_of_process()

    def _receive(self, until: float) -> Message:
        connection, pending = self._connection, self._pending
        assert connection is not None
        while True:
            message = _take(pending)
            if message:
                self.output.drain()
                return message
            self._await(connection, until)
            try:
                data = connection.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                raise self._end_of_process()
            pending += data

    def _end_of_process(self) -> WorkerEnded:
        self._ended.wait(_ENDING_SECONDS)
        self.output.drain()
        return WorkerEnded(self._status)


def _take(pending: bytearray) -> Message | None:
    """The message at the beginning of what came, if it is whole; raises WorkerEnded for what is none."""
    if len(pending) < _HEAD.size:
        return None
    head, body = _HEAD.unpack_from(pending)
    if head + body > _MOST_BYTES:
        raise WorkerEnded(1)
    end = _HEAD.size + head + body
    if len(pending) < end:
        return None
    try:
        told: dict[str, Any] = msgspec.json.decode(pending[_HEAD.size : _HEAD.size + head], type=dict[str, Any])
        message = Message(str(told["kind"]), int(told["peak_kib"]), bytes(pending[_HEAD.size + head : end]))
    except (msgspec.DecodeError, KeyError, ValueError):
        raise WorkerEnded(1) from None
    del pending[:end]
    return message
