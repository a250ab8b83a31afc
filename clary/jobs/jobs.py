"""The house's handle of all jobs: submit, stop, recover after a restart, close."""

import hashlib
import logging
import threading
from pathlib import Path

import msgspec

from clary.clock import Clock
from clary.config import Settings
from clary.errors import ValidationException
from clary.jobs.host import Host
from clary.jobs.instances import Capacity, capacity_of, machine_capacity
from clary.jobs.journal import sync_folder, write_whole
from clary.jobs.life import House, Life, has_ended
from clary.jobs.metrics import compile_patterns
from clary.jobs.queue import Queue
from clary.jobs.spec import JobSpec
from clary.jobs.staging import remove_tree
from clary.sandbox import WarmParent

log = logging.getLogger(__name__)

CLOSE_GRACE = 5.0  # what a running job gets when the server is told to end
CLOSE_SECONDS = 15.0


class Jobs:
    """All jobs that have not ended, each with its folder; a running one has a thread. Thread-safe."""

    def __init__(self, settings: Settings, clock: Clock, host: Host, warm: WarmParent, folder: Path) -> None:
        self._house = House(settings, clock, host, warm)
        self._folder = folder
        self._queue = Queue(machine_capacity(settings))
        self._lock = threading.Lock()
        self._lives: dict[str, Life] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True)

    def submit(self, spec: JobSpec) -> None:
        """Take a job: its folder is durable when this returns. ValidationException for what can never run."""
        compile_patterns(spec.metrics)
        if bool(spec.algorithm) == bool(spec.command):
            raise ValidationException(f"{spec.name} needs an algorithm or a command")
        self._refuse_unsafe(spec)
        folder = self._folder_of(spec.id)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            raise ValidationException(f"There is a folder of a job {spec.id} already") from None
        try:
            write_whole(folder / "job.json", msgspec.json.encode(spec))
            sync_folder(self._folder)
        except OSError:
            remove_tree(folder)
            raise
        self._enter(Life(self._house, folder, self._queue.leave))

    def stop(self, id: str) -> bool:  # noqa: A002 - the interface's name
        """Stop a job, with its grace period; False when it is unknown or has ended."""
        with self._lock:
            life = self._lives.get(id)
        if life is None or life.over:
            return False
        if self._queue.withdraw(id):
            life.cancel()
            self._forget_life(id)
        else:
            life.stop()
        return True

    def knows(self, id: str) -> bool:  # noqa: A002
        """Whether there is a folder of this job, ended or not."""
        return self._folder_of(id).exists()

    def recover(self) -> None:
        """At the server's start: go on with every job that has not ended."""
        lives = []
        for folder in self._folder.iterdir():
            if not (folder / "job.json").exists():
                remove_tree(folder)  # its submit was never answered
            elif not has_ended(folder):
                lives.append(Life(self._house, folder, self._queue.leave))
        lives.sort(key=lambda life: (life.began or float("inf"), life.spec.name))
        for life in lives:
            if life.admitted:
                self._queue.take(life.spec.id, wanted_by(life.spec))
                self._begin(life)
        for life in lives:
            if not life.admitted:
                life.retell()
                self._enter(life)

    def close(self) -> None:
        """Stop what runs and leave no process behind; jobs that have not begun wait for the next start."""
        with self._lock:
            self._closed = True
            lives, threads = dict(self._lives), dict(self._threads)
        self._queue.close()
        for life in lives.values():
            life.close(CLOSE_GRACE)
        for id_, thread in threads.items():
            thread.join(CLOSE_SECONDS)
            if thread.is_alive():
                lives[id_].kill()
                thread.join(CLOSE_SECONDS)

    def forget(self, id: str) -> None:  # noqa: A002
        """Delete the folder of a job that has ended."""
        with self._lock:
            life, thread = self._lives.get(id), self._threads.get(id)
        if life is not None and not life.over:
            raise ValueError(f"{id} has not ended")
        if thread is not None:
            thread.join()  # it has told the end and is giving the disk back
        remove_tree(self._folder_of(id))

    def _refuse_unsafe(self, spec: JobSpec) -> None:
        """Refuse what only a sandbox can honour where the kernel lets us build none."""
        code = bool(spec.command) and not self._house.settings.allow_unsandboxed
        if not (code or spec.instance_count > 1 or spec.network_isolation) or self._house.warm.namespaces:
            return
        why = "This machine's kernel refuses namespaces, so"
        if code:
            advice = "CLARY_ALLOW_UNSANDBOXED=1 runs it as a plain process"
            raise ValidationException(f"{why} user code can't be isolated and is not run; {advice}")
        if spec.network_isolation:
            raise ValidationException(f"{why} EnableNetworkIsolation can't be honoured")
        raise ValidationException(f"{why} hosts can't have names of their own: InstanceCount must be 1")

    def _folder_of(self, id: str) -> Path:  # noqa: A002
        name = id.rpartition("/")[2]
        return self._folder / f"{name[:63]}-{hashlib.sha256(id.encode()).hexdigest()[:12]}"

    def _enter(self, life: Life) -> None:
        """Queue a job; its thread starts when there is room."""
        with self._lock:
            self._lives[life.spec.id] = life
        life.tell("Starting")
        if not self._queue.enter(life.spec.id, wanted_by(life.spec), lambda: self._begin(life)):
            life.tell("Pending")

    def _begin(self, life: Life) -> None:
        granted = self._queue.cap(wanted_by(life.spec))
        thread = threading.Thread(target=self._live, args=(life, granted), name=f"job {life.spec.name}", daemon=True)
        with self._lock:
            if self._closed:
                return
            self._lives[life.spec.id] = life
            self._threads[life.spec.id] = thread
            thread.start()

    def _live(self, life: Life, granted: Capacity) -> None:
        try:
            life.run(granted)
        finally:
            self._forget_life(life.spec.id)
            self._queue.leave(life.spec.id)

    def _forget_life(self, id: str) -> None:  # noqa: A002
        with self._lock:
            self._lives.pop(id, None)
            self._threads.pop(id, None)


def wanted_by(spec: JobSpec) -> Capacity:
    """Cores and memory for all hosts of a job: what it says, or what its instance type has."""
    each = capacity_of(spec.instance_type)
    return Capacity(
        spec.cores or each.cores * spec.instance_count, spec.memory_gib or each.memory_gib * spec.instance_count
    )
