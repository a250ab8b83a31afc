"""What a worker prints: taken from a named pipe, cut into events for its log stream, its end kept for the caller."""

import os
import time
from contextlib import suppress
from pathlib import Path

from clary.clock import Clock
from clary.functions.logbook import Logbook
from clary.functions.spec import FunctionSpec

_TAIL_BYTES = 4096
_CHUNK, _PIPE = 1 << 16, 1 << 20  # read at a time; more than a pipe holds
_LONGEST_EVENT = 256 * 1024 - 26  # what CloudWatch takes as one
_FREE_BYTES, _BYTES_A_SECOND = 16 << 20, 1 << 20


class Output:
    """The output of one worker. Used by one thread at a time."""

    def __init__(self, path: Path, logbook: Logbook, clock: Clock, spec: FunctionSpec, stream: str) -> None:
        os.mkfifo(path, 0o600)
        self.path = path
        # opened for writing too: the pipe has no end while the function's processes come and go
        self.file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._logbook = logbook
        self._clock = clock
        self._place = (spec.account, spec.region), spec.log_group, stream
        self._rest = b""
        self._began, self._taken = time.monotonic(), 0
        self.tail = b""

    def begin(self) -> None:
        """From now on it is the output of another event."""
        self._began, self._taken, self.tail = time.monotonic(), 0, b""

    def say(self, line: str) -> None:
        """An event that is not the function's own."""
        self._take([self._rest, line.encode()] if self._rest else [line.encode()])
        self._rest = b""

    def may_flow(self) -> bool:
        """Whether more may be taken now: who prints without end, and much, has to wait, and the disk lasts."""
        return self._taken <= _FREE_BYTES + (time.monotonic() - self._began) * _BYTES_A_SECOND

    def drain(self, most: int = _PIPE) -> None:
        """Take what was printed so far, or about as many bytes of it."""
        with suppress(BlockingIOError):
            while most > 0 and (data := os.read(self.file, min(most, _CHUNK))):
                most -= len(data)
                self._taken += len(data)
                *lines, self._rest = (self._rest + data).split(b"\n")
                if len(self._rest) > _LONGEST_EVENT:
                    lines.append(self._rest)
                    self._rest = b""
                self._take(lines)

    def close(self) -> None:
        """Take what is left."""
        self.drain()
        if self._rest:
            self._take([self._rest])
        os.close(self.file)

    def _take(self, lines: list[bytes]) -> None:
        now = self._clock.now()
        pieces = [line[at : at + _LONGEST_EVENT] for line in lines for at in range(0, len(line) or 1, _LONGEST_EVENT)]
        events = [(now, piece.decode("utf-8", "replace").replace("\r", "\n") + "\n") for piece in pieces]
        self._logbook.add(self._place, events)
        text = "".join(message for _, message in events[-_TAIL_BYTES:]).encode()
        self.tail = (self.tail + text)[-_TAIL_BYTES:]
