"""Uploads in parts: the parts are the bytes of the object to be, so completing one moves rows and copies nothing."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from clary.clock import Clock
from clary.store import object_rows as rows
from clary.store import versions
from clary.store.blobs import Blobs
from clary.store.database import Database
from clary.store.incoming import Content
from clary.store.object_rows import Bucket, Found, Object, Part
from clary.store.outbox import Announce, Outbox, say_nothing
from clary.store.ticks import Ticks


class Upload(msgspec.Struct):
    """An upload that is neither completed nor aborted."""

    id: str
    bucket: str
    key: str
    created: float
    details: dict[str, Any]


class NoUpload(LookupError):
    """There is no such upload, or no longer."""


class Completion(NamedTuple):
    """What a completed upload becomes: the parts it keeps, in order, and the object's ETag and details."""

    parts: Sequence[Part]
    etag: str
    details: dict[str, Any]


class Uploads:
    """All unfinished uploads."""

    def __init__(self, database: Database, blobs: Blobs, outbox: Outbox, clock: Clock, ticks: Ticks) -> None:
        self._database = database
        self._blobs = blobs
        self._outbox = outbox
        self._ticks = ticks
        self._clock = clock

    def create(self, bucket: str, key: str, details: dict[str, Any], check: Callable[[Bucket | None], None]) -> Upload:
        """Begin an upload in the bucket that `check` has seen."""
        now = self._clock.now()
        # The time in front, so that the uploads of a key are in the order of their ids and of their beginnings.
        upload = Upload(f"{int(now * 1e6):016x}{self._clock.hex(48)}", bucket, key, now, details)
        with self._database.write() as connection:
            check(rows.find_bucket(connection, bucket))
            connection.execute(rows.uploads.insert(), msgspec.structs.asdict(upload))
        return upload

    def get(self, id: str) -> Upload | None:  # noqa: A002
        """The upload of that id."""
        with self._database.read() as connection:
            return _find(connection, id)

    def put_part(self, id: str, number: int, content: Content, checksums: dict[str, str]) -> Part:  # noqa: A002
        """Store a part in place of an earlier one of its number; raises NoUpload."""
        now = self._clock.now()
        with self._database.write() as connection:
            if _find(connection, id) is None:
                raise NoUpload(id)
            statement = rows.parts.delete().where(rows.parts.c.owner == id, rows.parts.c.number == number)
            gone = connection.execute(statement.returning(rows.parts.c.blob)).scalar()
            rows.put_part(connection, id, number, content, now, checksums)
        if content.blob:
            self._blobs.keep(content.blob)
        self._blobs.remove([gone] if gone else [])
        return Part(number, content.size, 0, content.md5, now, checksums, content.blob)

    def parts(self, owner: str, *, after: int = -1, limit: int | None = None) -> list[Part]:
        """The parts of an upload, or of an object by its id, by number."""
        with self._database.read() as connection:
            return _parts(connection, owner, after=after, limit=limit)

    def part(self, owner: str, number: int) -> Part | None:
        """One part of an upload, or of an object by its id."""
        with self._database.read() as connection:
            found = _parts(connection, owner, after=number - 1, limit=1)
        return found[0] if found and found[0].number == number else None

    def complete(
        self,
        id: str,  # noqa: A002
        choose: Callable[[Upload, Found, list[Part]], Completion],
        announce: Announce = say_nothing,
    ) -> Object:
        """Make the chosen parts an object, in one transaction; raises NoUpload."""
        with self._database.write() as connection:
            upload = _find(connection, id)
            if upload is None:
                raise NoUpload(id)
            found = rows.find_object(connection, upload.bucket, upload.key)
            chosen, etag, details = choose(upload, found, _parts(connection, id))
            gone = _drop_others(connection, id, chosen)
            size = _lay_out(connection, id, chosen)
            assert found.bucket is not None
            version = versions.new_version(found.bucket, self._ticks, self._clock)
            new = Object(upload.bucket, upload.key, id, size, etag, self._clock.now(), len(chosen), details, version)
            gone += versions.put(connection, found.bucket, new, found.object)
            connection.execute(rows.uploads.delete().where(rows.uploads.c.id == id))
            told = self._outbox.tell(connection, announce, found.bucket, [new])
        if told:
            self._outbox.ring()
        self._blobs.remove(gone, wait=False)
        return new

    def abort(self, id: str, check: Callable[[Upload], None]) -> None:  # noqa: A002
        """Forget an upload and its parts; raises NoUpload."""
        with self._database.write() as connection:
            upload = _find(connection, id)
            if upload is None:
                raise NoUpload(id)
            check(upload)
            connection.execute(rows.uploads.delete().where(rows.uploads.c.id == id))
            gone = rows.drop_parts(connection, [id])
        self._blobs.remove(gone)

    def list(self, bucket: str, *, prefix: str = "") -> list[Upload]:
        """The uploads of a bucket whose keys begin with `prefix`, by key and then by id, which is by time."""
        columns = rows.uploads.c
        statement = sa.select(rows.uploads).where(columns.bucket == bucket)
        if prefix:
            statement = statement.where(columns.key.startswith(prefix, autoescape=True))
        statement = statement.order_by(columns.key, columns.id)
        with self._database.read() as connection:
            return [Upload(*row) for row in connection.execute(statement)]


def _find(connection: sa.Connection, id: str) -> Upload | None:  # noqa: A002
    row = connection.execute(sa.select(rows.uploads).where(rows.uploads.c.id == id)).first()
    return None if row is None else Upload(*row)


def _parts(connection: sa.Connection, owner: str, *, after: int = -1, limit: int | None = None) -> list[Part]:
    statement = sa.select(*rows.PART).where(rows.parts.c.owner == owner, rows.parts.c.number > after)
    found = connection.execute(statement.order_by(rows.parts.c.number).limit(limit))
    return [Part(*row) for row in found]


def _drop_others(connection: sa.Connection, owner: str, chosen: Sequence[Part]) -> list[str]:
    """Delete the parts that were uploaded and not chosen; returns their files."""
    kept = {part.number for part in chosen}
    gone = []
    for part in _parts(connection, owner):
        if part.number not in kept:
            where = (rows.parts.c.owner == owner, rows.parts.c.number == part.number)
            connection.execute(rows.parts.delete().where(*where))
            gone += [part.blob] if part.blob else []
    return gone


def _lay_out(connection: sa.Connection, owner: str, chosen: Sequence[Part]) -> int:
    """Write where in the object each part starts; returns the size of all."""
    places, position = [], 0
    for part in chosen:
        places.append({"of_number": part.number, "at": position})
        position += part.size
    statement = rows.parts.update().where(rows.parts.c.owner == owner, rows.parts.c.number == sa.bindparam("of_number"))
    connection.execute(statement.values(start=sa.bindparam("at")), places)
    return position
