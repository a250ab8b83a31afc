"""What a worker prints: taken from a named pipe, cut into events for its log stream, its end kept for the caller."""

import os
from contextlib import suppress
from pathlib import Path

from clary.clock import Clock
from clary.functions.logbook import Logbook
from clary.functions.spec import FunctionSpec

_TAIL_BYTES = 4096
_CHUNK = 1 << 16
_LONGEST_EVENT = 256 * 1024 - 26  # what CloudWatch takes as one


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
        self.tail = b""

    def say(self, line: str) -> None:
        """An event that is not the function's own."""
        self._take([self._rest, line.encode()] if self._rest else [line.encode()])
        self._rest = b""

    def drain(self) -> None:
        """Take what was printed so far."""
        with suppress(BlockingIOError):
            while data := os.read(self.file, _CHUNK):
                *lines, self._rest = (self._rest + data).split(b"\n")
                while len(self._rest) > _LONGEST_EVENT:
                    lines.append(self._rest[:_LONGEST_EVENT])
                    self._rest = self._rest[_LONGEST_EVENT:]
                self._take(lines)

    def begin(self) -> None:
        """From now on the tail is that of another event."""
        self.tail = b""

    def close(self) -> None:
        """Take what is left."""
        self.drain()
        if self._rest:
            self._take([self._rest])
        os.close(self.file)

    def _take(self, lines: list[bytes]) -> None:
        now = self._clock.now()
        events = [(now, line.decode("utf-8", "replace").replace("\r", "\n") + "\n") for line in lines]
        self._logbook.add(self._place, events)
        text = "".join(message for _, message in events[-_TAIL_BYTES:]).encode()
        self.tail = (self.tail + text)[-_TAIL_BYTES:]
