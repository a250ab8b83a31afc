"""Following what a host prints: file -> events, each exactly once, however often the server is killed."""

import errno
import os
from pathlib import Path
from typing import Protocol

from clary.clock import Clock
from clary.errors import ServiceError
from clary.jobs.host import Host, Scope
from clary.jobs.metrics import Scraper

EVENT_MAX = 262_144 - 26  # bytes of a CloudWatch event, less what it counts for each
CHUNK = 1 << 20
CONTROL = {code: f"#{code:03o}" for code in (*range(32), 127) if code != 10}
"""SageMaker's log agent writes control characters as # and three octal digits: a tab is #011, a return #015."""


def split_events(data: bytes, *, last: bool) -> tuple[list[str], int]:
    """Lines as events, and how many bytes they took.

    A line without its newline stays for the next time, unless it is the last of all; one that is too long for an event
    becomes several; empty ones are none. What is no UTF-8 is replaced.
    """
    events: list[str] = []
    taken = 0
    while taken < len(data):
        end = data.find(b"\n", taken, taken + EVENT_MAX + 1)
        if end >= 0:
            piece, following = data[taken:end], end + 1
        elif len(data) - taken > EVENT_MAX:
            following = _boundary(data, taken + EVENT_MAX)
            piece = data[taken:following]
        elif last:
            piece, following = data[taken:], len(data)
        else:
            break
        taken = following
        if text := piece.removesuffix(b"\r").decode(errors="replace").translate(CONTROL):
            events.append(text)
    return events, taken


def _boundary(data: bytes, place: int) -> int:
    """The nearest start of a UTF-8 character at or before a place."""
    for back in range(4):
        if data[place - back] & 0xC0 != 0x80:
            return place - back
    return place


class Logged(Protocol):
    """Whose output it is, and the log group that takes it."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def account(self) -> str: ...  # noqa: D102
    @property
    def region(self) -> str: ...  # noqa: D102
    @property
    def log_group(self) -> str: ...  # noqa: D102


class Follower:
    """Moves one host's output into its log stream, and the metrics in it to where metrics are kept."""

    def __init__(
        self, host: Host, clock: Clock, spec: Logged, path: Path, stream: str, scraper: Scraper | None = None
    ) -> None:
        self._host = host
        self._clock = clock
        self._spec = spec
        self._scope = Scope(spec.account, spec.region)
        self._path = path
        self._stream = stream
        self._scraper = scraper
        self._position = host.log_position(self._scope, spec.log_group, stream)

    def pump(self, *, last: bool = False) -> bool:
        """Take what is new, at most a chunk; whether there was anything."""
        data, written = self._read()
        events, taken = split_events(data, last=last and len(data) < CHUNK)
        if not taken:
            return False
        now = min(self._clock.now(), written) if written else self._clock.now()
        source = f"{self._spec.id}/{self._stream}@{self._position}"
        if self._scraper:  # first: its data are stored once, the events only with the position
            self._scraper.scan(events, now, source)
        position = self._position + taken
        self._host.append_log(
            self._scope, self._spec.log_group, self._stream, [(now, event) for event in events], position
        )
        self._position = position
        return True

    def _read(self) -> tuple[bytes, float]:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size <= self._position:
                    return b"", 0.0
                file.seek(self._position)
                return file.read(CHUNK), status.st_mtime
        except FileNotFoundError:
            return b"", 0.0


def is_passing(problem: Exception) -> bool:
    """Whether a store's error may be gone the next time: a full disk, a database that is away."""
    if isinstance(problem, ServiceError):
        return problem.status >= 500
    return isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT)
