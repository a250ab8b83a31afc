"""A tree of JSON documents, found below their parent by kind and name; what lies below a document goes with it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import sqlalchemy as sa

from clary.store.database import METADATA, TEXT, Database

_AT_ONCE = 500

_table = sa.Table(
    "catalog_nodes",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent", sa.ForeignKey("catalog_nodes.id", ondelete="CASCADE")),
    sa.Column("kind", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.UniqueConstraint("parent", "kind", "name"),
    sqlite_autoincrement=True,
)


class Node(msgspec.Struct):
    """One document; its id is never given to another."""

    id: int
    name: str
    body: dict[str, Any]


class Tree:
    """The tree as one transaction sees it."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def root(self, account: str, region: str) -> int:
        """The id of what all else of a region lies below; 0, below which nothing lies, where there is none yet."""
        columns = _table.c
        wanted = columns.parent.is_(None), columns.kind == "root", columns.name == f"{account}/{region}"
        found = self._connection.execute(sa.select(columns.id).where(*wanted)).scalar()
        return int(found or 0)

    def make_root(self, account: str, region: str) -> int:
        """The same, made if there is none."""
        return self.root(account, region) or self._insert(None, "root", f"{account}/{region}", {})

    def get(self, parent: int, kind: str, name: str) -> Node | None:
        """The document of that name, or None."""
        row = self._connection.execute(_SELECT, {"of": parent, "sort": kind, "called": name}).one_or_none()
        return None if row is None else Node(*row)

    def some(self, parent: int, kind: str, names: Sequence[str]) -> dict[str, Node]:
        """Those of these names that there are, by name."""
        found: dict[str, Node] = {}
        for start in range(0, len(names), _AT_ONCE):
            wanted = _table.c.name.in_(names[start : start + _AT_ONCE])
            rows = self._connection.execute(_NODES.where(*_below(parent, kind), wanted))
            found.update((row.name, Node(*row)) for row in rows)
        return found

    def children(self, parent: int, kind: str, *, after: str = "", limit: int | None = None) -> list[Node]:
        """The documents of a kind by name, from the one after a name on."""
        statement = _NODES.where(*_below(parent, kind), _table.c.name > after).order_by(_table.c.name).limit(limit)
        return [Node(*row) for row in self._connection.execute(statement)]

    def names(self, parent: int, kind: str, *, after: str = "") -> Iterator[str]:
        """Their names alone; the transaction must outlive the iterator."""
        statement = sa.select(_table.c.name).where(*_below(parent, kind), _table.c.name > after)
        return iter(self._connection.execute(statement.order_by(_table.c.name)).scalars())

    def add(self, parent: int, kind: str, name: str, body: dict[str, Any]) -> Node:
        """A new document; the caller has seen that its name is free."""
        return Node(self._insert(parent, kind, name, body), name, body)

    def add_all(self, parent: int, kind: str, bodies: Mapping[str, dict[str, Any]]) -> None:
        """Many new documents, by name."""
        rows = [{"parent": parent, "kind": kind, "name": name, "body": body} for name, body in bodies.items()]
        if rows:
            self._connection.execute(_table.insert(), rows)

    def store(self, node: Node) -> None:
        """Keep what the caller altered of a document: its name, its body."""
        statement = _table.update().where(_table.c.id == node.id)
        self._connection.execute(statement.values(name=node.name, body=node.body))

    def remove(self, node: Node) -> None:
        """Remove a document and all below it."""
        self._connection.execute(_table.delete().where(_table.c.id == node.id))

    def _insert(self, parent: int | None, kind: str, name: str, body: dict[str, Any]) -> int:
        values = {"parent": parent, "kind": kind, "name": name, "body": body}
        key = self._connection.execute(_table.insert(), values).inserted_primary_key
        assert key
        return int(key[0])


_NODES = sa.select(_table.c.id, _table.c.name, _table.c.body)


def _below(parent: int, kind: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _table.c.parent == parent, _table.c.kind == kind


_SELECT = _NODES.where(
    _table.c.parent == sa.bindparam("of"),
    _table.c.kind == sa.bindparam("sort"),
    _table.c.name == sa.bindparam("called"),
)


class Catalog:
    """Opens the tree; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def read(self) -> Iterator[Tree]:
        """The tree as it is now."""
        with self._database.read() as connection:
            yield Tree(connection)

    @contextmanager
    def write(self) -> Iterator[Tree]:
        """The tree, nobody else changing it: what was done is durable when the block ends, undone when it raises."""
        with self._database.write() as connection:
            yield Tree(connection)
