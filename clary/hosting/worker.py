"""One container of one instance: a process kept running and kept to the contract of /ping and /invocations."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from clary.clock import Clock
from clary.config import Settings
from clary.hosting.connection import Pool, WorkerLost, compose
from clary.hosting.elastic_inference import threads_of
from clary.hosting.log_pipe import LogPipe
from clary.hosting.readings import Readings
from clary.hosting.spec import ContainerSpec, VariantSpec
from clary.images.contained import contained
from clary.jobs.host import Host
from clary.sandbox import Mount, Program, SandboxError, WarmParent

ENTRY = "clary.algorithms.__main__:main"  # called with [algorithm, "serve"]
_FORK = "clary.hosting.worker_process:main"
SOCKET = "worker.sock"
_SOCKET_FOLDER = "/run/clary"
_PING = compose("GET", "/ping", [])
_STARTING_LOOK, _RUNNING_LOOK = 0.01, 5.0  # seconds between pings
_PING_SECONDS = 2.0
_DYING_SECONDS = 0.05  # a connection is lost a little before the end of its process is known
_PINGS_MISSED = 12  # then it is taken for dead: a long prediction holds up the pings
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0  # before a restart
_STOP_SECONDS = 5.0


class NotHealthyError(Exception):
    """The worker did not come up."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What workers stand on: given to all of them."""

    host: Host
    warm: WarmParent
    clock: Clock
    settings: Settings
    readings: Readings


class Worker:
    """Start it with `keep_running` as a task; `started` tells whether it ever came up."""

    def __init__(
        self, ground: Ground, variant: VariantSpec, container: ContainerSpec, model: Path, folder: Path, sockets: Path
    ) -> None:
        self._ground = ground
        self._variant = variant
        self._container = container
        self._model = model
        self._folder = folder
        self._sockets = sockets
        self._pid = 0
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._look = asyncio.Event()  # something may have happened to the process
        self.up = False
        self.pool = Pool(str(sockets / SOCKET))
        self.started: asyncio.Future[None] = self._loop.create_future()
        self.started.add_done_callback(lambda started: started.exception())  # nobody may be waiting for it

    async def keep_running(self, log: LogPipe, output: Path) -> None:
        """Start the process, and again whenever it ends, until `stop`."""
        isolated = self._variant.network_isolation
        program = serving_program(self._container, self._model, self._folder, self._sockets, output, isolated=isolated)
        program.threads = threads_of(self._variant.accelerator_type)
        if self._variant.serverless:
            program.memory_bytes = self._variant.serverless.memory_bytes
        socket = str(self._sockets / SOCKET)
        program = contained(
            program, self._container.container, self._container.environment, isolated=isolated, socket=socket
        )
        try:
            await self._keep_running(program)
        finally:
            if not self.started.done():
                self.started.set_exception(NotHealthyError())
            await log.close()

    async def _keep_running(self, program: Program) -> None:
        pause = _FIRST_PAUSE
        while not self._stopped.done():
            ended = await self._fork(program)
            if await self._comes_up(ended):
                pause = _FIRST_PAUSE
                await self._watch(ended)
                self.up = False
            await self._end(ended)
            if not self.started.done():
                return
            await self._ends_within(self._stopped, pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def doubt(self) -> None:
        """A connection was lost: it has probably crashed, and takes no requests until it has answered a ping.

        Called on the server's event loop.
        """
        self.up = False
        self._loop.call_soon_threadsafe(self._look.set)

    def stop(self) -> None:
        """Ask it to end; `keep_running` returns when it has."""
        if not self._stopped.done():
            self._stopped.set_result(None)
        self._look.set()
        if self._pid:
            self._signal(signal.SIGTERM)

    async def _fork(self, program: Program) -> asyncio.Future[int]:
        """Start the process; the future holds its exit status in the end."""
        ended: asyncio.Future[int] = self._loop.create_future()
        ended.add_done_callback(lambda _: self._look.set())

        def on_exit(status: int) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_set, ended, status)

        socket = str(self._sockets / SOCKET)
        Path(socket).unlink(missing_ok=True)
        argument = {"program": msgspec.to_builtins(program), "socket": socket}
        try:
            self._pid, _ = await asyncio.to_thread(
                self._ground.warm.fork, _FORK, argument, detached=False, on_exit=on_exit
            )
        except SandboxError:
            ended.set_result(1)
        if self._stopped.done():
            self.stop()
        return ended

    async def _comes_up(self, ended: asyncio.Future[int]) -> bool:
        """Ping until it answers, ends, or has had its time."""
        end = self._loop.time() + self._variant.startup_seconds
        pool = Pool(str(self._sockets / SOCKET))
        while self._loop.time() < end:
            if await self._answers_ping(pool):
                self.pool = Pool(str(self._sockets / SOCKET))  # without the connections to its predecessor
                self.up = True
                if not self.started.done():
                    self.started.set_result(None)
                pool.close()
                return True
            if await self._ends_within(ended, _STARTING_LOOK):
                return False
        return False

    async def _watch(self, ended: asyncio.Future[int]) -> None:
        """Ping now and then, and when in doubt, until the process ends or has long missed its pings."""
        pool, missed = Pool(str(self._sockets / SOCKET)), 0
        while missed < _PINGS_MISSED:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), _RUNNING_LOOK)
            self._look.clear()
            if await self._ends_within(ended, _DYING_SECONDS):
                break
            if await self._answers_ping(pool):
                self.up, missed = True, 0
            else:
                missed += 1
        pool.close()

    async def _ends_within(self, ended: asyncio.Future[Any], seconds: float) -> bool:
        """Wait; True as soon as the process has ended or is no longer wanted."""
        done, _ = await asyncio.wait({ended, self._stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def _answers_ping(self, pool: Pool) -> bool:
        try:
            return (await pool.request(_PING, _PING_SECONDS)).status == 200
        except (WorkerLost, TimeoutError):
            return False

    async def _end(self, ended: asyncio.Future[int]) -> None:
        """Make sure that the process has ended."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if ended.done():
                break
            self._signal(number)
            await asyncio.wait([ended], timeout=_STOP_SECONDS)
        self._pid = 0

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)


def _set(future: asyncio.Future[int], status: int) -> None:
    if not future.done():
        future.set_result(status)


def serving_program(
    container: ContainerSpec, model: Path, folder: Path, sockets: Path, output: Path, *, isolated: bool
) -> Program:
    """A container's `serve`: its model is seen as /opt/ml, its socket lies in `sockets` as SOCKET."""
    return Program(
        entry=ENTRY if container.algorithm else "",
        command=container.command,
        arguments=[container.algorithm, "serve"] if container.algorithm else [],
        allow_unsandboxed=container.allow_unsandboxed,
        environment={
            "HOME": "/tmp",  # noqa: S108 - its own
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            **container.environment,
            "CLARY_SOCKET": f"{_SOCKET_FOLDER}/{SOCKET}",
        },
        mounts=[Mount(str(model), "/opt/ml"), Mount(str(sockets), _SOCKET_FOLDER, writable=True), *container.mounts],
        output=str(output),
        folder=str(folder),
        network="none" if isolated else "host",
        root=container.root,
        working_folder=container.working_folder,
        port=container.port,
        port_socket=f"{_SOCKET_FOLDER}/{SOCKET}" if container.port else "",
    )
