"""The house's handle of all transforms: submit, stop, recover after a restart, close."""

from clary.errors import ValidationException
from clary.jobs.room import Room
from clary.jobs.staging import remove_tree
from clary.transform.life import Life
from clary.transform.spec import TransformSpec


class Transforms(Room[Life]):
    """All transforms that have not ended."""

    def submit(self, spec: TransformSpec) -> None:
        """Take a transform: its folder is durable when this returns. ValidationException for what can never run."""
        if spec.network_isolation and not self._house.warm.namespaces:
            raise ValidationException("This machine's kernel refuses namespaces: a model can't be cut off the network")
        self._enter(Life(self._house, self._keep(spec)))

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
