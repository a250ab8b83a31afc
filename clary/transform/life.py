"""One transform's way from its folder to its end, told to the house as it goes.

`run` may begin at any point of that way: what is staged, done and ended stands in the folder, so a server that was
killed goes on where it was.
"""

import errno
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from clary.durable import write_whole
from clary.errors import AlgorithmError, ClientError, ServiceError
from clary.hosting import ContainerSpec
from clary.hosting.dressing import dress
from clary.jobs.follow import Follower
from clary.jobs.instances import Capacity
from clary.jobs.journal import Entry, read_journal
from clary.jobs.life import QUICK, SLOW, Closing, House, Result, Stopped, persist
from clary.jobs.manifests import split_uri
from clary.jobs.outcome import DISK_FULL, INTERNAL, REASON_MAX
from clary.jobs.staging import GIB, remove_tree
from clary.sandbox import SandboxError, is_running
from clary.transform.capture import began, manifests
from clary.transform.plan import End, Object, read_end, read_plan
from clary.transform.spec import TransformSpec
from clary.transform.staging import stage

log = logging.getLogger(__name__)

TRIES = 10


class Life:
    """A transform that has not ended."""

    def __init__(self, house: House, folder: Path) -> None:
        self._house = house
        self._stop_file = folder / "stop"
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._process: tuple[int, int] | None = None
        self._read_to = 0
        self._upload_problem = ""
        self.over = False
        self.folder = folder
        self.spec = msgspec.json.decode((folder / "job.json").read_bytes(), type=TransformSpec)

    def run(self, granted: Capacity) -> None:
        """Live to the end, or until the server closes."""
        try:
            self._conclude(self._reach_end(granted))
        except Closing:
            log.info("%s goes on when the server is back", self.spec.name)
        except Exception:
            log.exception("%s failed by a fault of Clary", self.spec.name)
            self.kill()
            with suppress(Closing):
                self._conclude(self._failed(INTERNAL))

    def stop(self) -> None:
        """Ask for the end; the thread sees to it."""
        with suppress(OSError):  # a full disk
            write_whole(self._stop_file, b"")
        self._wake.set()

    def cancel(self) -> None:
        """End a transform that was waiting its turn."""
        self._conclude(End(outcome="Stopped", time=self._house.clock.now()))

    def close(self) -> None:
        """The server ends: the driver ends with it, the rest follows at the next start."""
        self._closing.set()
        self._wake.set()

    def kill(self) -> None:
        """End the driver, and with it its instances."""
        if self._is_alive() and self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process[0], signal.SIGKILL)

    # The way

    def _reach_end(self, granted: Capacity) -> End:
        try:
            if (end := read_end(self.folder)) is not None:
                self._catch_up()
                return self._checked(end)
            self._check()
            self._tell("InProgress", TransformStartTime=self._house.clock.now())
            if not (self.folder / "plan.json").exists():
                self._stage()
            return self._checked(self._transform(granted))
        except Stopped:
            return End(outcome="Stopped", time=self._house.clock.now())
        except AlgorithmError as problem:
            return self._failed(f"{problem.kind}: {problem}")
        except SandboxError:
            log.exception("%s could not be started", self.spec.name)
            return self._failed(INTERNAL)

    def _checked(self, end: End) -> End:
        """The end, unless an output could not be uploaded."""
        if end.outcome != "Completed":
            return end
        if self.spec.capture_uri and not self._upload_problem:
            self._put_manifests()
        return self._failed(self._upload_problem) if self._upload_problem else end

    def _put_manifests(self) -> None:
        """Say in S3 what went in and what came out; a server killed in between says the same again."""
        path = self.folder / "manifest"
        for uri, content in manifests(self.spec, read_plan(self.folder), began(self.folder)).items():
            path.write_bytes(content)
            self._put(uri, path)

    def _stage(self) -> None:
        try:
            for container in self.spec.containers:
                self._dress(container)
            stage(self.folder, self.spec, self._house.host, self._check)
        except (ServiceError, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            text = DISK_FULL if isinstance(problem, OSError) else f"{problem.code}: {problem.message}"
            raise ClientError(f"Data download failed:{text}") from problem

    def _dress(self, container: ContainerSpec) -> ContainerSpec:
        """A container with what its image makes of it, which may have to be built first."""
        return dress(self._house.settings, container, partial(log.info, "%s: %s", self.spec.name), self._check)

    def _check(self) -> None:
        if self._stop_file.exists():
            raise Stopped
        if self._closing.is_set():
            raise Closing

    def _transform(self, granted: Capacity) -> End:
        """Have a driver do the work; meanwhile upload what is whole and pass on what is printed."""
        self._catch_up()
        self._check()
        sockets = self._fresh_sockets()
        try:
            self._process = self._fork(sockets, granted)
            self._follow()
        finally:
            self.kill()
            shutil.rmtree(sockets, ignore_errors=True)
        if (end := read_end(self.folder)) is None:
            self._check()
            log.error("%s: its driver ended before its time: see %s/driver.log", self.spec.name, self.folder)
            return self._failed(INTERNAL)
        return end

    def _fork(self, sockets: Path, granted: Capacity) -> tuple[int, int]:
        count = len(self.spec.instances)
        argument: dict[str, object] = {
            "folder": os.fspath(self.folder),
            "containers": msgspec.to_builtins([self._dress(container) for container in self.spec.containers]),
            "sockets": os.fspath(sockets),
            "memory_bytes": int(granted.memory_gib / count * GIB),
            "threads": max(1, granted.cores // count),
        }
        return self._house.warm.fork(
            "clary.transform.driver:main", argument, detached=False, on_exit=lambda _: self._wake.set()
        )

    def _fresh_sockets(self) -> Path:
        """A short folder for sockets, whose paths may have 107 characters; a killed server's is removed."""
        link = self.folder / "sockets"
        with suppress(OSError):
            shutil.rmtree(link.readlink(), ignore_errors=True)
        link.unlink(missing_ok=True)
        sockets = Path(tempfile.mkdtemp(prefix="clary-"))
        link.symlink_to(sockets)
        return sockets

    def _follow(self) -> None:
        """Until the driver has ended and all that it left is taken, or the transform is to stop or to wait."""
        followers, pause = self._followers(), QUICK
        while True:
            over = not self._is_alive()
            moved = self._take(followers, last=over)
            if over and not moved:
                return
            if self._stop_file.exists() or self._closing.is_set():
                self.kill()
            pause = QUICK if moved else min(SLOW, pause * 1.5)
            if not moved and self._wake.wait(pause):
                self._wake.clear()

    def _catch_up(self) -> None:
        """Take what a driver left that has ended."""
        if (self.folder / "plan.json").exists():
            followers = self._followers()
            while self._take(followers, last=True):
                pass

    def _take(self, followers: list[Follower], *, last: bool) -> bool:
        """Upload the outputs that became whole and move what was printed; whether there was anything."""
        entries, self._read_to = read_journal(self.folder / "journal", self._read_to)
        if entries:
            objects = read_plan(self.folder)
            for entry in entries:
                self._upload(objects, entry)
        moved = [self._persist(partial(follower.pump, last=last), None) for follower in followers]
        return bool(entries) or any(moved)

    def _upload(self, objects: list[Object], entry: Entry) -> None:
        """Put an object's output where it belongs, unless that is done already."""
        path = self.folder / "output" / str(entry["object"])
        if not path.exists():
            return
        self._put(f"{self.spec.output_uri.rstrip('/')}/{objects[entry['object']].key}", path)

    def _put(self, uri: str, path: Path) -> None:
        """Move a file to S3."""
        bucket, key = split_uri(uri)
        try:
            self._persist(lambda: self._house.host.put_object(bucket, key, path), TRIES)
        except (ServiceError, OSError) as problem:
            text = f"{problem.code}: {problem.message}" if isinstance(problem, ServiceError) else str(problem)
            self._upload_problem = f"ClientError: Upload of s3://{bucket}/{key} failed: {text}"
        path.unlink()

    def _followers(self) -> list[Follower]:
        """One for what each instance printed, one for what was said of its objects."""
        return [
            Follower(
                self._house.host,
                self._house.clock,
                self.spec,
                self.folder / "logs" / f"{number}{suffix}",
                f"{self.spec.name}/{instance}{stream}",
            )
            for number, instance in enumerate(self.spec.instances)
            for suffix, stream in (("", ""), (".data", "/data-log"))
        ]

    # The end

    def _failed(self, reason: str) -> End:
        return End(outcome="Failed", time=self._house.clock.now(), reason=reason)

    def _conclude(self, end: End) -> None:
        """Tell the end and give the disk back; a server killed in between does it again."""
        with suppress(OSError):  # a full disk
            write_whole(self.folder / "end.json", msgspec.json.encode(end))
        reason = {"FailureReason": end.reason[:REASON_MAX]} if end.reason else {}
        self.over = True
        self._tell(end.outcome, TransformEndTime=end.time, **reason)
        (self.folder / "job.json").unlink()  # first: without it nothing here is ever done again
        remove_tree(self.folder)

    def _tell(self, status: str, **fields: Any) -> None:
        change = {"TransformJobStatus": status, **fields}
        self._persist(lambda: self._house.host.state_changed(self.spec.id, change), None)

    def _persist(self, call: Callable[[], Result], tries: int | None) -> Result:
        return persist(call, tries, self._closing)

    def _is_alive(self) -> bool:
        return self._process is not None and is_running(*self._process)
