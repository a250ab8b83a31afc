"""Buckets' objects. An object of up to 64 KiB lies in the state database, the bytes of a larger one in immutable files.

The order of a write: the file under its final random name, synced; its folder, synced; the row, committed, which makes
the object visible; then the old file goes. A crash anywhere leaves the old object or the new one, and at worst a file
that the next sweep removes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from clary.clock import Clock
from clary.store import object_rows as rows
from clary.store import versions
from clary.store.blobs import Blobs, link
from clary.store.buckets import Buckets
from clary.store.database import Database, storage_errors
from clary.store.deletion import Choose, Removed, Target, delete
from clary.store.incoming import INLINE_BYTES, Content, Hasher, Incoming
from clary.store.joining import Joiner, is_whole
from clary.store.object_list import Listing, list_objects
from clary.store.object_rows import Bucket, Found, Object
from clary.store.outbox import Announce, Outbox, say_nothing
from clary.store.ticks import Ticks
from clary.store.uploads import Uploads
from clary.store.version_list import VersionListing, list_versions

_BLOCK = 1 << 20

# Built once: SQLAlchemy takes longer to build a statement than SQLite to answer it.
_PARTS = rows.parts.c
_SELECT_RUN = sa.select(_PARTS.start, _PARTS.size, _PARTS.blob, _PARTS.content).where(
    _PARTS.owner == sa.bindparam("of")
)
_SELECT_RUNS = _SELECT_RUN.where(
    _PARTS.start < sa.bindparam("end"), _PARTS.start + _PARTS.size > sa.bindparam("first")
).order_by(_PARTS.number)


class NoObject(LookupError):
    """There is no such bucket or no such object."""


class Piece(NamedTuple):
    """A run of an object's bytes: in memory, or `length` bytes from `start` of the file at `path`."""

    content: bytes | None
    path: Path | None
    start: int
    length: int


class New(NamedTuple):
    """An object to be; `check` sees what is there before, and raises where it can't be."""

    bucket: str
    key: str
    content: Content
    details: dict[str, Any]
    check: Callable[[Found], None]


