"""A named pipe that takes a worker's output; its lines go to the log in batches."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from clary.clock import Clock
from clary.errors import ServiceError

_CHUNK = 65536
_LONGEST_LINE = 1 << 18  # what CloudWatch takes as one event
_BATCH_SECONDS = 0.1

log = logging.getLogger("clary.hosting")

Append = Callable[[list[tuple[float, str]]], None]


class LogBatches:
    """Hands lines to `append` on a thread, those of a moment together. Belongs to the event loop it is made on."""

    def __init__(self, append: Append, clock: Clock) -> None:
        self._append = append
        self._clock = clock
        self._lines: list[tuple[float, str]] = []
        self._flushing: asyncio.Task[None] | None = None

    def add(self, lines: Iterable[str]) -> None:
        """Take lines, which came now."""
        now = self._clock.now()
        self._lines += [(now, line) for line in lines]
        if self._lines and self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def close(self) -> None:
        """Return when all lines are written."""
        while self._flushing is not None:
            await self._flushing

    async def _flush(self) -> None:
        try:
            while self._lines:
                await asyncio.sleep(_BATCH_SECONDS)
                lines, self._lines = self._lines, []
                try:
                    await asyncio.to_thread(self._append, lines)
                except ServiceError as error:  # a full disk
                    log.error("%d lines of a worker's output are lost: %s", len(lines), error)
        finally:
            self._flushing = None


class LogPipe:
    """Reads on the event loop it is made on, hands lines to `append` on a thread."""

    def __init__(self, path: Path, append: Append, clock: Clock) -> None:
        os.mkfifo(path, 0o600)
        self._batches = LogBatches(append, clock)
        # opened for writing too: the pipe has no end while workers come and go
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._file, self._read)

    def say(self, line: str) -> None:
        """Put in a line that is not the worker's own."""
        self._take([line.encode()])

    async def close(self) -> None:
        """Take what is left and close."""
        self._loop.remove_reader(self._file)
        self._read()
        os.close(self._file)
        if self._rest:
            self._take([self._rest])
        await self._batches.close()

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while data := os.read(self._file, _CHUNK):
                *lines, self._rest = (self._rest + data).split(b"\n")
                if len(self._rest) > _LONGEST_LINE:
                    lines.append(self._rest)
                    self._rest = b""
                self._take(lines)
                if len(data) < _CHUNK:
                    break

    def _take(self, lines: list[bytes]) -> None:
        self._batches.add(text for line in lines if (text := line.decode("utf-8", "replace").rstrip()))
