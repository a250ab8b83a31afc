"""Records: JSON documents, one a resource."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from clary.clock import Clock
from clary.store.database import METADATA, TEXT, Database
from clary.store.pages import seal, unseal

_table = sa.Table(
    "records",
    METADATA,
    sa.Column("kind", TEXT, primary_key=True),
    sa.Column("account", TEXT, primary_key=True),
    sa.Column("region", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("modified", sa.Double, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Index("records_by_creation", "kind", "account", "region", "created", "name"),
)


class Key(NamedTuple):
    """What a record is found by; account and region are "" where the resource is global."""

    kind: str
    account: str
    region: str
    name: str


class Record(msgspec.Struct):
    """One resource: its body is a JSON document, times are epoch seconds."""

    key: Key
    status: str
    created: float
    modified: float
    body: dict[str, Any]


class Draft(NamedTuple):
    """A record that is still to be stored."""

    key: Key
    body: dict[str, Any]
    status: str = ""


class Query(msgspec.Struct, kw_only=True):
    """What a listing asks for; `where` compares top-level string members of the body."""

    name_contains: str = ""
    name_prefix: str = ""
    status: str = ""
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    where: dict[str, str] = {}
    order_by: str = "created"
    descending: bool = True
    limit: int = 100
    token: str = ""


class Page(NamedTuple):
    """One page of a listing; `next_token` is "" when it was the last."""

    records: list[Record]
    next_token: str


class RecordExists(LookupError):
    """Another record has this key already."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"{key.kind} {key.name} exists already")
        self.key = key


class Records:
    """Create, get, change, delete and find records; safe from any thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, key: Key, body: dict[str, Any], *, status: str = "") -> Record:
        """Store a new record; RecordExists when its key is taken."""
        now = self._clock.now()
        record = Record(key=key, status=status, created=now, modified=now, body=body)
        try:
            with self._database.write() as connection:
                _insert(connection, record)
        except sa.exc.IntegrityError:
            raise RecordExists(key) from None
        return record

    def put(self, key: Key, body: dict[str, Any], *, status: str = "") -> Record:
        """Store a record whether or not its key is taken; one that is replaced keeps its creation time."""
        now = self._clock.now()
        with self._database.write() as connection:
            old = _select(connection, key)
            record = Record(key=key, status=status, created=old.created if old else now, modified=now, body=body)
            _update(connection, record) if old else _insert(connection, record)
        return record

    def get(self, key: Key) -> Record | None:
        """The record, or None."""
        with self._database.read() as connection:
            return _select(connection, key)

    def change(self, key: Key, function: Callable[[Record], None]) -> Record | None:
        """Read a record, let the function alter its body and status in place, and store it, all in one transaction.

        None when there is no such record; nothing is stored when the function raises. The function must not write to
        the database itself.
        """
        with self._database.write() as connection:
            record = _select(connection, key)
            if record is None:
                return None
            function(record)
            record.modified = self._clock.now()
            _update(connection, record)
        return record

    def create_under(self, parent: Key, make: Callable[[Record], Draft]) -> Record | None:
        """Let the function alter a record and draft another one from it; store both in one transaction.

        None when there is no such parent, RecordExists when the draft's key is taken. The function must not write to
        the database itself; what it reads there nobody changes before the transaction ends.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            above = _select(connection, parent)
            if above is None:
                return None
            draft = make(above)
            if _select(connection, draft.key) is not None:
                raise RecordExists(draft.key)
            record = Record(key=draft.key, status=draft.status, created=now, modified=now, body=draft.body)
            above.modified = now
            _update(connection, above)
            _insert(connection, record)
        return record

    def delete(self, key: Key, check: Callable[[Record], None] | None = None) -> Record | None:
        """Remove a record and return it, or None when there was none; it stays when the check of it raises."""
        with self._database.write() as connection:
            record = _select(connection, key)
            if record is not None:
                if check:
                    check(record)
                connection.execute(_DELETE, _to_parameters(key))
        return record

    def delete_below(self, kind: str, account: str, region: str, prefix: str, *, before: str = "\U0010ffff") -> None:
        """Remove all records whose names begin with the prefix, or those of them whose names come before another."""
        matching = _matching(kind, account, region, Query(name_prefix=prefix))
        statement = _table.delete().where(*matching, _table.c.name < before)
        with self._database.write() as connection:
            connection.execute(statement)

    def find(self, kind: str, account: str, region: str, query: Query | None = None) -> Page:
        """One page of the records that match; BadToken when the token is not of this query."""
        query = query or Query()
        binding = (kind, account, region, {**msgspec.structs.asdict(query), "limit": 0, "token": ""})
        order = _table.c[query.order_by]
        columns = [order] if order is _table.c.name else [order, _table.c.name]
        statement = sa.select(_table).where(*_matching(kind, account, region, query))
        if query.token:
            statement = statement.where(_beyond(columns, unseal(query.token, *binding), query.descending))
        statement = statement.order_by(*(column.desc() if query.descending else column for column in columns))
        with self._database.read() as connection:
            rows = connection.execute(statement.limit(query.limit + 1)).all()
        records = [_to_record(row) for row in rows[: query.limit]]
        if len(rows) <= query.limit:
            return Page(records, "")
        last = rows[query.limit - 1]._mapping
        return Page(records, seal([last[column] for column in columns], *binding))

    def walk(self, kind: str, account: str, region: str, query: Query | None = None) -> Iterator[Record]:
        """All records that match from the query's token on, read by pages: what changes meanwhile may be among them."""
        query = msgspec.structs.replace(query or Query(limit=1000))
        while True:
            page = self.find(kind, account, region, query)
            yield from page.records
            if not page.next_token:
                return
            query.token = page.next_token

    def every(self, kind: str) -> Iterator[Record]:
        """All records of a kind, of all accounts and regions, oldest first: for a server's start."""
        statement = sa.select(_table).where(_table.c.kind == kind).order_by(_table.c.created, _table.c.name)
        with self._database.read() as connection:
            rows = connection.execute(statement).all()
        return map(_to_record, rows)

    def every_with(self, kind: str, member: str) -> Iterator[tuple[Key, float]]:
        """The keys of all records of a kind, oldest first, and a number of each body, which may be large."""
        number = _table.c.body[member].as_float()
        statement = sa.select(*(_table.c[column] for column in Key._fields), number).where(_table.c.kind == kind)
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(_table.c.created, _table.c.name)).all()
        return ((Key(*row[:4]), row[4]) for row in rows)