class Opened:
    """An object with the bytes that were asked for; they stay readable until `close`, whatever is written meanwhile."""

    def __init__(self, found: Found, pieces: Sequence[Piece], blobs: Blobs, held: Collection[str]) -> None:
        assert found.object is not None
        self.found = found
        self.object = found.object
        self.pieces = pieces
        self._blobs = blobs
        self._held = held

    def blocks(self) -> Iterator[bytes]:
        """The bytes, a MiB at a time."""
        for piece in self.pieces:
            if piece.path is None:
                assert piece.content is not None
                yield piece.content
            else:
                yield from _read_blocks(piece.path, piece.start, piece.length)

    def close(self) -> None:
        """Let go of the files."""
        held, self._held = self._held, ()
        if held:
            self._blobs.release(held)

    def __del__(self) -> None:
        # A reply that nobody fetched is dropped without being read; its files must not stay for ever.
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Objects:
    """Everything in all buckets; `buckets`, `uploads` and `outbox` are its other sides."""

    def __init__(self, database: Database, folder: Path, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._blobs = Blobs(folder, clock)
        self._joiner = Joiner(database, self._blobs)
        self.buckets = Buckets(database, self._blobs, clock)
        self._ticks = Ticks(clock)
        self.outbox = Outbox(database, clock, self._ticks)
        self.uploads = Uploads(database, self._blobs, self.outbox, clock, self._ticks)
        self.sweep()

    def incoming(self, hashers: Iterable[Hasher] = ()) -> Incoming:
        """A place to write the bytes of a new object or part to."""
        return Incoming(self._blobs, hashers)

    def find(self, bucket: str, key: str, version: str = "") -> Found:
        """The bucket and the object, either None where there is none."""
        with self._database.read() as connection:
            return versions.find(connection, bucket, key, version)

    def open(self, bucket: str, key: str, choose: Callable[[Found], tuple[int, int]], version: str = "") -> Opened:
        """The object and the bytes (start, length) that `choose` wants of it; `choose` raises where there is none."""
        while True:
            with self._database.read() as connection:
                found = versions.find(connection, bucket, key, version)
                start, length = choose(found)
                assert found.object is not None
                runs = _find_runs(connection, found.object, start, length)
            held = {run.blob for run in runs if run.blob}
            # Whoever overwrote the object since then may have removed its files already: then look again.
            if not held or self._blobs.hold(held):
                return Opened(found, self._pieces(runs, start, length), self._blobs, held)

    def put(
        self,
        bucket: str,
        key: str,
        content: Content,
        details: dict[str, Any],
        check: Callable[[Found], None],
        announce: Announce = say_nothing,
    ) -> Object:
        """Make the content the object of that key after `check` has seen what is there; durable when it returns."""
        return self.put_all([New(bucket, key, content, details, check)], announce)[0]

    def put_all(self, news: Sequence[New], announce: Announce = say_nothing) -> list[Object]:
        """The same for several, in one transaction: all of them become visible at once."""
        made, gone, told = [], [], False
        with self._database.write() as connection:
            for new in news:
                found = rows.find_object(connection, new.bucket, new.key)
                new.check(found)
                assert found.bucket is not None
                item = self._object(new, found.bucket)
                gone += versions.put(connection, found.bucket, item, found.object)
                rows.put_part(connection, item.id, 0, new.content, item.modified, {})
                told |= self.outbox.tell(connection, announce, found.bucket, [item])
                made.append(item)
        if told:
            self.outbox.ring()
        for new in news:
            if new.content.blob:
                self._blobs.keep(new.content.blob)
        self._blobs.remove(gone, wait=False)
        return made

    def _object(self, new: New, bucket: Bucket) -> Object:
        version, now = versions.new_version(bucket, self._ticks, self._clock), self._clock.now()
        size, md5 = new.content.size, new.content.md5
        return Object(new.bucket, new.key, self._clock.hex(32), size, md5, now, 0, new.details, version)

    def change(
        self,
        bucket: str,
        key: str,
        function: Callable[[Found], None],
        announce: Announce = say_nothing,
        *,
        version: str = "",
    ) -> None:
        """Let the function change the object's details in place, in one transaction."""
        told = False
        with self._database.write() as connection:
            found = versions.find(connection, bucket, key, version)
            function(found)
            if found.object is not None:
                versions.change_details(connection, found.object)
                told = self.outbox.tell(connection, announce, found.bucket, [found.object])
        if told:
            self.outbox.ring()

    def delete(
        self,
        bucket: str,
        targets: Collection[Target],
        choose: Choose,
        announce: Announce = say_nothing,
    ) -> dict[Target, Removed]:
        """Delete those of the targets that `choose`, given what exists of them, wants deleted; one transaction."""
        with self._database.write() as connection:
            owner = rows.find_bucket(connection, bucket)
            done, gone = delete(connection, owner, targets, choose, self._marker)
            removed = [one.object for one in done.values() if one.object]
            told = self.outbox.tell(connection, announce, owner, removed, gone=True)
            told |= self.outbox.tell(connection, announce, owner, [one.marker for one in done.values() if one.marker])
        if told:
            self.outbox.ring()
        self._blobs.remove(gone)
        return done

    def _marker(self, bucket: Bucket, key: str) -> Object:
        version = versions.new_version(bucket, self._ticks, self._clock)
        return Object(bucket.name, key, "", 0, "", self._clock.now(), 0, {}, version)

    def list(
        self, bucket: str, *, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Listing:
        """A page of the bucket's keys."""
        with self._database.read() as connection:
            return list_objects(connection, bucket, prefix=prefix, delimiter=delimiter, after=after, limit=limit)

    def list_versions(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        after_version: str = "",
        limit: int = 1000,
    ) -> VersionListing:
        """A page of the bucket's versions, by key and from the newest to the oldest."""
        with self._database.read() as connection:
            place = (after, after_version)
            return list_versions(connection, bucket, prefix=prefix, delimiter=delimiter, after=place, limit=limit)

    def copy(self, opened: Opened) -> Content | None:
        """The whole opened object once more without reading it; None where it is made of several parts."""
        if opened.object.parts or len(opened.pieces) != 1:
            return None
        piece = opened.pieces[0]
        blob = self._blobs.link(piece.path.name) if piece.path else None
        return Content(opened.object.size, opened.object.etag, piece.content, blob)

    def drop(self, content: Content) -> None:
        """Remove the bytes if no row was committed for them."""
        if content.blob:
            self._blobs.discard(content.blob)

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """Put the object's bytes at `target`, read-only: a hard link where possible, else a copy; raises NoObject.

        Parts are joined, and soon for good: then there is one file to link to.
        """

        def everything(found: Found) -> tuple[int, int]:
            if found.object is None:
                raise NoObject(f"{bucket}/{key}")
            return 0, found.object.size

        with self.open(bucket, key, everything) as opened, storage_errors():
            path = opened.pieces[0].path if len(opened.pieces) == 1 else None
            if path is not None:
                link(path, target)
                return
            if len(opened.pieces) > 1 and opened.object.size > INLINE_BYTES:
                self._joiner.join(opened.object.id, opened.blocks(), target)
                return
            with target.open("xb") as file:
                for block in opened.blocks():
                    file.write(block)
            target.chmod(0o444)

    def settle(self) -> None:
        """Wait until the files of overwritten objects are gone, and those of parts where one has taken their place."""
        self._joiner.settle()
        self._blobs.settle()

    def sweep(self) -> int:
        """Remove the files that a crash left without a row; returns how many."""

        def known(names: Collection[str]) -> set[str]:
            found: set[str] = set()
            with self._database.read() as connection:
                for chunk in rows.chunks(names):
                    statement = sa.select(rows.parts.c.blob).where(rows.parts.c.blob.in_(chunk))
                    found.update(connection.execute(statement).scalars())
            return found

        return self._blobs.sweep(known)

    def _pieces(self, runs: Sequence[sa.Row[Any]], start: int, length: int) -> Sequence[Piece]:
        if runs and is_whole(runs[0].blob):
            return [Piece(None, self._blobs.path(runs[0].blob), start, length)]
        return [self._piece(run, start, start + length) for run in runs]

    def _piece(self, run: sa.Row[Any], start: int, end: int) -> Piece:
        """The bytes of one row that lie between start and end of the object."""
        first, last = max(start - run.start, 0), min(end - run.start, run.size)
        if run.blob is None:
            return Piece(run.content[first:last], None, 0, last - first)
        return Piece(None, self._blobs.path(run.blob), first, last - first)


def _find_runs(connection: sa.Connection, item: Object, start: int, length: int) -> list[sa.Row[Any]]:
    """The rows that hold or name these bytes of the object, in order."""
    if not item.parts:
        return list(connection.execute(_SELECT_RUN, {"of": item.id}))
    return list(connection.execute(_SELECT_RUNS, {"of": item.id, "first": start, "end": start + length}))


def _read_blocks(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while length > 0:
            block = file.read(min(length, _BLOCK))
            if not block:
                raise OSError(f"{path} ends {length} bytes early")
            length -= len(block)
            yield block
