"""The house's handle of all jobs: submit, stop, recover after a restart, close."""

from clary.errors import ValidationException
from clary.jobs.life import Life, has_ended
from clary.jobs.metrics import compile_patterns
from clary.jobs.room import Room
from clary.jobs.spec import JobSpec
from clary.jobs.staging import remove_tree


class Jobs(Room[Life]):
    """All jobs that have not ended."""

    def submit(self, spec: JobSpec) -> None:
        """Take a job: its folder is durable when this returns. ValidationException for what can never run."""
        compile_patterns(spec.metrics)
        if bool(spec.algorithm) == bool(spec.command or spec.image):
            raise ValidationException(f"{spec.name} needs an algorithm or a command")
        self._refuse_unsafe(spec)
        self._queue_up(Life(self._house, self._keep(spec), self._queue.leave))

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
                self._queue.take(life.spec.id, life.spec.wanted)
                self._begin(life)
        for life in lives:
            if not life.admitted:
                life.retell()
                self._queue_up(life)

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

    def _queue_up(self, life: Life) -> None:
        with self._lock:
            self._lives[life.spec.id] = life  # it can be stopped from the moment that it is told
        life.tell("Starting")
        if not self._enter(life):
            life.tell("Pending")
