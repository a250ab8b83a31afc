"""Pages of a bucket's versions: by key in code point order, and each key's from the newest to the oldest."""

import heapq
import itertools
from typing import Any, NamedTuple

import sqlalchemy as sa

from clary.store import object_rows as rows
from clary.store import versions
from clary.store.database import TEXT
from clary.store.object_list import Page, after_prefix
from clary.store.object_rows import Object

_FIRST_BATCH = 16
_CURRENT = 2**62  # the number of what a key leads to now: above that of every version


class Listed(NamedTuple):
    """A version or a delete marker in a listing; the latest of its key or not."""

    object: Object
    number: int
    latest: bool

    @property
    def key(self) -> str:
        """The object's key."""
        return self.object.key


class VersionListing(NamedTuple):
    """One page; the next goes on after the key (or common prefix) and the version of `last`, both "" at the end."""

    items: list[Listed]
    prefixes: list[str]
    last: tuple[str, str]


class _Start(NamedTuple):
    """Where a batch begins: at the key itself below a number, or only after it (0)."""

    key: str
    below: int


_ALL = _CURRENT + 1


def list_versions(
    connection: sa.Connection,
    bucket: str,
    *,
    prefix: str = "",
    delimiter: str = "",
    after: tuple[str, str] = ("", ""),
    limit: int = 1000,
) -> VersionListing:
    """At most `limit` versions and common prefixes of keys that begin with `prefix`, those after a key and version."""
    page = Page[Listed](prefix, delimiter, limit)
    start: _Start | None = _first_start(connection, bucket, page, prefix, after)
    high = after_prefix(prefix)
    batch = min(_FIRST_BATCH, limit + 1) if delimiter else limit + 1
    while start is not None:
        found = _select(connection, bucket, start, high, batch)
        for item in found:
            if not page.take(item):
                return VersionListing(page.items, page.prefixes, _position(page))
        if len(found) < batch:
            break
        key, rolled_up = page.go_on_from(found[-1].key)
        start = None if key is None else _Start(key, _ALL if rolled_up else found[-1].number)
        batch = _FIRST_BATCH if rolled_up else min(2 * batch, 1000)
    return VersionListing(page.items, page.prefixes, ("", ""))


def _first_start(
    connection: sa.Connection, bucket: str, page: Page[Listed], prefix: str, after: tuple[str, str]
) -> _Start | None:
    key, version = after
    if key < prefix:
        return _Start(prefix, _ALL)
    if common := (page.common_prefix(key) if key.startswith(prefix) else ""):
        beyond = after_prefix(common)
        return None if beyond is None else _Start(beyond, _ALL)
    return _Start(key, _number(connection, bucket, key, version) if version else 0)


def _number(connection: sa.Connection, bucket: str, key: str, version: str) -> int:
    """Below which number the versions after this one are, whether or not it is still there."""
    current = rows.find_object(connection, bucket, key).object
    if current is not None and current.version == version:
        return _CURRENT
    number = versions.number(connection, bucket, key, version)
    if number is not None:
        return number
    # It was deleted since: what was older and is current now comes after it all the same.
    number = versions.number_of(version)
    if number is None or current is None:
        return _ALL if number is None else number
    age = versions.number_of(current.version)
    return _ALL if age is None or age < number else number


def _position(page: Page[Listed]) -> tuple[str, str]:
    last = page.items[-1].object if page.items and page.items[-1].key == page.last else None
    return page.last, last.version if last else ""


def _select(connection: sa.Connection, bucket: str, start: _Start, high: str | None, limit: int) -> list[Listed]:
    values = {"of": bucket, "low": start.key, "below": start.below, "most": limit}
    values |= {} if high is None else {"high": high}
    halves = [connection.execute(half[high is not None], values).all() for half in _HALVES]
    items: list[Listed] = []
    for row in itertools.islice(heapq.merge(*halves, key=lambda row: (row.key, -row.number)), limit):
        item, number = Object(*row[:-1]), row.number
        # The first of a key is its latest, unless the page begins in the middle of the key.
        first = item.key != (items[-1].key if items else "" if start.below == _ALL else start.key)
        items.append(Listed(item, number, latest=number == _CURRENT or first))
    if items and items[0].key == start.key and not items[0].latest:
        newest = versions.find(connection, bucket, start.key).marker
        items[0] = items[0]._replace(latest=newest == items[0].object)
    return items


def _half(table: sa.Table, number: sa.ColumnElement[int]) -> list[sa.Select[Any]]:
    """The rows of one of the two tables; of its keys some are below the end of the prefix, or all are."""
    key = table.c.key
    low, below = sa.bindparam("low", type_=TEXT), sa.bindparam("below", type_=sa.BigInteger)
    columns = [table.c[name] for name in Object.__struct_fields__]
    statement = sa.select(*columns, number.label("number")).where(table.c.bucket == sa.bindparam("of"), key >= low)
    statement = statement.where(sa.or_(key > low, number < below)).order_by(key, number.desc())
    statement = statement.limit(sa.bindparam("most"))
    return [statement, statement.where(key < sa.bindparam("high"))]


_HALVES = (
    _half(rows.objects, sa.literal(_CURRENT, sa.BigInteger)),
    _half(rows.versions, rows.versions.c.number),
)
