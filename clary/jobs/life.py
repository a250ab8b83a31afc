"""One job's way from Starting to its end, told to the house as it goes.

`run` may begin at any point of that way: what was told stands in the job's own journal (`life`), what was done stands
in the folder of the attempt. So a server that was killed goes on where it was.
"""

import errno
import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from clary.clock import Clock
from clary.config import Settings
from clary.durable import write_whole
from clary.errors import AlgorithmError, ClientError, ServiceError
from clary.jobs import spot
from clary.jobs.artefact import artefact_uri, destination, files_of
from clary.jobs.checkpoints import Checkpoints
from clary.jobs.dressing import dress
from clary.jobs.follow import Follower, is_passing
from clary.jobs.host import Host
from clary.jobs.instances import Capacity
from clary.jobs.journal import Entry, Journal, read_journal
from clary.jobs.metrics import Scraper
from clary.jobs.outcome import DISK_FULL, INTERNAL, REASON_MAX
from clary.jobs.outputs import Outputs
from clary.jobs.plan import End
from clary.jobs.spec import JobSpec
from clary.jobs.staging import Attempt, remove_tree, stage
from clary.sandbox import SandboxError, WarmParent, is_running

log = logging.getLogger(__name__)

MESSAGES = {
    "Starting": "Starting the training job",
    "Pending": "Training job waiting for capacity",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
    "Interrupted": "Training job interrupted, waiting for capacity",
}
QUICK, SLOW = 0.02, 0.25  # seconds between two looks at a job: after something came, and when nothing does
RETRY_SECONDS = 1.0
CLOSE_GRACE = 5.0  # what a running job gets when the server is told to end
TRIES = 10
FORKS = 3

Result = TypeVar("Result")


class Stopped(Exception):
    """The job is to stop before it has started, or to leave the machine, or its time is over."""

    def __init__(self, outcome: str = "Stopped") -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Closing(Exception):
    """The server ends; the rest follows when it is back."""


@dataclass(frozen=True, slots=True)
class House:
    """What every job needs of the rest."""

    settings: Settings
    clock: Clock
    host: Host
    warm: WarmParent


