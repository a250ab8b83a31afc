"""A job's supervisor: the parent of its hosts and feeders. It survives the server and never talks to the database.

It is forked from the warm parent with the folder of one attempt, reads `plan.json` there, and leaves `journal` (what
happened, with times) and `end.json` (how it ended, written at once). Whoever finds the lock of the folder free and no
end.json knows that it died.
"""

import errno
import fcntl
import os
import selectors
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from clary.durable import write_whole
from clary.jobs.artefact import has_files, pack
from clary.jobs.feeder import Feeder
from clary.jobs.journal import Journal
from clary.jobs.outcome import DISK_FULL, INTERNAL, word_failure
from clary.jobs.plan import End, HostPlan, Plan
from clary.sandbox import Running, SandboxError, start, start_time

LOOK_EVERY = 1.0  # how often the stop file is looked for, should the signal have been lost
SETTLE_SECONDS = 60.0
LOCK_SECONDS = 1.0
RESERVE = 256 * 1024


def main(argument: dict[str, Any]) -> int:
    """Run one attempt to its end; the folder is in `argument`."""
    folder = Path(argument["folder"])
    log = os.open(folder / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    lock = take_lock(folder)
    if lock is None or (folder / "journal").exists():
        return 0  # another supervisor has this attempt, or had it
    Supervisor(folder).run()
    return 0


def take_lock(folder: Path) -> int | None:
    """Hold the attempt's lock for as long as this process lives; None when another process does."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    limit = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # of this process alone: forks don't hold it
            return handle
        except OSError:
            if time.monotonic() > limit:
                os.close(handle)
                return None
        time.sleep(0.01)  # the server looks whether somebody holds it by taking it for a moment


class Host:
    """One host of the job: the program that runs, or how it ended."""

    def __init__(self, plan: HostPlan, running: Running) -> None:
        self.plan = plan
        self.running = running
        self.status: int | None = None

    def look(self) -> bool:
        """Whether it has ended since the last look."""
        if self.status is None:
            self.status = self.running.wait(0)
            return self.status is not None
        return False


class Supervisor:
    """One attempt of a job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
        self._stop_file = Path(self._plan.stop_file)
        self._interrupt_file = Path(self._plan.interrupt_file)
        self._selector = selectors.DefaultSelector()
        self._feeders: list[Feeder] = []
        self._hosts: list[Host] = []
        self._outcome = "Completed"
        self._reason = ""
        self._internal = False
        self._starved = False
        self._asked_to_stop = False
        self._deadline = time.monotonic() + self._plan.max_seconds
        self._kill_at: float | None = None

    def run(self) -> None:
        """From the start of the hosts to end.json."""
        self._listen_to_signals()
        reserve_space(self._folder)
        self._journal = Journal(self._folder / "journal")
        try:
            here = os.getpid()
            self._journal.append({"event": "started", "time": time.time(), "pid": here, "start_time": start_time(here)})
            if outcome := self._asked():
                self._outcome = outcome
            else:
                self._start()
            self._watch()
        except OSError as problem:
            self._fail(f"ClientError: {DISK_FULL}" if problem.errno == errno.ENOSPC else INTERNAL)
            self._internal = problem.errno != errno.ENOSPC
            complain(f"the job can't be run: {problem}")
        finally:
            self._end_processes()
        self._finish()

    def _listen_to_signals(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_term)
        self._wakeups = reader
        self._selector.register(reader, selectors.EVENT_READ)

    def _on_term(self, *_: object) -> None:
        self._asked_to_stop = True

    def _start(self) -> None:
        """Start the feeders, whose FIFOs a program looks for at once, then the hosts."""
        for host in self._plan.hosts:
            for feed in host.feeds:
                feeder = Feeder(feed)
                self._feeders.append(feeder)
                self._selector.register(feeder.reports, selectors.EVENT_READ)
        for host in self._plan.hosts:
            program = host.program
            if self._plan.isolated:
                first = self._hosts[0].running.pid if self._hosts else 0
                program = msgspec.structs.replace(program, network="none", network_of=first)
            try:
                self._hosts.append(Host(host, start(program)))
            except SandboxError as problem:
                self._internal = not program.command
                self._fail(f"ClientError: {problem}" if program.command else INTERNAL)
                complain(f"{host.name} can't be started: {problem}")
                return

    def _watch(self) -> None:
        """Wait until every host has ended."""
        while any(host.status is None for host in self._hosts):
            self._sleep()
            for host in self._hosts:
                if host.look() and host.status:
                    self._host_failed(host)
            for feeder in self._feeders:
                feeder.listen()
                if not feeder.alive or feeder.state == "failed":
                    self._feed_failed(feeder)
            self._look_at_time()
        self._settle()

    def _sleep(self) -> None:
        """Until something happens or is due."""
        due = [self._deadline, *([self._kill_at] if self._kill_at else [])]
        seconds = min(LOOK_EVERY, max(0.0, min(moment - time.monotonic() for moment in due)))
        for key, _ in self._selector.select(seconds):
            if key.fd == self._wakeups:
                with suppress(BlockingIOError):
                    os.read(self._wakeups, 4096)

    def _look_at_time(self) -> None:
        now = time.monotonic()
        if self._kill_at is None:
            if outcome := self._asked():
                self._stop(outcome, self._grace(outcome))
            elif now >= self._deadline:
                self._stop(self._plan.overtime, self._plan.stop_grace)
        elif now >= self._kill_at:
            self._kill_hosts()
        if self._outcome == "Interrupted" and self._stop_file.exists():
            self._outcome = "Stopped"
        if now >= self._deadline:
            self._deadline = float("inf")

    def _asked(self) -> str:
        """The outcome that the house asks for; empty while it lets the job run."""
        if not self._stop_file.exists() and self._interrupt_file.is_file():
            return "Interrupted"
        return "Stopped" if self._asked_to_stop or self._stop_file.exists() else ""

    def _grace(self, outcome: str) -> float:
        try:
            return float((self._interrupt_file if outcome == "Interrupted" else self._stop_file).read_text())
        except (OSError, ValueError):
            return self._plan.stop_grace

    def _stop(self, outcome: str, grace: float) -> None:
        """SIGTERM now, SIGKILL when the grace is over."""
        self._outcome = outcome
        self._kill_at = time.monotonic() + grace
        self._note("stopping", outcome=outcome)
        for host in self._hosts:
            host.running.signal(signal.SIGTERM)

    def _host_failed(self, host: Host) -> None:
        assert host.status is not None
        self._note("host ended", host=host.plan.name, status=host.status)
        if self._outcome == "Completed":
            name = host.plan.name if len(self._plan.hosts) > 1 else ""
            self._fail(word_failure(Path(host.plan.ml), host.status, host.plan.feeds, name))

    def _feed_failed(self, feeder: Feeder) -> None:
        self._starved = True
        if self._outcome == "Completed":
            what = f"ClientError: Data download failed:channel {feeder.plan.channel!r}: {feeder.problem}"
            self._fail(what if feeder.problem else INTERNAL)
            self._internal = not feeder.problem
            self._note("feeder failed", channel=feeder.plan.channel, problem=feeder.problem)
        with suppress(KeyError):
            self._selector.unregister(feeder.reports)

    def _fail(self, reason: str) -> None:
        """The job has failed: end what still runs, before a reader takes the end of a broken epoch for a whole one."""
        self._outcome, self._reason = "Failed", reason
        self._kill_hosts()

    def _kill_hosts(self) -> None:
        for host in self._hosts:
            host.running.signal(signal.SIGKILL)
        self._kill_at = float("inf")

    def _settle(self) -> None:
        """All hosts have ended well: make sure that none of them saw a broken epoch as a whole one."""
        limit = time.monotonic() + SETTLE_SECONDS
        for feeder in self._feeders:
            feeder.listen()
            while feeder.alive and feeder.state == "open" and time.monotonic() < limit:
                self._sleep()
                feeder.listen()
        for feeder in self._feeders:
            whole = feeder.alive and feeder.state in ("waiting", "done")
            if not feeder.dismiss() or not whole:
                self._feed_failed(feeder)
        self._feeders = []

    def _end_processes(self) -> None:
        self._kill_hosts()
        for host in self._hosts:
            host.running.wait()
        for feeder in self._feeders:
            feeder.dismiss()

    def _finish(self) -> None:
        """Pack what is to be uploaded and write the end."""
        ended = time.time()
        keeps = self._plan.artefacts and self._outcome != "Interrupted"
        if self._outcome != "Interrupted":
            self._note("packing")
        model = output = ""
        folders = [Path(host.ml) for host in self._plan.hosts]
        try:
            always = self._outcome == "Completed"
            if keeps and not self._starved:  # a model of part of the data is worse than none
                model = self._keep("model", [folder / "model" for folder in folders], always=always)
            if keeps:
                output = self._keep("output", [folder / "output" / "data" for folder in folders], always=False)
        except OSError as problem:
            complain(f"the artefact can't be packed: {problem}")
            if self._outcome != "Failed":
                full = problem.errno == errno.ENOSPC
                self._outcome, self._internal = "Failed", not full
                self._reason = f"ClientError: Artifact upload failed:{DISK_FULL}" if full else INTERNAL
        release_space(self._folder)
        end = End(
            outcome=self._outcome,
            time=ended,
            reason=self._reason,
            internal=self._internal,
            model=model,
            output=output,
        )
        write_whole(self._folder / "end.json", msgspec.json.encode(end))

    def _keep(self, name: str, folders: list[Path], *, always: bool) -> str:
        """The path of the archive; "." where there is something but nothing is to be packed; empty for nothing."""
        if not always and not has_files(folders):
            return ""
        if not self._plan.archive:
            return "."
        target = self._folder / "artefact" / f"{name}.tar.gz"
        pack(folders, target)
        return os.fspath(target)

    def _note(self, event: str, **fields: Any) -> None:
        """Journal an event; a full disk costs the note, not the job."""
        with suppress(OSError):
            self._journal.append({"event": event, "time": time.time(), **fields})


def complain(text: str) -> None:
    """Say what is wrong in supervisor.log, as far as the disk lets us."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def reserve_space(folder: Path) -> None:
    """Hold some space, so that the end can be written on a disk that the job has filled."""
    with (folder / "reserve").open("wb") as file, suppress(OSError):
        file.write(bytes(RESERVE))
        file.flush()
        os.fsync(file.fileno())


def release_space(folder: Path) -> None:
    """Give the held space back."""
    (folder / "reserve").unlink(missing_ok=True)
