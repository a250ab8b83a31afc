"""The server's handle of processes that write records of JSON into files of columns, so that it has its own time."""

from __future__ import annotations

import fcntl
import os
import queue
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from clary.delivery.converter_program import IDLE_SECONDS, Begin, Close, Done, Open, Order, Rest, Write
from clary.delivery.plan import Conversion
from clary.joined import Joined

_PROGRAM = "import sys; sys.path.append(sys.argv[2]); from clary.delivery.converter_program import main; main()"
_ROOT = Path(__file__).parents[2]
_PIPE_BYTES = 1024 * 1024
_SET_PIPE_SIZE = 1031
_AT_ONCE = 4
_ENDED = "The process that converts records has ended"

Refused = list[tuple[int, str, bool]]
"""Records that don't fit: their numbers among those written, why, and whether they are no JSON."""


class Converter:
    """One process; for one batch at a time."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-X", "utf8", "-c", _PROGRAM, str(os.getpid()), str(_ROOT)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=pipe, stdout=pipe, process_group=0
        )
        self._files = 0
        self._waiting: queue.SimpleQueue[Future[Refused]] = queue.SimpleQueue()
        threading.Thread(target=self._hear, name="converter", daemon=True).start()
        self.idle_since = 0.0
        assert self._process.stdin
        with suppress(OSError):
            fcntl.fcntl(self._process.stdin, _SET_PIPE_SIZE, _PIPE_BYTES)

    def begin(self, conversion: Conversion, columns: Sequence[tuple[str, str]]) -> None:
        """A new batch; does not wait for the process to have started."""
        self._order(Begin(conversion, list(columns)))

    def open(self, path: Path) -> tuple[int, Future[Refused]]:
        """A new file: its number, by which it may be written to at once, and whether that comes to anything."""
        self._files += 1
        return self._files, self._order(Open(self._files, str(path)))

    def write(self, file: int, parts: Sequence[Joined]) -> Future[Refused]:
        """Begin to add records to a file: of them come back those that don't fit, numbered through all parts."""
        lengths, texts = array("I"), [part.text for part in parts]
        for part in parts:
            lengths.extend(part.lengths)
        return self._order(Write(file, len(lengths), sum(map(len, texts))), lengths.tobytes(), *texts)

    def close(self, file: int) -> None:
        """End a file."""
        self._order(Close(file)).result()

    def rest(self) -> None:
        """The batch has ended: without another one soon, the process ends by itself."""
        with suppress(OSError):  # it has ended, which is seen before it is lent again
            self._order(Rest())
        self.idle_since = time.monotonic()

    def end(self) -> None:
        """End the process; what it was ordered fails."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            assert self._process.stdin
            self._process.stdin.close()

    def is_fresh(self) -> bool:
        """Whether it surely waits for orders."""
        return time.monotonic() < self.idle_since + IDLE_SECONDS / 2 and self._process.poll() is None

    def _order(self, order: Order, *content: bytes) -> Future[Refused]:
        assert self._process.stdin
        answer: Future[Refused] = Future()
        self._waiting.put(answer)
        try:
            for part in (msgspec.json.encode(order) + b"\n", *content):
                self._process.stdin.write(part)
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise OSError(_ENDED) from None
        return answer

    def _hear(self) -> None:
        """Give each order its answer."""
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                done, answer = msgspec.json.decode(line, type=Done), self._waiting.get()
                if done.problem:
                    answer.set_exception(OSError(done.number, done.problem))
                else:
                    answer.set_result(done.refused)
        self._process.wait()
        while not self._waiting.empty():  # who gives an order from now on can't write it
            self._waiting.get().set_exception(OSError(_ENDED))


class Converters:
    """Lends processes, a few at once, for each holds records and columns in memory; keeps an idle one for a while."""

    def __init__(self) -> None:
        self._idle: Converter | None = None
        self._lock = threading.Lock()
        self._places = threading.Semaphore(_AT_ONCE)

    @contextmanager
    def lend(self) -> Iterator[Converter]:
        """One that nobody else has; the thread that begins one must live as long as it."""
        with self._places:
            converter = self._take()
            try:
                yield converter
            except BaseException:
                converter.end()  # with an order half given, or files open
                raise
            converter.rest()
            self._keep(converter)

    def close(self) -> None:
        """End the one that is idle."""
        with self._lock:
            found, self._idle = self._idle, None
        if found:
            found.end()

    def _take(self) -> Converter:
        with self._lock:
            found, self._idle = self._idle, None
        if found is None or not found.is_fresh():
            if found:
                found.end()
            found = Converter()
        return found

    def _keep(self, converter: Converter) -> None:
        with self._lock:
            older, self._idle = self._idle, converter
        if older:
            older.end()
