"""The tables behind buckets and objects, and the row operations that run inside somebody's transaction.

`parts` holds the bytes: a simple object has one row, number 0; one that was uploaded in parts has a row for each. A row
has its bytes inline or names a file; the rows of parts that were joined all name the file of the whole object. `owner`
is the object's id, or the upload's until it is completed: the object then takes the upload's id, so completing copies
nothing.

`objects` has what a key leads to now, `versions` what it led to before: a bucket that never had versioning enabled has
no row there. A delete marker is a version without bytes and so without an id. While it is the newest its key has no row
in `objects`, which is why listings and reads of current objects need not look at `versions`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa

from clary.store.database import METADATA, TEXT
from clary.store.incoming import Content

NULL = "null"  # the version that is written while versioning is not enabled

buckets = sa.Table(
    "buckets",
    METADATA,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("account", TEXT, nullable=False),
    sa.Column("region", TEXT, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("versioning", TEXT, nullable=False, server_default=""),
)

# Without rowid: a page of a listing then reads neighbouring pages of one tree.
objects = sa.Table(
    "objects",
    METADATA,
    sa.Column("bucket", TEXT, primary_key=True),
    sa.Column("key", TEXT, primary_key=True),
    sa.Column("id", TEXT, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("etag", TEXT, nullable=False),
    sa.Column("modified", sa.Float, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("version", TEXT, nullable=False, server_default=NULL),
    sqlite_with_rowid=False,
)

# The greater the number, the newer the version of its key.
versions = sa.Table(
    "versions",
    METADATA,
    sa.Column("bucket", TEXT, primary_key=True),
    sa.Column("key", TEXT, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", TEXT, nullable=False),
    sa.Column("id", TEXT, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("etag", TEXT, nullable=False),
    sa.Column("modified", sa.Float, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Index("versions_version", "bucket", "key", "version"),
    sqlite_with_rowid=False,
)

parts = sa.Table(
    "parts",
    METADATA,
    sa.Column("owner", TEXT, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("etag", TEXT, nullable=False),
    sa.Column("modified", sa.Float, nullable=False),
    sa.Column("checksums", sa.JSON, nullable=False),
    sa.Column("blob", TEXT),
    sa.Column("content", sa.LargeBinary),
)
# The sweep asks which files have a row. (A condition for Postgres too would import its whole dialect at every start.)
sa.Index("parts_blob", parts.c.blob, sqlite_where=parts.c.blob.is_not(None))

uploads = sa.Table(
    "uploads",
    METADATA,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("bucket", TEXT, nullable=False),
    sa.Column("key", TEXT, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Index("uploads_key", "bucket", "key", "id"),
)


Versioning = Literal["", "Enabled", "Suspended"]  # "" until it is enabled or suspended for the first time


class Bucket(msgspec.Struct):
    """A bucket; its name is unique in all accounts."""

    name: str
    account: str
    region: str
    created: float
    settings: dict[str, Any]
    versioning: Versioning = ""


class Object(msgspec.Struct):
    """What is known of an object but its bytes; `parts` is 0 unless it was uploaded in parts, `etag` is unquoted."""

    bucket: str
    key: str
    id: str
    size: int
    etag: str
    modified: float
    parts: int
    details: dict[str, Any]
    version: str = NULL

    @property
    def is_marker(self) -> bool:
        """Whether this is a delete marker, which has no bytes."""
        return not self.id


class Part(msgspec.Struct):
    """One part of an upload or of an object made by one; `checksums` maps an algorithm to its base64 value."""

    number: int
    size: int
    start: int
    etag: str
    modified: float
    checksums: dict[str, str]
    blob: str | None


class Found(NamedTuple):
    """What a bucket name and a key, or one version of it, lead to: an object, or the delete marker in its place."""

    bucket: Bucket | None
    object: Object | None
    marker: Object | None = None


_BUCKET = [buckets.c[name] for name in Bucket.__struct_fields__]
_OBJECT = [objects.c[name] for name in Object.__struct_fields__]
PART = [parts.c[name] for name in Part.__struct_fields__]

_SELECT_OBJECT = (
    sa.select(*_BUCKET, *_OBJECT)
    .select_from(
        buckets.outerjoin(objects, sa.and_(objects.c.bucket == buckets.c.name, objects.c.key == sa.bindparam("of_key")))
    )
    .where(buckets.c.name == sa.bindparam("of_bucket"))
)
_SELECT_BUCKET = sa.select(*_BUCKET).where(buckets.c.name == sa.bindparam("of_bucket"))
_UPDATE_OBJECT = objects.update().where(
    objects.c.bucket == sa.bindparam("of_bucket"), objects.c.key == sa.bindparam("of_key")
)
_INSERT_OBJECT = objects.insert()
_INSERT_PART = parts.insert()
# Rows per statement with an IN list: both engines take far more, but not without end.
_CHUNK = 500


def find_bucket(connection: sa.Connection, name: str) -> Bucket | None:
    """The bucket of that name."""
    row = connection.execute(_SELECT_BUCKET, {"of_bucket": name}).first()
    return None if row is None else Bucket(*row)


def find_object(connection: sa.Connection, bucket: str, key: str) -> Found:
    """The bucket and the object, in one statement."""
    row = connection.execute(_SELECT_OBJECT, {"of_bucket": bucket, "of_key": key}).first()
    if row is None:
        return Found(None, None)
    split = len(_BUCKET)
    return Found(Bucket(*row[:split]), None if row[split] is None else Object(*row[split:]))


def find_objects(connection: sa.Connection, bucket: str, keys: Iterable[str]) -> dict[str, Object]:
    """The current objects of these keys, by key."""
    found: dict[str, Object] = {}
    for chunk in chunks(keys):
        where = (objects.c.bucket == bucket, objects.c.key.in_(chunk))
        found.update((row.key, Object(*row)) for row in connection.execute(sa.select(*_OBJECT).where(*where)))
    return found


def put_object(connection: sa.Connection, new: Object, old: Object | None) -> None:
    """Write the object's row in place of the old one's."""
    values = msgspec.structs.asdict(new)
    if old is None:
        connection.execute(_INSERT_OBJECT, values)
    else:
        connection.execute(_UPDATE_OBJECT, {**values, "of_bucket": old.bucket, "of_key": old.key})


def delete_objects(connection: sa.Connection, bucket: str, keys: Iterable[str]) -> None:
    """Delete the rows of current objects; what they have of bytes stays."""
    for chunk in chunks(keys):
        connection.execute(objects.delete().where(objects.c.bucket == bucket, objects.c.key.in_(chunk)))


def put_part(
    connection: sa.Connection, owner: str, number: int, content: Content, modified: float, checksums: dict[str, str]
) -> None:
    """Write the row that holds or names these bytes."""
    values = {
        "owner": owner,
        "number": number,
        "size": content.size,
        "start": 0,
        "etag": content.md5,
        "modified": modified,
        "checksums": checksums,
        "blob": content.blob,
        "content": content.inline,
    }
    connection.execute(_INSERT_PART, values)


def drop_parts(connection: sa.Connection, owners: Sequence[str]) -> list[str]:
    """Delete all bytes of these owners; returns the files that nothing names any more."""
    blobs: list[str] = []
    for chunk in chunks(owners):
        statement = parts.delete().where(parts.c.owner.in_(chunk)).returning(parts.c.blob)
        blobs += [blob for blob in connection.execute(statement).scalars() if blob]
    return blobs


def chunks(values: Iterable[str]) -> Iterable[list[str]]:
    """The values in lists short enough for an IN."""
    values = list(values)
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
