"""A folder that a job writes, and its place in S3: uploaded while the job runs, or when it has ended."""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from clary.durable import write_quickly
from clary.errors import ClientError, ServiceError
from clary.jobs.journal import read_small
from clary.jobs.written import File, Stamp, files_below, stamp_of

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PAUSE_PER_WORK = 10.0  # a look that took long is followed by a pause that many times as long
UNSURE = Stamp(-1, 0, 0)  # of a file whose upload has begun: S3 may have it or not

Put = Callable[[str, Path], None]
"""(path below the folder, file): stores it durably under the folder's place in S3."""
Delete = Callable[[str], None]
"""(path below the folder): removes it from there."""


class Sync:
    """A folder of one host. One thread at a time.

    Files that vanish stay in S3, unless there is a `delete`. With a `state`, a file that says what S3 has, the sync of
    a server that was killed is gone on with by the next.
    """

    def __init__(
        self,
        root: Path,
        folder: str,
        put: Put,
        scratch: Path,
        *,
        delete: Delete | None = None,
        state: Path | None = None,
        ignored: tuple[str, ...] = (),
    ) -> None:
        self._root = root  # the host's /opt/ml
        self._folder = folder  # below it
        self._put = put
        self._scratch = scratch  # a file that takes a copy of what may change while it is read
        self._delete = delete
        self._state = state
        self._ignored = ignored  # how names end that are nobody's business
        data = read_small(state) if state else b""
        self._stored = msgspec.json.decode(data, type=dict[str, Stamp]) if data else {}
        self._seen: dict[str, Stamp] = {}
        self._due = 0.0

    def look(self) -> None:
        """While the job runs: upload what is new and did not change between two looks, so nobody sees half a file."""
        began = time.monotonic()
        if began < self._due:
            return
        try:
            self._match(last=False)
        except (ClientError, ServiceError, OSError) as problem:  # tried again by the next look, told by `finish`
            log.warning("%s of %s can't be uploaded for now: %s", self._folder, self._root, problem)
        now = time.monotonic()
        self._due = now + max(LOOK_SECONDS, PAUSE_PER_WORK * (now - began))

    def finish(self) -> None:
        """When the job has ended: upload all that is not there as it is now. Raises what stands in the way."""
        self._match(last=True)

    def adopt(self) -> None:
        """Before the job starts: what stands in the folder came from S3."""
        self._stored = {file.inside: file.stamp for file in files_below(self._root, self._folder, [])}
        self._note()

    def note(self, name: str, stamp: Stamp | None) -> None:
        """Remember what S3 has of a file."""
        if stamp is None:
            del self._stored[name]
        else:
            self._stored[name] = stamp
        self._note()

    def _note(self) -> None:
        if self._state:
            write_quickly(self._state, msgspec.json.encode(self._stored))

    def _match(self, *, last: bool) -> None:
        """Go through the folder; one file's trouble is raised when the others are done."""
        seen: dict[str, Stamp] = {}
        problems: list[Exception] = []
        for file in files_below(self._root, self._folder, problems):
            if file.inside.endswith(self._ignored):
                continue
            seen[file.inside] = file.stamp
            if self._stored.get(file.inside) != file.stamp and (last or self._seen.get(file.inside) == file.stamp):
                try:
                    self._store(file) if last else self._store_copy(file)
                except (ServiceError, OSError) as problem:
                    problems.append(problem)
        self._seen = seen
        gone = [name for name in self._stored if name not in seen]
        for name in gone if self._delete and not problems else []:  # what can't be read isn't gone
            try:
                self._remove(name)
            except (ServiceError, OSError) as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    def _store_copy(self, file: File) -> None:
        """Upload a file, unless it changed while it was copied: then a later look does."""
        try:
            shutil.copyfile(file.path, self._scratch)
            if stamp_of(file.handle) == file.stamp:
                self._store(file, self._scratch)
        finally:
            self._scratch.unlink(missing_ok=True)

    def _store(self, file: File, copy: Path | None = None) -> None:
        self.note(file.inside, UNSURE)
        self._put(file.inside, copy or file.path)
        self.note(file.inside, file.stamp)

    def _remove(self, name: str) -> None:
        assert self._delete
        self._delete(name)
        self.note(name, None)
