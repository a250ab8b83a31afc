"""The house's handle of all jobs: submit, stop, recover after a restart, close."""

import threading
from typing import Any

from clary.errors import ValidationException
from clary.jobs.checkpoints import ML
from clary.jobs.instances import Capacity
from clary.jobs.life import Life, has_ended
from clary.jobs.metrics import compile_patterns
from clary.jobs.queue import Interrupt
from clary.jobs.room import Room
from clary.jobs.spec import JobSpec
from clary.jobs.staging import remove_tree


class Jobs(Room[Life]):
    """All jobs that have not ended."""

    def __init__(self, *rooms: Any) -> None:
        super().__init__(*rooms)
        self._timers: dict[str, threading.Timer] = {}  # of spot jobs that wait

    def submit(self, spec: JobSpec) -> None:
        """Take a job: its folder is durable when this returns. ValidationException for what can never run."""
        compile_patterns(spec.metrics)
        if bool(spec.algorithm) == bool(spec.command or spec.image):
            raise ValidationException(f"{spec.name} needs an algorithm or a command")
        self._refuse_unsafe(spec)
        if spec.encrypt_between and spec.instance_count > 1:
            raise ValidationException(
                "EnableInterContainerTrafficEncryption asks for encryption between the hosts of a job, which Clary "
                "does not do: leave it out, or take one host, which has nobody to talk to."
            )
        if self._house.settings.compute:
            self._refuse_on_cluster(spec)
        self._queue_up(Life(self._house, self._keep(spec), self._queue.leave))

    def recover(self) -> None:
        """At the server's start: go on with every job that has not ended."""
        lives = []
        for folder in self._folder.iterdir():
            if not (folder / "job.json").exists():
                remove_tree(folder)  # its submit was never answered
            elif not has_ended(folder):
                lives.append(Life(self._house, folder, self._queue.leave))
            else:
                for attempt in folder.glob("attempt-*"):  # the server died before it had given the disk back
                    remove_tree(attempt)
        lives.sort(key=lambda life: (life.began or float("inf"), life.spec.name))
        for life in lives:
            if life.admitted:
                self._queue.take(life.spec.id, life.spec.wanted, _interrupt_of(life))
                self._begin(life)
        for life in lives:
            if not life.admitted:
                life.retell()
                self._queue_up(life)

    def interrupt(self, id: str, grace: float | None = None) -> bool:  # noqa: A002
        """Take a spot job its room, with a grace period; False when it holds none or isn't one."""
        with self._lock:
            life = self._lives.get(id)
        return life is not None and life.interrupt(grace)

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
        place = spec.checkpoints.path if spec.checkpoints else ML
        if not place.startswith(ML) and not self._house.warm.namespaces:
            raise ValidationException(f"This machine's kernel refuses namespaces, so {place} can't hold checkpoints")
        code = bool(spec.command or spec.image) and not self._house.settings.allow_unsandboxed
        if not (code or spec.instance_count > 1 or spec.network_isolation) or self._house.warm.namespaces:
            return
        why = "This machine's kernel refuses namespaces, so"
        if code:
            advice = "CLARY_ALLOW_UNSANDBOXED=1 runs it as a plain process"
            raise ValidationException(f"{why} user code can't be isolated and is not run; {advice}")
        if spec.network_isolation:
            raise ValidationException(f"{why} EnableNetworkIsolation can't be honoured")
        raise ValidationException(f"{why} hosts can't have names of their own: InstanceCount must be 1")

    def _refuse_on_cluster(self, spec: JobSpec) -> None:
        """Refuse what needs the machine of the server."""
        needs = {
            "Pipe mode": any(channel.mode == "Pipe" for channel in spec.channels),
            "EnableNetworkIsolation": spec.network_isolation,
            "CheckpointConfig": spec.checkpoints is not None,
            "managed spot training": spec.spot,
            "S3UploadMode Continuous": any(output.continuous for output in spec.outputs),
            "a kernel with namespaces": not self._house.warm.namespaces,
        }
        for name, needed in needs.items():
            if needed:
                raise ValidationException(
                    f"Jobs run on the Ray cluster at {self._house.settings.compute} (setting compute), where Clary "
                    f"doesn't do {name}."
                )

    def _queue_up(self, life: Life) -> None:
        with self._lock:
            self._lives[life.spec.id] = life  # it can be stopped from the moment that it is told
        life.tell("Starting")
        self._wait(life)

    def _wait(self, life: Life) -> None:
        """Queue a new or an interrupted job; one on spot waits no longer than it may."""
        if self._enter(life, _interrupt_of(life)):
            return
        life.tell("Pending")
        if life.stopping:  # asked to while it was on its way into the queue
            self.stop(life.spec.id)
        elif life.spec.spot:
            timer = threading.Timer(min(max(0.0, life.wait_left), threading.TIMEOUT_MAX), self._give_up, [life])
            timer.daemon = True
            self._timers[life.spec.id] = timer
            timer.start()

    def _give_up(self, life: Life) -> None:
        """End a job that has waited for too long."""
        if self._queue.withdraw(life.spec.id):
            life.cancel("MaxWaitTimeExceeded")
            self._drop(life.spec.id)

    def _begin(self, life: Life) -> None:
        if timer := self._timers.pop(life.spec.id, None):
            timer.cancel()
        super()._begin(life)

    def _live(self, life: Life, granted: Capacity) -> None:
        try:
            life.run(granted)
        finally:
            self._queue.leave(life.spec.id)
            if life.interrupted:
                self._wait(life)
            else:
                self._drop(life.spec.id)

    def close(self) -> None:
        """Stop what runs; what waits goes on at the next start."""
        for timer in self._timers.values():
            timer.cancel()
        super().close()


def _interrupt_of(life: Life) -> Interrupt | None:
    return life.interrupt if life.spec.spot else None
