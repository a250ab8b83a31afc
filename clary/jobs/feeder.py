"""The process behind a Pipe channel of one host: a FIFO an epoch, `<channel>_0`, `<channel>_1` ..., until it is ended.

It tells its supervisor through a pipe where it stands, before each step that a reader could notice: a FIFO whose writer
dies looks to its reader like a clean end, so only these words say whether an epoch was whole.
"""

import fcntl
import os
import signal
import stat
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal, NoReturn

from clary.jobs.plan import FeedPlan
from clary.sandbox.kernel import die_with_parent

MAGIC = 0xCED7230A
RECORD_MAX = (1 << 29) - 1  # the three high bits of a RecordIO length are flags
CHUNK = 1 << 20
PIPE_SIZE = 1 << 20
DISMISSAL = signal.SIGUSR1  # nobody else sends it: its death of this signal says that it lived until then
F_SETPIPE_SZ = 1031

State = Literal["waiting", "open", "done", "failed"]


class BadObject(Exception):
    """An object can't be fed as the channel asks."""


class Feeder:
    """The supervisor's handle of a feeder."""

    def __init__(self, plan: FeedPlan) -> None:
        self.plan = plan
        self.state: State = "waiting"
        self.problem = ""
        self.alive = True
        folder = os.open(plan.pipes, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        make_pipe(folder, plan, 0)  # before the program starts to look for it
        self.reports, writer = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.reports)
            _live(plan, folder, writer, parent)
        os.close(folder)
        os.close(writer)
        os.set_blocking(self.reports, False)

    def listen(self) -> None:
        """Take in what the feeder said since the last time."""
        while self.alive:
            try:
                data = os.read(self.reports, 4096)
            except BlockingIOError:
                return
            if not data:
                self.alive = False
            for line in data.decode().splitlines():
                word, _, rest = line.partition(" ")
                if word == "failed":
                    self.state, self.problem = "failed", rest
                elif self.state != "failed":
                    self.state = "open" if word == "open" else "done"

    def dismiss(self) -> bool:
        """End the process; False when it had died of something else before, so that a reader may have missed data."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, DISMISSAL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.reports)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == DISMISSAL


def make_pipe(folder: int, plan: FeedPlan, epoch: int) -> str:
    """Make the FIFO of an epoch; its name. The open folder is where the pipes are, whatever a job puts in its place."""
    name = f"{plan.channel}_{epoch}"
    before = os.umask(0o022)  # the job's user reads it
    try:
        os.mkfifo(name, 0o644, dir_fd=folder)
    finally:
        os.umask(before)
    return name


def feed(plan: FeedPlan, folder: int, reports: int) -> None:
    """Feed epoch after epoch; only an error ends it."""
    name = f"{plan.channel}_0"
    epoch = 0
    while True:
        target = _open_pipe(folder, name)
        os.write(reports, b"open %d\n" % epoch)
        following = make_pipe(folder, plan, epoch + 1)  # already: who leaves this one early looks for the next at once
        with suppress(OSError):  # not on macOS, and not beyond a user's limit
            fcntl.fcntl(target, F_SETPIPE_SZ, PIPE_SIZE)
        try:
            for part in parts_of_epoch(plan, epoch):
                part.send(target)
            word = b"done"
        except BrokenPipeError:  # the reader has enough of this epoch, which is its right
            word = b"early"
        os.unlink(name, dir_fd=folder)
        os.write(reports, b"%s %d\n" % (word, epoch))
        os.close(target)
        name, epoch = following, epoch + 1


def _open_pipe(folder: int, name: str) -> int:
    """Wait for a reader of a FIFO. A processing job may put something else there: that is not written to."""
    target = os.open(name, os.O_WRONLY | os.O_NOFOLLOW, dir_fd=folder)
    if not stat.S_ISFIFO(os.fstat(target).st_mode):
        raise BadObject(f"{name} is no FIFO any more")
    return target


class Part:
    """One file of an epoch and how it is sent."""

    def __init__(self, plan: FeedPlan, place: int, *, last: bool) -> None:
        self._path = f"{plan.folder}/{place}"
        self._place = place
        self._plan = plan
        self._last = last

    def send(self, target: int) -> None:
        """Write the file to the FIFO."""
        try:
            self._send(target)
        except BadObject as problem:
            raise BadObject(f"{self._plan.name(self._place)}: {problem}") from None

    def _send(self, target: int) -> None:
        plan = self._plan
        with open(self._path, "rb", buffering=0) as file:  # noqa: PTH123
            source = file.fileno()
            size = os.fstat(source).st_size
            if plan.wrap:
                content = b"".join(_unzipped(source)) if plan.gunzip else file.readall()
                _write(target, wrap_record(content))
            elif plan.gunzip:
                end = b"\n"
                for chunk in _unzipped(source):
                    _write(target, chunk)
                    end = chunk[-1:]
                self._end_row(target, end)
            else:
                _send_file(target, source, size)
                self._end_row(target, os.pread(source, 1, size - 1) if size else b"\n")

    def _end_row(self, target: int, end: bytes) -> None:
        if self._plan.lines and not self._last and end != b"\n":
            _write(target, b"\n")


def parts_of_epoch(plan: FeedPlan, epoch: int) -> Iterator[Part]:
    """The files of an epoch in their order."""
    items = plan.items_of_epoch(epoch)
    for place, item in enumerate(items):
        for number in range(item * plan.group, (item + 1) * plan.group):
            yield Part(plan, number, last=place == len(items) - 1)


def wrap_record(content: bytes) -> bytes:
    """One RecordIO record: magic, length, content, zeros up to a multiple of four."""
    if len(content) > RECORD_MAX:
        raise BadObject(f"{len(content)} bytes, and a RecordIO record holds at most {RECORD_MAX}")
    return struct.pack("<II", MAGIC, len(content)) + content + b"\0" * (-len(content) % 4)


def _unzipped(source: int) -> Iterator[bytes]:
    """The content of a gzip file, of several members too."""
    inflate: Any = None
    while data := os.read(source, CHUNK):
        while data:
            inflate = inflate or zlib.decompressobj(wbits=31)
            try:
                out = inflate.decompress(data, CHUNK)
            except zlib.error as problem:
                raise BadObject(f"not gzip data ({problem})") from None
            if out:
                yield out
            data = inflate.unconsumed_tail
            if inflate.eof:
                data, inflate = inflate.unused_data.lstrip(b"\0"), None
    if inflate is not None:
        raise BadObject("gzip data that ends too early")


def _send_file(target: int, source: int, size: int) -> None:
    sent = 0
    if sys.platform == "linux":
        while sent < size and (count := os.sendfile(target, source, sent, size - sent)):
            sent += count
    else:
        while chunk := os.read(source, CHUNK):
            _write(target, chunk)
            sent += len(chunk)
    if sent < size:
        raise BadObject("shorter than it was")


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


def _live(plan: FeedPlan, folder: int, reports: int, parent: int) -> NoReturn:
    """The child's whole life. On an error it holds the FIFO open until the supervisor has ended the reader."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, DISMISSAL):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        die_with_parent(parent)
        feed(plan, folder, reports)
    except (BadObject, OSError) as problem:
        os.write(reports, f"failed {problem}".replace("\n", " ").encode()[:1000] + b"\n")
        while True:
            signal.pause()
    finally:
        os._exit(1)
