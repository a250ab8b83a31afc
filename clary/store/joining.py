"""An object that was uploaded in parts becomes one file when somebody needs it as one: once, not at each reading.

The file is written and handed out first; then a thread syncs it and lets all parts name it in place of their own. A
crash in between leaves the parts as they were and a file without a row, which the next sweep removes.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from clary.store.blobs import Blobs, Draft, link
from clary.store.database import Database, StorageFull
from clary.store.object_rows import parts

_WHOLE = "-whole"


def is_whole(blob: str | None) -> bool:
    """Whether a part's file has the bytes of the whole object, and not of the part alone."""
    return blob is not None and blob.endswith(_WHOLE)


class Joiner:
    """Makes one file of many."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._thread = ThreadPoolExecutor(1, "joining")

    def join(self, owner: str, blocks: Iterable[bytes], target: Path) -> None:
        """Put the bytes of the object of that id at `target`, and soon into one file that its parts name."""
        draft = self._blobs.create(_WHOLE)
        try:
            for block in blocks:
                draft.write(block)
            link(draft.path, target)  # before anybody can take the file for his own
        except BaseException:
            self._drop(draft)
            raise
        self._thread.submit(self._adopt, owner, draft)

    def settle(self) -> None:
        """Wait until no part waits to be replaced."""
        self._thread.submit(int).result()

    def _adopt(self, owner: str, draft: Draft) -> None:
        gone: list[str] = []
        try:
            draft.seal()
            with self._database.write() as connection:
                adopted, gone = _replace(connection, owner, draft.name)
            if adopted:
                self._blobs.keep(draft.name)
        except StorageFull:
            return  # it stays in parts
        finally:
            self._drop(draft)
        self._blobs.remove(gone)

    def _drop(self, draft: Draft) -> None:
        draft.close()
        self._blobs.discard(draft.name)


def _replace(connection: sa.Connection, owner: str, whole: str) -> tuple[bool, list[str]]:
    """Let the parts name the whole unless they are gone or name another one; returns the files that nothing names."""
    blobs = list(connection.execute(sa.select(parts.c.blob).where(parts.c.owner == owner)).scalars())
    if not blobs or is_whole(blobs[0]):
        return False, []
    connection.execute(parts.update().where(parts.c.owner == owner).values(blob=whole, content=None))
    return True, [blob for blob in blobs if blob]
