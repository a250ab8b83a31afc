"""What every room of long work shares: a folder for each piece of work, a turn in the queue, a thread while it runs."""

import hashlib
import threading
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from clary.clock import Clock
from clary.config import Settings
from clary.durable import sync_path, write_whole
from clary.errors import ValidationException
from clary.jobs.host import Host
from clary.jobs.instances import Capacity, machine_capacity
from clary.jobs.life import House
from clary.jobs.queue import Interrupt, Queue
from clary.jobs.staging import remove_tree
from clary.sandbox import WarmParent

CLOSE_SECONDS = 15.0


class Spec(Protocol):
    """What is asked for, as far as the room cares."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def wanted(self) -> Capacity: ...  # noqa: D102


class Work(Protocol):
    """A piece of work that has not ended; its methods are those of `jobs.life.Life`."""

    @property
    def spec(self) -> Spec: ...  # noqa: D102
    @property
    def over(self) -> bool: ...  # noqa: D102
    def run(self, granted: Capacity) -> None: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102
    def cancel(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102


LifeT = TypeVar("LifeT", bound=Work)


class Room(Generic[LifeT]):
    """All work of one kind that has not ended. Thread-safe."""

    def __init__(self, settings: Settings, clock: Clock, host: Host, warm: WarmParent, folder: Path) -> None:
        self._house = House(settings, clock, host, warm)
        self._folder = folder
        self._queue = Queue(machine_capacity(settings))
        self._lock = threading.Lock()
        self._lives: dict[str, LifeT] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True)

    def stop(self, id: str) -> bool:  # noqa: A002 - the interface's name
        """Stop the work, with its grace period; False when it is unknown or has ended."""
        with self._lock:
            life = self._lives.get(id)
        if life is None or life.over:
            return False
        if self._queue.withdraw(id):
            life.cancel()
            self._drop(id)
        else:
            life.stop()
        return True

    def knows(self, id: str) -> bool:  # noqa: A002
        """Whether there is a folder of this work."""
        return self._folder_of(id).exists()

    def close(self) -> None:
        """Stop what runs and leave no process behind; what has not ended goes on at the next start."""
        with self._lock:
            self._closed = True
            lives, threads = dict(self._lives), dict(self._threads)
        self._queue.close()
        for life in lives.values():
            life.close()
        for id_, thread in threads.items():
            thread.join(CLOSE_SECONDS)
            if thread.is_alive():
                lives[id_].kill()
                thread.join(CLOSE_SECONDS)

    def _keep(self, spec: Spec) -> Path:
        """A new folder with what is asked for, durable when this returns."""
        folder = self._folder_of(spec.id)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            raise ValidationException(f"There is a folder of a job {spec.id} already") from None
        try:
            write_whole(folder / "job.json", msgspec.json.encode(spec))
            sync_path(self._folder)
        except OSError:
            remove_tree(folder)
            raise
        return folder

    def _folder_of(self, id: str) -> Path:  # noqa: A002
        name = id.rpartition("/")[2]
        return self._folder / f"{name[:63]}-{hashlib.sha256(id.encode()).hexdigest()[:12]}"

    def _enter(self, life: LifeT, interrupt: Interrupt | None = None) -> bool:
        """Queue the work; its thread starts when there is room. False where it has to wait."""
        with self._lock:
            self._lives[life.spec.id] = life
        return self._queue.enter(life.spec.id, life.spec.wanted, lambda: self._begin(life), interrupt)

    def _begin(self, life: LifeT) -> None:
        granted = self._queue.cap(life.spec.wanted)
        thread = threading.Thread(target=self._live, args=(life, granted), name=f"job {life.spec.name}", daemon=True)
        with self._lock:
            if self._closed:
                return
            self._lives[life.spec.id] = life
            self._threads[life.spec.id] = thread
            thread.start()

    def _live(self, life: LifeT, granted: Capacity) -> None:
        try:
            life.run(granted)
        finally:
            self._drop(life.spec.id)
            self._queue.leave(life.spec.id)

    def _drop(self, id: str) -> None:  # noqa: A002
        with self._lock:
            self._lives.pop(id, None)
            self._threads.pop(id, None)
