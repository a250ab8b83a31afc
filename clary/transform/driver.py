"""A transform's driver: the process that starts the model's containers, feeds them and writes whole outputs.

It is forked from the warm parent with the folder of a transform, and dies with the server: the next one starts another,
which goes on with the objects that aren't in the journal. The server only uploads and logs.
"""

import asyncio
import errno
import gzip
import os
import time
import zlib
from collections import deque
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from clary.durable import sync_path, write_whole
from clary.errors import ClientError
from clary.hosting.spec import ContainerSpec
from clary.jobs.journal import Journal
from clary.jobs.outcome import DISK_FULL, REASON_MAX
from clary.jobs.supervisor import take_lock
from clary.transform.capture import began
from clary.transform.containers import Ground, Instance, Limits, Refused
from clary.transform.plan import End, read_plan
from clary.transform.processing import Processing
from clary.transform.spec import TransformSpec
from clary.transform.splitting import split

REASON = "See job logs for more information"
SMALL = 64 << 10  # a payload up to this size isn't worth a thread
MIB = 1 << 20


def main(argument: dict[str, Any]) -> int:
    """Run a transform to its end; `argument` has its folder, one for sockets, and what each instance may use."""
    folder = Path(argument["folder"])
    log = os.open(folder / "driver.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    while take_lock(folder) is None:
        pass  # the driver of a server that was killed: it is about to end too
    spec = msgspec.json.decode((folder / "job.json").read_bytes(), type=TransformSpec)
    containers = msgspec.convert(argument["containers"], list[ContainerSpec])  # with what their images made of them
    spec = msgspec.structs.replace(spec, containers=containers)
    ground = Ground(folder, Path(argument["sockets"]), argument["memory_bytes"], argument["threads"])
    instances = [Instance(number, spec, ground) for number in range(len(spec.instances))]
    try:
        reason = asyncio.run(Driver(folder, spec).run(instances))
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        reason = f"ClientError: {DISK_FULL}"
    finally:
        for instance in instances:
            instance.end()
    end = End(outcome="Failed" if reason else "Completed", time=time.time(), reason=reason)
    write_whole(folder / "end.json", msgspec.json.encode(end))
    return 0


class DataLog:
    """What an instance's transform says of its objects."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def say(self, *lines: str) -> None:
        """Add lines, each with the time."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        with self._path.open("a") as file:
            file.writelines(f"{now}:[sagemaker logs]: {line}\n" for line in lines)


class Output:
    """The output of one object, written as the answers come."""

    def __init__(self, folder: Path, number: int, *, lines: bool) -> None:
        self._path = folder / "output" / str(number)
        self._draft = self._path.with_suffix(".part")
        self._lines = lines
        self._file = self._draft.open("wb")
        self.number = number
        self.batches = 0
        self.reason = ""

    @property
    def failed(self) -> bool:
        """Whether a part of it can't be had."""
        return bool(self.reason)

    def add(self, answer: bytes) -> None:
        """The answer to the next payload."""
        self._file.write(answer)
        if self._lines and not answer.endswith(b"\n"):
            self._file.write(b"\n")

    def finish(self) -> None:
        """Make it whole, or drop it where a part of it is missing."""
        with self._file:
            if not self.failed:
                self._file.flush()
                os.fsync(self._file.fileno())
        if self.failed:
            self._draft.unlink()
            return
        self._draft.rename(self._path)
        sync_path(self._path.parent)


class Driver:
    """One transform."""

    def __init__(self, folder: Path, spec: TransformSpec) -> None:
        self._folder = folder
        self._spec = spec
        self._objects = read_plan(folder)
        self._processing = Processing(spec, began(folder))
        self._journal = Journal(folder / "journal")
        self._turn = asyncio.Lock()
        self._failure = ""

    async def run(self, instances: list[Instance]) -> str:
        """Transform all objects that aren't done; why it failed, if it did."""
        for entry in self._journal.entries:
            self._failure = self._failure or entry["reason"]
        await asyncio.gather(*(self._use(instance, len(instances)) for instance in instances))
        return self._failure

    async def _use(self, instance: Instance, count: int) -> None:
        """Transform every object whose number is this instance's, modulo the number of instances."""
        done = {entry["object"] for entry in self._journal.entries}
        mine = [number for number in range(instance.number, len(self._objects), count) if number not in done]
        log = DataLog(self._folder / "logs" / f"{instance.number}.data")
        try:
            limits = await instance.come_up()
        except Refused as refused:
            log.say(*refused.lines)
            self._failure = self._failure or f"{refused.kind}: {REASON} ({refused})"
            return
        log.say(
            f"MaxConcurrentTransforms={limits.concurrent}, MaxPayloadInMB={limits.payload_mb}, "
            f"BatchStrategy={limits.strategy}"
        )
        await Window(self, instance, limits, log).transform(mine)

    async def answer(self, instance: Instance, payload: bytes) -> bytes:
        """What goes into the output for a payload."""
        processing = self._processing
        body = await _aside(payload, processing.prepare, payload) if processing.filters else payload
        answer = await instance.invoke(body)
        return await _aside(payload, processing.finish, payload, answer) if processing.finishes else answer

    def payloads(self, number: int, limits: Limits) -> Generator[list[bytes], None, None]:
        """The payloads of an object."""
        single = limits.strategy == "SINGLE_RECORD"
        with self._open(number) as stream:
            yield from split(stream, self._spec.split, limits.payload_mb * MIB, single=single)

    def _open(self, number: int) -> BinaryIO:
        path = self._folder / "input" / str(number)
        return cast(BinaryIO, gzip.open(path)) if self._spec.gunzip else path.open("rb")

    def begin(self, number: int) -> Output:
        """The output of an object, empty."""
        return Output(self._folder, number, lines=self._spec.assemble == "Line")

    def fail(self, output: Output, refused: Refused, log: DataLog) -> None:
        """An object can't be transformed: say so once; the others are still transformed."""
        if output.failed:
            return
        name = self._objects[output.number].name
        log.say(*(f"{name}: {line}" for line in (f"batch {output.batches + 1} failed", *refused.lines)))
        said = " ".join(filter(None, refused.lines))
        output.reason = f"{refused.kind}: {REASON} ({name}, batch {output.batches + 1}: {said})"[:REASON_MAX]
        self._failure = self._failure or output.reason

    async def finish(self, output: Output) -> None:
        """All payloads of an object are answered: from here on it is done."""
        await asyncio.to_thread(output.finish)
        async with self._turn:  # a journal has one writer
            await asyncio.to_thread(self._journal.append, {"object": output.number, "reason": output.reason})


class Window:
    """The requests of one instance: so many on their way at once, their answers taken in their order."""

    def __init__(self, driver: Driver, instance: Instance, limits: Limits, log: DataLog) -> None:
        self._driver = driver
        self._instance = instance
        self._limits = limits
        self._log = log
        self._waiting: deque[tuple[Output, asyncio.Task[bytes] | None]] = deque()

    async def transform(self, numbers: list[int]) -> None:
        """Transform objects; the last requests of one are on their way together with the first of the next."""
        for number in numbers:
            output = self._driver.begin(number)
            await self._send_all(output)
            self._waiting.append((output, None))
        while self._waiting:
            await self._take_first()

    async def _send_all(self, output: Output) -> None:
        payloads = self._driver.payloads(output.number, self._limits)
        try:
            while not output.failed and (batch := await asyncio.to_thread(next, payloads, None)) is not None:
                for payload in batch:
                    while len(self._waiting) >= self._limits.concurrent:
                        await self._take_first()
                    answer = asyncio.create_task(self._driver.answer(self._instance, payload))
                    self._waiting.append((output, answer))
        except ClientError as problem:
            await self._give_up(output, str(problem))
        except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
            await self._give_up(output, f"Unable to decompress the object: {problem}")
        finally:
            payloads.close()

    async def _give_up(self, output: Output, problem: str) -> None:
        """The object can't be read on; what was sent before is answered first, for the batch's number."""
        while self._waiting:
            await self._take_first()
        self._driver.fail(output, Refused("ClientError", problem), self._log)

    async def _take_first(self) -> None:
        """Wait for the oldest answer and write it."""
        output, answer = self._waiting.popleft()
        if answer is None:
            await self._driver.finish(output)
            return
        try:
            output.add(await answer)
            output.batches += 1
        except ClientError as problem:
            self._driver.fail(output, Refused("ClientError", str(problem)), self._log)
        except Refused as refused:
            self._driver.fail(output, refused, self._log)


async def _aside(payload: bytes, function: Callable[..., bytes], *arguments: bytes) -> bytes:
    return await asyncio.to_thread(function, *arguments) if len(payload) > SMALL else function(*arguments)
