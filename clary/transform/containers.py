"""The containers of one instance as a transform's driver sees them: started, asked, invoked."""

import asyncio
import signal
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from clary.hosting.connection import Pool, Response, WorkerLost, compose
from clary.hosting.worker import SOCKET, serving_program
from clary.images.contained import contained
from clary.jobs.staging import PROCESSES
from clary.sandbox import Program, Running, namespaces_available, start
from clary.transform.spec import TransformSpec

STARTUP_SECONDS = 480.0
PING_SECONDS = 2.0
LOOK_SECONDS = 0.01
DYING_SECONDS = 0.2  # a connection is lost a little before the end of its process is known
PAUSES = (0.1, 1.0, 5.0)  # before each retry
MOST_MB = 100


class Refused(Exception):
    """A request failed for good: AWS's kind of error, and the lines that go into the data log."""

    def __init__(self, kind: str, *lines: str) -> None:
        super().__init__(lines[0])
        self.kind = kind
        self.lines = lines


class Limits(NamedTuple):
    """How requests are made: what was asked for, or else what the container asks for, or else AWS's defaults."""

    concurrent: int
    payload_mb: int
    strategy: str


class Execution(msgspec.Struct):
    """A container's answer to GET /execution-parameters."""

    MaxConcurrentTransforms: int = 1
    BatchStrategy: Literal["MULTI_RECORD", "SINGLE_RECORD"] = "MULTI_RECORD"
    MaxPayloadInMB: int = 6


class Ground(NamedTuple):
    """Where instances stand, and what each of them may use."""

    folder: Path
    sockets: Path
    memory_bytes: int
    threads: int


class Instance:
    """Made while its process has one thread: sandboxes start by fork."""

    def __init__(self, number: int, spec: TransformSpec, ground: Ground) -> None:
        self.number = number
        self._spec = spec
        self._running: list[Running] = []
        self._pools: list[Pool] = []
        for place in range(len(spec.containers)):
            program, socket = _program(number, place, spec, ground)
            if not namespaces_available():
                program.environment["CLARY_SOCKET"] = socket
            self._running.append(start(program))
            self._pools.append(Pool(socket))

    def end(self) -> None:
        """End all processes."""
        for running in self._running:
            running.signal(signal.SIGKILL)
        for running in self._running:
            running.wait()

    async def come_up(self) -> Limits:
        """Wait until every container answers a ping, then ask the first how it wants its requests."""
        for place, (pool, running) in enumerate(zip(self._pools, self._running, strict=True)):
            await self._wait_for(pool, running, self._name(place))
        return self._limits(await self._ask())

    async def _wait_for(self, pool: Pool, running: Running, name: str) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + STARTUP_SECONDS
        ping = compose("GET", "/ping", [])
        while loop.time() < end and running.wait(0) is None:
            try:
                if (await pool.request(ping, PING_SECONDS)).status == HTTPStatus.OK:
                    return
            except (WorkerLost, TimeoutError):
                pass
            await asyncio.sleep(LOOK_SECONDS)
        problem = "did not answer a ping" if running.wait(0) is None else "ended before it answered a ping"
        raise Refused("AlgorithmError", f"The {name} container {problem}")

    async def _ask(self) -> Execution:
        """What the container wants; the defaults where it doesn't say, or says what makes no sense."""
        try:
            response = await self._pools[0].request(compose("GET", "/execution-parameters", []), PING_SECONDS)
            wanted = msgspec.json.decode(response.body, type=Execution)
        except (WorkerLost, TimeoutError, msgspec.DecodeError, UnicodeDecodeError):
            return Execution()
        sensible = wanted.MaxConcurrentTransforms > 0 and 0 < wanted.MaxPayloadInMB <= MOST_MB
        return wanted if response.status == HTTPStatus.OK and sensible else Execution()

    def _limits(self, wanted: Execution) -> Limits:
        spec = self._spec
        payload = spec.max_payload_mb or min(wanted.MaxPayloadInMB, MOST_MB // (spec.max_concurrent or 1))
        concurrent = spec.max_concurrent or min(wanted.MaxConcurrentTransforms, MOST_MB // payload)
        strategy = {"": wanted.BatchStrategy, "MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
        return Limits(concurrent, payload, strategy[spec.strategy])

    async def invoke(self, body: bytes) -> bytes:
        """The model's answer, through all containers; Refused where there is none."""
        content_type, last = self._spec.content_type, len(self._pools) - 1
        for place in range(len(self._pools)):
            headers = [("Content-Type", content_type), ("Accept", self._spec.accept if place == last else "")]
            response = await self._insist(place, compose("POST", "/invocations", headers, body))
            body, content_type = response.body, response.headers.get("content-type", "")
        return body

    async def _insist(self, place: int, message: bytes) -> Response:
        """Send a request again while that may help."""
        for pause in PAUSES[: self._spec.retries]:
            try:
                return await self._try(place, message)
            except Refused as problem:
                if problem.kind == "ClientError" or not self._running[place].alive():
                    raise
            await asyncio.sleep(pause)
        return await self._try(place, message)

    def _name(self, place: int) -> str:
        if len(self._spec.containers) == 1:
            return "primary"
        return self._spec.containers[place].hostname or f"container-{place + 1}"

    async def _try(self, place: int, message: bytes) -> Response:
        timeout, name = self._spec.timeout, self._name(place)
        try:
            response = await self._pools[place].request(message, timeout)
        except TimeoutError:
            raise Refused("AlgorithmError", f"The {name} container has not answered for {timeout:g} seconds") from None
        except WorkerLost as problem:
            if self._running[place].alive():
                await asyncio.sleep(DYING_SECONDS)
            gone = "" if self._running[place].alive() else "; it has ended"
            raise Refused("AlgorithmError", f"The {name} container did not answer: {problem}{gone}") from None
        if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            return response
        raise _word(response)


def _program(number: int, place: int, spec: TransformSpec, ground: Ground) -> tuple[Program, str]:
    """A container's program, and where its socket is on this machine."""
    own = f"{number}-{place}"
    folder, sockets = ground.folder / own, ground.sockets / own
    for made in (folder, sockets):
        made.mkdir(exist_ok=True)
    model, output = ground.folder / "models" / str(place), ground.folder / "logs" / str(number)
    isolated = spec.network_isolation
    program = serving_program(spec.containers[place], model, folder, sockets, output, isolated=isolated)
    limited = msgspec.structs.replace(
        program, memory_bytes=ground.memory_bytes, processes=PROCESSES, threads=ground.threads
    )
    container, socket = spec.containers[place], str(sockets / SOCKET)
    return contained(limited, container.container, container.environment, isolated=isolated, socket=socket), socket


def _word(response: Response) -> Refused:
    """An error status as AWS's data log words it."""
    text: Any = response.body.decode("utf-8", "replace").splitlines()
    if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused("ClientError", f"ClientError: {response.status}", "", "Message:", *text)
    return Refused(
        "AlgorithmError", f"Bad HTTP status received from algorithm: {response.status}", "", "Message:", *text
    )
