"""The house's handle of all transforms: submit, stop, recover after a restart, close."""

import hashlib
import threading
from pathlib import Path

import msgspec

from clary.clock import Clock
from clary.config import Settings
from clary.errors import ValidationException
from clary.jobs.host import Host
from clary.jobs.instances import Capacity, capacity_of, machine_capacity
from clary.jobs.journal import sync_folder, write_whole
from clary.jobs.life import House
from clary.jobs.queue import Queue
from clary.jobs.staging import remove_tree
from clary.sandbox import WarmParent
from clary.transform.life import Life
from clary.transform.spec import TransformSpec

CLOSE_SECONDS = 15.0


class Transforms:
    """All transforms that have not ended, each with its folder; a running one has a thread. Thread-safe."""

    def __init__(self, settings: Settings, clock: Clock, host: Host, warm: WarmParent, folder: Path) -> None:
        self._house = House(settings, clock, host, warm)
        self._folder = folder
        self._queue = Queue(machine_capacity(settings))
        self._lock = threading.Lock()
        self._lives: dict[str, Life] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True)

    def submit(self, spec: TransformSpec) -> None:
        """Take a transform: its folder is durable when this returns. ValidationException for what can never run."""
        if spec.network_isolation and not self._house.warm.namespaces:
            raise ValidationException("This machine's kernel refuses namespaces: a model can't be cut off the network")
        folder = self._folder_of(spec.id)
        folder.mkdir(mode=0o700)
        try:
            write_whole(folder / "job.json", msgspec.json.encode(spec))
            sync_folder(self._folder)
        except OSError:
            remove_tree(folder)
            raise
        self._enter(Life(self._house, folder))

    def stop(self, id: str) -> bool:  # noqa: A002 - the interface's name
        """Stop a transform; False when it is unknown or has ended."""
        with self._lock:
            life = self._lives.get(id)
        if life is None:
            return False
        if self._queue.withdraw(id):
            life.cancel()
            self._forget(id)
        else:
            life.stop()
        return True

    def knows(self, id: str) -> bool:  # noqa: A002
        """Whether there is a folder of this transform."""
        return self._folder_of(id).exists()

    def recover(self) -> None:
        """At the server's start: go on with every transform that has not ended."""
        lives = []
        for folder in self._folder.iterdir():
            if (folder / "job.json").exists():
                lives.append(Life(self._house, folder))
            else:
                remove_tree(folder)  # its submit was never answered, or its end was told
        for life in sorted(lives, key=lambda life: (life.folder / "job.json").stat().st_mtime):
            self._enter(life)

    def close(self) -> None:
        """Leave no process behind; transforms that have not ended go on at the next start."""
        with self._lock:
            self._closed = True
            lives, threads = dict(self._lives), dict(self._threads)
        self._queue.close()
        for life in lives.values():
            life.close()
        for thread in threads.values():
            thread.join(CLOSE_SECONDS)

    def _folder_of(self, id: str) -> Path:  # noqa: A002
        name = id.rpartition("/")[2]
        return self._folder / f"{name}-{hashlib.sha256(id.encode()).hexdigest()[:12]}"

    def _enter(self, life: Life) -> None:
        """Queue a transform; its thread starts when there is room."""
        with self._lock:
            self._lives[life.spec.id] = life
        self._queue.enter(life.spec.id, _wanted_by(life.spec), lambda: self._begin(life))

    def _begin(self, life: Life) -> None:
        granted = self._queue.cap(_wanted_by(life.spec))
        name = f"transform {life.spec.name}"
        thread = threading.Thread(target=self._live, args=(life, granted), name=name, daemon=True)
        with self._lock:
            if self._closed:
                return
            self._threads[life.spec.id] = thread
            thread.start()

    def _live(self, life: Life, granted: Capacity) -> None:
        try:
            life.run(granted)
        finally:
            self._forget(life.spec.id)
            self._queue.leave(life.spec.id)

    def _forget(self, id: str) -> None:  # noqa: A002
        with self._lock:
            self._lives.pop(id, None)
            self._threads.pop(id, None)


def _wanted_by(spec: TransformSpec) -> Capacity:
    """Cores and memory for all instances, as their type has them."""
    each, count = capacity_of(spec.instance_type), len(spec.instances)
    return Capacity(each.cores * count, each.memory_gib * count)
