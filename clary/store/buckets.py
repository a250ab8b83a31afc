"""Buckets: named, owned by an account, in a region, with settings."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from clary.clock import Clock
from clary.store import object_rows as rows
from clary.store.blobs import Blobs
from clary.store.database import Database
from clary.store.object_rows import Bucket, Versioning


class BucketExists(Exception):
    """The name is taken; `bucket` is the one that has it."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket.name)
        self.bucket = bucket


class BucketNotEmpty(Exception):
    """There are objects, versions or delete markers in the bucket."""


class Buckets:
    """All buckets of all accounts."""

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    def create(
        self, name: str, account: str, region: str, settings: dict[str, Any], *, versioned: bool = False
    ) -> Bucket:
        """Take the name; raises BucketExists."""
        versioning: Versioning = "Enabled" if versioned else ""
        bucket = Bucket(name, account, region, self._clock.now(), settings, versioning)
        with self._database.write() as connection:
            taken = rows.find_bucket(connection, name)
            if taken is not None:
                raise BucketExists(taken)
            connection.execute(rows.buckets.insert(), msgspec.structs.asdict(bucket))
        return bucket

    def get(self, name: str) -> Bucket | None:
        """The bucket of that name."""
        with self._database.read() as connection:
            return rows.find_bucket(connection, name)

    def change(self, name: str, function: Callable[[Bucket], None]) -> Bucket | None:
        """Let the function change settings and versioning in place, in one transaction; None if there is no bucket."""
        with self._database.write() as connection:
            bucket = rows.find_bucket(connection, name)
            if bucket is not None:
                function(bucket)
                statement = rows.buckets.update().where(rows.buckets.c.name == name)
                connection.execute(statement.values(settings=bucket.settings, versioning=bucket.versioning))
        return bucket

    def delete(self, name: str, check: Callable[[Bucket | None], None]) -> None:
        """Delete an empty bucket after `check` has seen it; raises BucketNotEmpty. Unfinished uploads go with it."""
        with self._database.write() as connection:
            check(rows.find_bucket(connection, name))
            for table in (rows.objects, rows.versions):
                if connection.execute(sa.select(table.c.key).where(table.c.bucket == name).limit(1)).first():
                    raise BucketNotEmpty(name)
            pending = rows.uploads.delete().where(rows.uploads.c.bucket == name).returning(rows.uploads.c.id)
            gone = rows.drop_parts(connection, connection.execute(pending).scalars().all())
            connection.execute(rows.buckets.delete().where(rows.buckets.c.name == name))
        self._blobs.remove(gone)

    def every(self) -> list[Bucket]:
        """All buckets of all accounts, by name."""
        with self._database.read() as connection:
            return [Bucket(*row) for row in connection.execute(sa.select(rows.buckets).order_by(rows.buckets.c.name))]

    def list(self, account: str, *, prefix: str = "", region: str = "", after: str = "") -> Iterator[Bucket]:
        """An account's buckets by name, those after `after`."""
        columns = rows.buckets.c
        statement = sa.select(rows.buckets).where(columns.account == account, columns.name > after)
        if region:
            statement = statement.where(columns.region == region)
        if prefix:
            statement = statement.where(columns.name.startswith(prefix, autoescape=True))
        with self._database.read() as connection:
            found = connection.execute(statement.order_by(columns.name)).all()
        return (Bucket(*row) for row in found)
