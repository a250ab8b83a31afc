"""Checkpoints: whole files `<name>.<round>` in a folder, of which the newest one that can be read counts."""

import io
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from clary.algorithms.base import Run
from clary.algorithms.log_lines import log_of

log = log_of("checkpoints")

KEPT = 5
SHARE = 0.1  # of the training's time, at most, goes into checkpoints
DRAFT = ".sagemaker-ignore"  # what SageMaker never uploads

State = TypeVar("State")


class Checkpoints:
    """Those of one training; without a folder nothing is found and nothing written."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._folder = folder
        self._name = name
        self._due = 0.0

    def __bool__(self) -> bool:
        return self._folder is not None

    def newest(self, read: Callable[[bytes], State]) -> tuple[State | None, int]:
        """What the newest checkpoint holds and its round; (None, -1) where there is none.

        `read` raises ValueError for bytes that are no checkpoint: an older one is taken then.
        """
        for number in reversed(self._numbers()):
            path = self._path(number)
            try:
                state = read(path.read_bytes())
            except ValueError as problem:
                log.warning("%s is no checkpoint: %s", path, problem)
            else:
                log.info("Checkpoint loaded from %s", path)
                log.info("Resuming from iteration %s", number + 1)
                return state, number
        return None, -1

    def save(self, number: int, write: Callable[[], bytes], *, last: bool = False) -> None:
        """Keep the state after a round; the `last` one surely, others as far as they take no time to speak of."""
        began = time.monotonic()
        if self._folder is None or (began < self._due and not last):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / (self._name + DRAFT)
        with draft.open("wb") as file:
            file.write(write())
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._path(number))
        for old in self._numbers()[:-KEPT]:
            self._path(old).unlink(missing_ok=True)
        now = time.monotonic()
        self._due = now + (now - began) / SHARE

    def _path(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._name}.{number}"

    def _numbers(self) -> list[int]:
        found = self._folder.glob(f"{self._name}.*") if self._folder else ()
        return sorted(int(path.suffix[1:]) for path in found if path.suffix[1:].isdecimal())


NO_CHECKPOINTS = Checkpoints(None, "")


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Named arrays as the content of a checkpoint."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type] # the stub takes a name for `allow_pickle`
    return content.getvalue()


def unpack(content: bytes) -> dict[str, np.ndarray]:
    """The arrays again; ValueError for anything else. Nothing is unpickled."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from None


class Epochs:
    """Checkpoints of a training whose state is arrays that are changed in place, one after an epoch.

    Only on one host: several would have to go on from the same epoch, and nothing says that all of them saved it.
    """

    def __init__(self, run: Run, name: str, epochs: int, arrays: Mapping[str, np.ndarray]) -> None:
        self._checkpoints = Checkpoints(run.checkpoints if len(run.hosts) == 1 else None, f"{name}-checkpoint")
        self._epochs = epochs
        self._arrays = arrays

    def resume(self) -> int:
        """Put the arrays where the newest checkpoint has them; the epoch to go on with. The last is always run."""
        found, epoch = self._checkpoints.newest(self._read)
        if found is None:
            return 0
        for name, array in self._arrays.items():
            array[...] = found[name]
        return min(epoch + 1, self._epochs - 1)

    def save(self, epoch: int) -> None:
        """Keep the arrays as they are after an epoch, unless it was the last: that one can't be gone on from."""
        if epoch + 1 < self._epochs:
            self._checkpoints.save(epoch, lambda: pack(self._arrays), last=epoch + 2 == self._epochs)

    def _read(self, content: bytes) -> dict[str, np.ndarray]:
        found = unpack(content)
        if {name: array.shape for name, array in found.items()} != {
            name: array.shape for name, array in self._arrays.items()
        }:
            raise ValueError("it is one of a training with other settings")
        return found
