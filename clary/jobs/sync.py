"""A folder that a job writes, and its place in S3: uploaded while the job runs, or when it has ended."""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from clary.errors import ClientError, ServiceError
from clary.jobs.written import File, Stamp, files_below, stamp_of

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PAUSE_PER_WORK = 10.0  # a look that took long is followed by a pause that many times as long

Put = Callable[[str, Path], None]
"""(path below the folder, file): stores it durably under the folder's place in S3."""


class Sync:
    """A folder of one host. Files that vanish stay in S3, as on AWS. One thread at a time."""

    def __init__(self, root: Path, folder: str, put: Put, scratch: Path) -> None:
        self._root = root  # the host's /opt/ml
        self._folder = folder  # below it
        self._put = put
        self._scratch = scratch  # a file that takes a copy of what may change while it is read
        self._stored: dict[str, Stamp] = {}
        self._seen: dict[str, Stamp] = {}
        self._due = 0.0

    def look(self) -> None:
        """While the job runs: upload what is new and did not change between two looks, so nobody sees half a file."""
        began = time.monotonic()
        if began < self._due:
            return
        seen: dict[str, Stamp] = {}
        try:
            for file in files_below(self._root, self._folder):
                seen[file.inside] = file.stamp
                known = self._stored.get(file.inside)
                if file.stamp != known and file.stamp == self._seen.get(file.inside):
                    self._store_copy(file)
        except (ClientError, ServiceError, OSError) as problem:  # tried again by the next look, told by `finish`
            log.warning("%s of %s can't be uploaded for now: %s", self._folder, self._root, problem)
        self._seen = seen
        now = time.monotonic()
        self._due = now + max(LOOK_SECONDS, PAUSE_PER_WORK * (now - began))

    def finish(self) -> None:
        """When the job has ended: upload all that is not there as it is now. Raises what stands in the way."""
        for file in files_below(self._root, self._folder):
            if self._stored.get(file.inside) != file.stamp:
                self._put(file.inside, file.path)
                self._stored[file.inside] = file.stamp

    def _store_copy(self, file: File) -> None:
        """Upload a file, unless it changed while it was copied: then a later look does."""
        try:
            shutil.copyfile(file.path, self._scratch)
            if stamp_of(file.handle) == file.stamp:
                self._put(file.inside, self._scratch)
                self._stored[file.inside] = file.stamp
        finally:
            self._scratch.unlink(missing_ok=True)