class Life:
    """A job that has not ended."""

    def __init__(self, house: House, folder: Path, leave: Callable[[str], None]) -> None:
        self._house = house
        self._leave = leave  # called when its cores and memory are free, before its end is told
        self.folder = folder
        self.spec = msgspec.json.decode((folder / "job.json").read_bytes(), type=JobSpec)
        self._journal = Journal(folder / "life")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._stop_file = folder / "stop"
        self.over = False
        self._process: tuple[int, int] | None = None
        self._outputs: Outputs | None = None  # of an attempt that has begun
        self._number = max((entry["attempt"] for entry in self._journal.entries), default=1)

    @property
    def began(self) -> float:
        """When it was submitted; 0 where not even that was noted."""
        return self._time_of("Starting") or 0.0

    @property
    def admitted(self) -> bool:
        """Whether it has left the queue."""
        return self._time_of("Downloading") is not None and not self.interrupted

    @property
    def interrupted(self) -> bool:
        """Whether it waits for room again."""
        told = [row["status"] for row in self._journal.entries if row["status"] != "Stopping"]
        return told[-1:] == ["Interrupted"]

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop_file.exists()

    @property
    def wait_left(self) -> float:
        """The seconds for which it may wait; endless where it is no spot job."""
        return spot.wait_left(self.spec, self._journal.entries, self._house.clock.now())

    def tell(self, status: str, time: float | None = None, **fields: Any) -> None:
        """Note a state and tell the house, once an attempt; what was told last is told again by `retell`."""
        with self._lock:
            told = [row["status"] for row in self._journal.entries if row["attempt"] == self._number]
            if status in told or (status == "Pending" and {"Downloading", "Interrupted"}.intersection(told)):
                return
            moment = self._house.clock.now() if time is None else time
            change = {"SecondaryStatus": status, "StatusMessage": MESSAGES[status], "Time": moment, **fields}
            self._note({"attempt": self._number, "status": status, "change": change})
        self._pass_on(change)

    def retell(self) -> None:
        """Tell the last state again: the server may have died between noting and telling."""
        if self._journal.entries and "change" in (last := self._journal.entries[-1]):
            self._pass_on(last["change"])

    def run(self, granted: Capacity) -> None:
        """Live to the end, or to an interruption, or until the server closes."""
        try:
            self.retell()
            if self.interrupted and not self.stopping:
                self._begin_anew()
            end = self._reach_end(granted)
            if end.outcome != "Interrupted":
                self._conclude(end)
            elif self.stopping:
                self._conclude(msgspec.structs.replace(end, outcome="Stopped"))
            else:
                self.tell("Interrupted")
                remove_tree(self._attempt().folder)
        except Closing:
            log.info("%s goes on when the server is back", self.spec.name)
        except Exception:
            log.exception("%s failed by a fault of Clary", self.spec.name)
            self.kill()
            with suppress(Closing):
                self._conclude(End(outcome="Failed", time=self._house.clock.now(), reason=INTERNAL, internal=True))

    def stop(self, grace: float | None = None) -> None:
        """Ask for the end; the job's thread and its supervisor see to it."""
        with suppress(OSError):  # a full disk: the supervisor gets the signal all the same
            write_whole(self._stop_file, str(self.spec.stop_grace if grace is None else grace).encode())
        self.tell("Stopping")
        self._wake_supervisor()

    def interrupt(self, grace: float | None = None) -> bool:
        """Take a spot job its room: it goes on when there is some again. False where it holds none, or ends anyway."""
        if not self.spec.spot or not self.admitted or self.stopping or self.over or self._attempt().end() is not None:
            return False
        try:
            seconds = self.spec.stop_grace if grace is None else grace
            write_whole(self._interrupt_file, str(seconds).encode())
        except OSError as problem:
            log.warning("%s can't be interrupted: %s", self.spec.name, problem)
            return False
        self._wake_supervisor()
        return True

    def cancel(self, outcome: str = "Stopped") -> None:
        """End a job that was waiting its turn."""
        self.tell("Stopping")
        self._conclude(End(outcome=outcome, time=self._house.clock.now()))

    def close(self) -> None:
        """The server ends: stop what runs, leave the rest for the next start."""
        if not self.interrupted and (self._attempt().begun or self._process):
            self.stop(min(CLOSE_GRACE, self.spec.stop_grace))
        self._closing.set()
        self._wake.set()

    def kill(self) -> None:
        """End the supervisor at once, and with it its hosts."""
        self._signal(signal.SIGKILL)

    # The way

    def _reach_end(self, granted: Capacity) -> End:
        while True:
            try:
                if not self._attempt().staged:
                    self._download(granted)
                end = self._train_and_sync()
            except Stopped as stopped:
                return End(outcome=stopped.outcome, time=self._house.clock.now())
            except AlgorithmError as problem:
                return End(outcome="Failed", time=self._house.clock.now(), reason=f"{problem.kind}: {problem}")
            except SandboxError:
                log.exception("%s could not be started", self.spec.name)
                end = End(outcome="Failed", time=self._house.clock.now(), reason=INTERNAL, internal=True)
            if not end.internal or self._number >= self.spec.max_attempts or self.stopping:
                return end
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._number += 1
        self.tell("Starting")

    def _download(self, granted: Capacity) -> None:
        self._check()
        now = self._house.clock.now()
        seconds, overtime = spot.time_left(self.spec, self._journal.entries, now)
        if seconds <= 0:
            raise Stopped(overtime)
        self.tell("Downloading", TrainingStartTime=self._time_of("Downloading") or now)
        try:
            stage(
                self._attempt(),
                dress(self._house.settings, self.spec, self._check),
                self._house.host,
                granted,
                seconds=seconds,
                overtime=overtime,
                stop_file=self._stop_file,
                interrupt_file=self._interrupt_file,
                allow_unsandboxed=self._house.settings.allow_unsandboxed,
                compute=self._house.settings.compute,
                check=self._check,
            )
        except (ServiceError, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            text = DISK_FULL if isinstance(problem, OSError) else f"{problem.code}: {problem.message}"
            raise ClientError(f"Data download failed:{text}") from problem

    def _check(self) -> None:
        if self.stopping:
            raise Stopped
        if self._interrupt_file.exists():
            raise Stopped("Interrupted")
        if self._closing.is_set():
            raise Closing

    def _train_and_sync(self) -> End:
        """Train, and keep S3's copy of the checkpoints the same, to the last of them."""
        checkpoints = Checkpoints(self._house.host, self.spec, self._attempt().folder)
        with checkpoints.watched(self._house.settings.checkpoint_seconds):
            end = self._train()
        try:
            self._persist(checkpoints.finish, TRIES)
        except (ClientError, ServiceError, OSError) as problem:
            log.warning("the last checkpoints of %s can't be uploaded: %s", self.spec.name, problem)
        return end

    def _train(self) -> End:
        """See that a supervisor has the attempt, and follow it to its end."""
        attempt = self._attempt()
        if not attempt.begun and not attempt.is_held():
            self._check()
            self._process = self._fork(attempt)
        self._outputs = outputs = Outputs(self._house.host, self.spec, attempt)
        followers: list[Follower] = []
        pause = QUICK
        tries = 0
        while True:
            over = attempt.end() is not None or not self._is_alive(attempt)
            for event in attempt.news():
                followers = self._hear(event, attempt) or followers
            moved, failed = self._pump(followers, last=over)
            outputs.look()
            tries += failed
            if over and not moved and (not failed or tries >= TRIES):
                break
            pause = QUICK if moved else min(SLOW, pause * 1.5)
            if self._wake.wait(RETRY_SECONDS if failed else 0 if moved else pause):
                self._wake.clear()
        self._process = None
        now = self._house.clock.now()
        if attempt.end() is None and self._interrupt_file.exists():  # the machine was lost while it was to be left
            return End(outcome="Interrupted", time=now)
        return attempt.end() or End(outcome="Failed", time=now, reason=INTERNAL, internal=True)

    def _fork(self, attempt: Attempt) -> tuple[int, int]:
        """Start a supervisor. A warm parent that dies is replaced: there may be one the next time."""
        argument: dict[str, object] = {"folder": os.fspath(attempt.folder)}
        for tries in range(1, FORKS + 1):
            try:
                return self._house.warm.fork(
                    "clary.jobs.supervisor:main", argument, detached=True, on_exit=lambda _: self._wake.set()
                )
            except SandboxError:
                if tries == FORKS or self._closing.wait(RETRY_SECONDS):
                    raise
        raise AssertionError("unreachable")

    def _hear(self, event: Entry, attempt: Attempt) -> list[Follower]:
        """Tell what a note of the supervisor means; from the first on the hosts' output can be followed."""
        if event["event"] == "stopping" and event["outcome"] == "MaxWaitTimeExceeded":
            self.tell("Stopping", event["time"])
        if event["event"] != "started":
            return []
        self._process = (event["pid"], event["start_time"])
        self.tell("Training", event["time"])
        scraper = self._scraper()
        return [
            Follower(
                self._house.host,
                self._house.clock,
                self.spec,
                attempt.log_of(name),
                # the next attempt may begin in the same second
                f"{self.spec.name}/{name}-{int(event['time']) + self._number - 1}",
                scraper,
            )
            for name in self.spec.hosts
        ]

    def _pump(self, followers: list[Follower], *, last: bool) -> tuple[bool, bool]:
        """Move what the hosts printed; whether anything moved, and whether a store refused it for now."""
        moved = failed = False
        for follower in followers:
            try:
                moved |= follower.pump(last=last)
            except (ServiceError, OSError) as problem:
                if not is_passing(problem):
                    raise
                log.warning("the log of %s can't be written: %s", self.spec.name, problem)
                failed = True
        return moved, failed

    def _is_alive(self, attempt: Attempt) -> bool:
        return (self._process is not None and is_running(*self._process)) or attempt.is_held()

    # The end

    def _conclude(self, end: End) -> None:
        """Upload what there is, tell the end, and give the disk back."""
        outcome, reason, artefact = end.outcome, end.reason, ""
        fields: dict[str, Any] = {"FinalMetricDataList": self._scraper().final()}
        try:
            if end.model or end.output:
                self.tell("Uploading", end.time)
                artefact = self._upload(end)
            if self._outputs:
                self._persist(self._outputs.finish, TRIES)
                fields |= self._outputs.message()
        except (ServiceError, OSError) as problem:
            text = f"{problem.code}: {problem.message}" if isinstance(problem, ServiceError) else str(problem)
            outcome, reason = "Failed", reason or f"ClientError: Artifact upload failed:{text}"
        except ClientError as problem:
            outcome, reason = "Failed", reason or f"ClientError: {problem}"
        if reason:
            fields["FailureReason"] = reason[:REASON_MAX]
        if artefact:
            fields["ModelArtifacts"] = {"S3ModelArtifacts": artefact}
        now = self._house.clock.now()
        fields |= spot.describe_times(self.spec, self._journal.entries, now, self._house.settings.spot_price)
        self.over = True
        self._leave(self.spec.id)
        self.tell(outcome, now, **fields)
        self._note({"attempt": self._number, "status": "", "told": True})
        for attempt in self.folder.glob("attempt-*"):
            remove_tree(attempt)

    def _upload(self, end: End) -> str:
        """Put the artefact where the job wants it; its URI where there is a model."""
        attempt = self._attempt().folder
        for name, kept, below in (("model", end.model, "model"), ("output", end.output, "output/data")):
            if kept == ".":
                folders = [attempt / "hosts" / host / "ml" / below for host in self.spec.hosts]
                target = "model" if name == "model" else "data"
                for path, inside in files_of(folders):
                    self._put(f"{target}/{inside}", path)
            elif kept:
                self._put(f"{name}.tar.gz", Path(kept))
        return artefact_uri(self.spec) if end.model else ""

    def _put(self, name: str, path: Path) -> None:
        bucket, key = destination(self.spec, name)
        self._persist(lambda: self._house.host.put_object(bucket, key, path), TRIES)

    # Telling

    def _pass_on(self, change: dict[str, Any]) -> None:
        try:
            self._persist(lambda: self._house.host.state_changed(self.spec.id, change), None)
        except ServiceError as problem:
            log.warning("%s could not be told that it is %s: %s", self.spec.id, change["SecondaryStatus"], problem)

    def _persist(self, call: Callable[[], None], tries: int | None) -> None:
        persist(call, tries, self._closing)

    def _note(self, entry: Entry) -> None:
        try:
            self._journal.append(entry)
        except OSError as problem:  # a full disk: the job's way is known from its folder too
            log.warning("the journal of %s can't be written: %s", self.spec.name, problem)
            self._journal.entries.append(entry)

    def _time_of(self, status: str) -> float | None:
        times = [row["change"]["Time"] for row in self._journal.entries if row["status"] == status]
        return times[0] if times else None

    def _attempt(self) -> Attempt:
        return Attempt(self.folder / f"attempt-{self._number}")

    @property
    def _interrupt_file(self) -> Path:
        return self.folder / f"interrupt-{self._number}"

    def _scraper(self) -> Scraper:
        return Scraper(self._house.host, self.spec, self.folder / "metrics.json")

    def _wake_supervisor(self) -> None:
        """Have it look for the files now, if it listens yet: a signal before that would end it."""
        if self._attempt().begun:
            self._signal(signal.SIGTERM)
        self._wake.set()

    def _signal(self, number: int) -> None:
        process = self._process
        if process is not None and is_running(*process):
            with suppress(ProcessLookupError):
                os.kill(process[0], number)


def persist(call: Callable[[], Result], tries: int | None, closing: threading.Event) -> Result:
    """Call until it works, `tries` times at most where that is a number, while the trouble may pass."""
    count = 0
    while True:
        try:
            return call()
        except (ServiceError, OSError) as problem:
            count += 1
            if not is_passing(problem) or count == tries:
                raise
            if closing.wait(RETRY_SECONDS):
                raise Closing from problem


def has_ended(folder: Path) -> bool:
    """Whether the end of the job in a folder was told."""
    entries, _ = read_journal(folder / "life")
    return any(entry.get("told") for entry in entries)
