"""Pages of a bucket's keys, in code point order, with keys rolled up to common prefixes."""

from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa

from clary.store import object_rows as rows
from clary.store.object_rows import Object

_LAST_CODE_POINT = 0x10FFFF
_FIRST_BATCH = 16


class Keyed(Protocol):
    """What a listing lists: something with a key."""

    @property
    def key(self) -> str:
        """The object's key."""


Item = TypeVar("Item", bound=Keyed)


class Listing(NamedTuple):
    """One page; `last` is the key or common prefix that the next page goes on after, "" on the last page."""

    objects: list[Object]
    prefixes: list[str]
    last: str


def list_objects(
    connection: sa.Connection, bucket: str, *, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
) -> Listing:
    """At most `limit` objects and common prefixes of keys that begin with `prefix` and come after `after`."""
    page = Page[Object](prefix, delimiter, limit)
    low: str | None
    low, inclusive = max(prefix, after), after < prefix
    skipped = page.common_prefix(after) if after.startswith(prefix) else ""
    if skipped:
        low, inclusive = after_prefix(skipped), True
    # A listing without a delimiter needs exactly one batch; with one, most rows of a batch may be rolled up, so
    # batches start small and jump over each common prefix that outgrows them.
    batch = min(_FIRST_BATCH, limit + 1) if delimiter else limit + 1
    high = after_prefix(prefix)
    while low is not None:
        found = _select(connection, bucket, low, high, batch, inclusive=inclusive)
        for item in found:
            if not page.take(item):
                return Listing(page.items, page.prefixes, page.last)
        if len(found) < batch:
            break
        low, inclusive = page.go_on_from(found[-1].key)
        batch = _FIRST_BATCH if inclusive else min(2 * batch, 1000)
    return Listing(page.items, page.prefixes, "")


def after_prefix(prefix: str) -> str | None:
    """The least string above all that begin with the prefix; None if there is none (or no prefix)."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code <= _LAST_CODE_POINT:
            # Surrogates are no characters: the next one after U+D7FF is U+E000.
            return prefix[:-1] + chr(0xE000 if 0xD800 <= code <= 0xDFFF else code)
        prefix = prefix[:-1]
    return None


class Page(Generic[Item]):
    """A page while it fills."""

    def __init__(self, prefix: str, delimiter: str, limit: int) -> None:
        self._prefix = prefix
        self._delimiter = delimiter
        self._limit = limit
        self.items: list[Item] = []
        self.prefixes: list[str] = []
        self.last = ""

    def common_prefix(self, key: str) -> str:
        """What the key is rolled up to, "" if to nothing."""
        if not self._delimiter:
            return ""
        end = key.find(self._delimiter, len(self._prefix))
        return "" if end < 0 else key[: end + len(self._delimiter)]

    def take(self, item: Item) -> bool:
        """Put the item on the page, itself or its common prefix; False if there is no room."""
        common = self.common_prefix(item.key)
        if common and self.prefixes and self.prefixes[-1] == common:
            return True
        if len(self.items) + len(self.prefixes) >= self._limit:
            return False
        if common:
            self.prefixes.append(common)
        else:
            self.items.append(item)
        self.last = common or item.key
        return True

    def go_on_from(self, key: str) -> tuple[str | None, bool]:
        """Where the next batch begins, and whether that key itself belongs to it."""
        common = self.common_prefix(key)
        return (after_prefix(common), True) if common else (key, False)


def _select(
    connection: sa.Connection, bucket: str, low: str, high: str | None, limit: int, *, inclusive: bool
) -> list[Object]:
    values = {"of": bucket, "low": low, "most": limit} | ({} if high is None else {"high": high})
    found = connection.execute(_STATEMENTS[inclusive, high is not None], values).all()
    return [Object(*row) for row in found]


def _statement(*, inclusive: bool, bounded: bool) -> sa.Select[Any]:
    key = rows.objects.c.key
    columns = [rows.objects.c[name] for name in Object.__struct_fields__]
    statement = sa.select(*columns).where(rows.objects.c.bucket == sa.bindparam("of"))
    statement = statement.where(key >= sa.bindparam("low") if inclusive else key > sa.bindparam("low"))
    if bounded:
        statement = statement.where(key < sa.bindparam("high"))
    return statement.order_by(key).limit(sa.bindparam("most"))


# Built once: a listing of many common prefixes runs one for each of them.
_STATEMENTS = {
    (inclusive, bounded): _statement(inclusive=inclusive, bounded=bounded)
    for inclusive in (False, True)
    for bounded in (False, True)
}
