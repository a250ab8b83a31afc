"""jq queries over records, in a process of their own: one that loops or takes all memory ends that process alone."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

RECORD_SECONDS = 5.0
"""What a query may take for one record."""

_START_SECONDS = 60.0
_LINE_BYTES = 4 << 20
_MOST_ENDS = 3  # of the process in a group of records; then the rest of the group fails, too
_MODULES = re.compile(r"(?:\s|#[^\n]*(?:\n|\Z))*(?:module|import|include)\b")
_PROGRAM = Path(__file__).with_name("query_program.py")


class Result(NamedTuple):
    """What a query makes of a record, or what is wrong."""

    value: Any = None
    problem: str = ""


class Query:
    """A jq query; for one thread at a time. Its process starts when it is needed and knows nothing of the server's."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def check(self) -> None:
        """Raise ValueError with what is wrong with the query."""
        if _MODULES.match(self._text):
            raise ValueError("modules can't be loaded")
        self._start()

    def first(self, texts: Sequence[str]) -> list[Result]:
        """The first value that the query makes of each JSON text."""
        found: list[Result] = []
        ends = 0
        while len(found) < len(texts):
            if ends == _MOST_ENDS:
                found += [found[-1]] * (len(texts) - len(found))
                break
            try:
                self._ask(_some(texts[len(found) :]), found)
            except ValueError as problem:
                ends += 1
                found.append(Result(problem=str(problem)))
        return found

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with suppress(OSError):
            process.communicate()

    def _ask(self, texts: Sequence[str], found: list[Result]) -> None:
        """Add the results; ValueError says why the process ended at the record that is next."""
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended; what it answered is read first
            self._process.stdin.write(msgspec.json.encode(texts) + b"\n")
            self._process.stdin.flush()
        for _ in texts:
            found.append(self._answer(RECORD_SECONDS))  # noqa: PERF401 - those before a failure count

    def _start(self) -> None:
        self.close()
        command = [sys.executable, "-I", "-X", "utf8", str(_PROGRAM), self._text]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env={}, cwd="/"
        )
        self._answers = queue.SimpleQueue()
        reading = threading.Thread(target=_read, args=(self._process, self._answers), name="jq", daemon=True)
        reading.start()
        problem = self._answer(_START_SECONDS).problem
        if problem:
            self.close()
            raise ValueError(problem)

    def _answer(self, seconds: float) -> Result:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.close()
            raise ValueError(f"The query takes longer than {seconds:g} s") from None
        if not line:
            self.close()
            raise ValueError("The query ends its process, or takes too much memory")
        try:
            return msgspec.json.decode(line, type=Result)
        except (ValueError, RecursionError) as problem:
            return Result(problem=f"The query's value can't be read: {problem}")


def _some(texts: Sequence[str]) -> Sequence[str]:
    """The first of them, as many as a line may hold."""
    size = 0
    for count, text in enumerate(texts):
        size += len(text)
        if size > _LINE_BYTES and count:
            return texts[:count]
    return texts


def _read(process: subprocess.Popen[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    assert process.stdout is not None
    with suppress(OSError, ValueError):  # it was closed meanwhile
        for line in process.stdout:
            answers.put(line)
    answers.put(b"")
