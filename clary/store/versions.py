"""The versions of a bucket's objects: what a write does to the one that was current, inside somebody's transaction."""

from typing import Any

import msgspec
import sqlalchemy as sa

from clary.clock import Clock
from clary.store import object_rows as rows
from clary.store.object_rows import NULL, Bucket, Found, Object
from clary.store.ticks import Ticks

_TIME_DIGITS = 16
_COLUMNS = rows.versions.c
_OBJECT = [_COLUMNS[name] for name in Object.__struct_fields__]
_OF_KEY = sa.and_(_COLUMNS.bucket == sa.bindparam("of_bucket"), _COLUMNS.key == sa.bindparam("of_key"))
_OF_VERSION = sa.and_(_OF_KEY, _COLUMNS.version == sa.bindparam("of_version"))

_SELECT_NEWEST = sa.select(*_OBJECT).where(_OF_KEY).order_by(_COLUMNS.number.desc()).limit(1)
_SELECT_VERSION = sa.select(*_OBJECT).where(_OF_VERSION)
_SELECT_NUMBER = sa.select(_COLUMNS.number).where(_OF_VERSION)
_SELECT_LAST_NUMBER = sa.select(sa.func.max(_COLUMNS.number)).where(_OF_KEY)
_INSERT = rows.versions.insert()
_DELETE = rows.versions.delete().where(_OF_VERSION)


def new_version(bucket: Bucket, ticks: Ticks, clock: Clock) -> str:
    """The version id of what is written now; the time in front, so that the newer of two has the greater."""
    if bucket.versioning != "Enabled":
        return NULL
    return f"{ticks.next():0{_TIME_DIGITS}x}{clock.hex(32 - _TIME_DIGITS)}"


def number_of(version: str) -> int | None:
    """About the number that a version has or had; None for the null version, whose id says nothing."""
    return None if version == NULL else int(version[:_TIME_DIGITS], 16)


def find(connection: sa.Connection, bucket: str, key: str, version: str = "") -> Found:
    """The bucket and an object's current version, or the one that is named."""
    found = rows.find_object(connection, bucket, key)
    if found.bucket is None or not found.bucket.versioning:
        return found if version in ("", NULL) else Found(found.bucket, None)
    if found.object is not None and version in ("", found.object.version):
        return found
    of = {"of_bucket": bucket, "of_key": key}
    if not version:
        return Found(found.bucket, None, _first(connection, _SELECT_NEWEST, of))
    item = _first(connection, _SELECT_VERSION, {**of, "of_version": version})
    return Found(found.bucket, None, item) if item is not None and item.is_marker else Found(found.bucket, item)


def number(connection: sa.Connection, bucket: str, key: str, version: str) -> int | None:
    """The number of a version that is not the current object; None where there is none."""
    of = {"of_bucket": bucket, "of_key": key, "of_version": version}
    found: int | None = connection.execute(_SELECT_NUMBER, of).scalar()
    return found


def put(connection: sa.Connection, bucket: Bucket, new: Object, old: Object | None) -> list[str]:
    """Make the new object the current version; returns the files that nothing names any more."""
    rows.put_object(connection, new, old)
    if not bucket.versioning:
        return rows.drop_parts(connection, [old.id]) if old is not None and old.id != new.id else []
    return _supersede(connection, old, new)


def delete(connection: sa.Connection, old: Object | None, marker: Object) -> list[str]:
    """Put a delete marker in a bucket with versions; returns the files that nothing names any more."""
    if old is not None:
        rows.delete_objects(connection, old.bucket, [old.key])
    gone = _supersede(connection, old, marker)
    _keep(connection, marker)
    return gone


def remove(connection: sa.Connection, item: Object, *, current: bool) -> list[str]:
    """Remove one version for good; if it was the newest, the one before it is so now. Returns the files to go."""
    if current:
        rows.delete_objects(connection, item.bucket, [item.key])
    else:
        connection.execute(_DELETE, {"of_bucket": item.bucket, "of_key": item.key, "of_version": item.version})
    if current or rows.find_object(connection, item.bucket, item.key).object is None:
        _promote(connection, item.bucket, item.key)
    return rows.drop_parts(connection, [item.id]) if item.id else []


def change_details(connection: sa.Connection, item: Object) -> None:
    """Store the details of a version, current or not."""
    for table in (rows.objects, rows.versions):
        is_it = sa.and_(table.c.bucket == item.bucket, table.c.key == item.key, table.c.version == item.version)
        if connection.execute(table.update().where(is_it).values(details=item.details)).rowcount:
            return


def _supersede(connection: sa.Connection, old: Object | None, new: Object) -> list[str]:
    """Keep what was current as a version; there is only one null version, so a new one drops the one before."""
    if new.version == NULL and old is not None and old.version == NULL:
        return rows.drop_parts(connection, [old.id])
    null = None
    if new.version == NULL:
        of = {"of_bucket": new.bucket, "of_key": new.key, "of_version": NULL}
        null = _first(connection, _SELECT_VERSION, of)
        connection.execute(_DELETE, of)
    if old is not None:
        _keep(connection, old)
    return rows.drop_parts(connection, [null.id]) if null is not None and null.id else []


def _promote(connection: sa.Connection, bucket: str, key: str) -> None:
    """Make the newest version the current one, unless it is a delete marker."""
    newest = _first(connection, _SELECT_NEWEST, {"of_bucket": bucket, "of_key": key})
    if newest is not None and not newest.is_marker:
        connection.execute(_DELETE, {"of_bucket": bucket, "of_key": key, "of_version": newest.version})
        rows.put_object(connection, newest, None)


def _keep(connection: sa.Connection, item: Object) -> None:
    """Write a row of `versions` that is newer than all of its key."""
    of = {"of_bucket": item.bucket, "of_key": item.key}
    last: int | None = connection.execute(_SELECT_LAST_NUMBER, of).scalar()
    values = msgspec.structs.asdict(item)
    connection.execute(_INSERT, {**values, "number": max(number_of(item.version) or 0, (last or 0) + 1)})


def _first(connection: sa.Connection, statement: sa.Select[Any], of: dict[str, str]) -> Object | None:
    row = connection.execute(statement, of).first()
    return None if row is None else Object(*row)