_IS_KEY = sa.and_(*(_table.c[column] == sa.bindparam(f"key_{column}") for column in Key._fields))
_SELECT = sa.select(_table).where(_IS_KEY)
_INSERT = _table.insert()
_UPDATE = _table.update().where(_IS_KEY).values({name: sa.bindparam(name) for name in ("status", "modified", "body")})
_DELETE = _table.delete().where(_IS_KEY)


def _select(connection: sa.Connection, key: Key) -> Record | None:
    row = connection.execute(_SELECT, _to_parameters(key)).one_or_none()
    return None if row is None else _to_record(row)


def _to_parameters(key: Key) -> dict[str, Any]:
    return {"key_kind": key.kind, "key_account": key.account, "key_region": key.region, "key_name": key.name}


def _insert(connection: sa.Connection, record: Record) -> None:
    connection.execute(_INSERT, {**record.key._asdict(), **_to_values(record), "created": record.created})


def _update(connection: sa.Connection, record: Record) -> None:
    connection.execute(_UPDATE, {**_to_parameters(record.key), **_to_values(record)})


def _to_values(record: Record) -> dict[str, Any]:
    return {"status": record.status, "modified": record.modified, "body": record.body}


def _to_record(row: Sequence[Any]) -> Record:
    return Record(Key(*row[:4]), *row[4:])


def _matching(kind: str, account: str, region: str, query: Query) -> list[sa.ColumnElement[bool]]:
    columns = _table.c
    wanted = [columns.kind == kind, columns.account == account, columns.region == region]
    if query.name_contains:
        # LIKE minds case on one engine and not on the other; this finds a substring on both.
        wanted.append(sa.func.replace(columns.name, query.name_contains, "") != columns.name)
    if query.name_prefix:
        wanted += [columns.name >= query.name_prefix, columns.name <= query.name_prefix + "\U0010ffff"]
    if query.status:
        wanted.append(columns.status == query.status)
    for column, after, before in (
        (columns.created, query.created_after, query.created_before),
        (columns.modified, query.modified_after, query.modified_before),
    ):
        if after is not None:
            wanted.append(column > after)
        if before is not None:
            wanted.append(column < before)
    wanted += [columns.body[member].as_string() == value for member, value in query.where.items()]
    return wanted


def _beyond(columns: list[sa.Column[Any]], position: list[Any], descending: bool) -> sa.ColumnElement[bool]:
    here, there = sa.tuple_(*columns), sa.tuple_(*position)
    return here < there if descending else here > there
