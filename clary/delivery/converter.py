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
from clary.joined import Joined, join

_PROGRAM = "import sys; sys.path.append(sys.argv[2]); from clary.delivery.converter_program import main; main()"
_ROOT = Path(__file__).parents[2]
_PIPE_BYTES = 1024 * 1024
_SET_PIPE_SIZE = 1031
_AT_ONCE = 4
_MOST_ENDS = 64  # of processes by a batch's records; then those that ended one are not told apart any more

FATAL = "DataFormatConversion.ConversionFailureException"
"""The code that records have which end the process."""

Refused = list[tuple[int, str, str]]
"""Records that can't be converted: their numbers among those written, why, and the code of that."""


class Ended(OSError):
    """The process has ended."""

    def __init__(self) -> None:
        super().__init__("The process that converts records has ended")


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
            raise Ended from None
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
            self._waiting.get().set_exception(Ended())


class CarefulConverter(Converter):
    """For a batch that has ended its processes: what another process doesn't survive is refused, found by halving."""

    _trial: Converter | None = None
    _ends = 0

    def begin(self, conversion: Conversion, columns: Sequence[tuple[str, str]]) -> None:
        """A new batch; Ended where a process that is given no record doesn't survive either."""
        self._batch = conversion, columns
        if not self._survives(join([])):
            raise Ended
        super().begin(conversion, columns)

    def write(self, file: int, parts: Sequence[Joined]) -> Future[Refused]:
        """Add records to a file: of them come back those that don't fit, numbered through all parts."""
        answer: Future[Refused] = Future()
        answer.set_result(self._write(file, join([record for part in parts for record in part]), 0))
        return answer

    def end(self) -> None:
        """End both processes."""
        super().end()
        if self._trial:
            self._trial.end()

    def _write(self, file: int, records: Joined, first: int) -> Refused:
        if self._survives(records):
            refused = super().write(file, [records]).result()
            return [(first + number, why, code) for number, why, code in refused]
        if (count := len(records)) == 1 or self._ends > _MOST_ENDS:
            culprit = "this record" if count == 1 else f"one of {count:,} records, of which this is one"
            why = f"The process that converts records ends by {culprit}"
            return [(number, why, FATAL) for number in range(first, first + count)]
        halves = join(records[: count // 2]), join(records[count // 2 :])
        return self._write(file, halves[0], first) + self._write(file, halves[1], first + count // 2)

    def _survives(self, records: Joined) -> bool:
        """Whether another process can convert records."""
        trial = self._trial = self._trial or Converter()
        try:
            trial.begin(*self._batch)
            file, opened = trial.open(Path(os.devnull))
            written = trial.write(file, [records])
            trial.close(file)
            opened.result()
            written.result()
        except Ended:
            trial.end()
            self._trial = None
            self._ends += 1
            return False
        return True


class Converters:
    """Lends processes, a few at once, for each holds records and columns in memory; keeps an idle one for a while."""

    def __init__(self) -> None:
        self._idle: Converter | None = None
        self._lock = threading.Lock()
        self._places = threading.Semaphore(_AT_ONCE)

    @contextmanager
    def lend(self, *, careful: bool = False) -> Iterator[Converter]:
        """One that nobody else has; the thread that begins one must live as long as it."""
        with self._places:
            converter = CarefulConverter() if careful else self._take()
            try:
                yield converter
            except BaseException:
                converter.end()  # with an order half given, or files open
                raise
            if careful:
                converter.end()
            else:
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
