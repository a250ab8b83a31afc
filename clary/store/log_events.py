"""The tables of the logs, and how events are read, merged and expired."""

import heapq
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from clary.store.database import METADATA, TEXT, Database

_BATCH = 250

# What AWS counts for an event on top of its message.
EVENT_OVERHEAD = 26

GROUPS = sa.Table(
    "log_groups",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("account", TEXT, nullable=False),
    sa.Column("region", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("retention_days", sa.Integer),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)

STREAMS = sa.Table(
    "log_streams",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("group_id", sa.ForeignKey(GROUPS.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("first_event", sa.BigInteger),
    sa.Column("last_event", sa.BigInteger),
    sa.Column("last_ingestion", sa.BigInteger),
    sa.Column("stored_bytes", sa.BigInteger, nullable=False),
    sa.Column("next_number", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("group_id", "name"),
    sqlite_autoincrement=True,
)

# Messages are bytes: a text column of Postgres takes no NUL, and programs do print them.
EVENTS = sa.Table(
    "log_events",
    METADATA,
    sa.Column("stream_id", sa.ForeignKey(STREAMS.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("time", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ingested", sa.BigInteger, nullable=False),
    sa.Column("message", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)


class Group(msgspec.Struct):
    """A log group; times are epoch milliseconds, settings are its owner's own (tags, class, key)."""

    id: int
    name: str
    created: int
    retention_days: int | None
    settings: dict[str, Any]
    stored_bytes: int = 0


class Stream(msgspec.Struct):
    """A log stream; times are epoch milliseconds, None without events; `position` is its follower's own."""

    id: int
    group_id: int
    name: str
    created: int
    first_event: int | None
    last_event: int | None
    last_ingestion: int | None
    stored_bytes: int
    next_number: int
    position: int


class Event(NamedTuple):
    """One log event; times are epoch milliseconds, (time, stream_id, number) orders all events of a group."""

    time: int
    stream_id: int
    number: int
    ingested: int
    message: str
    stream: str

    @property
    def size(self) -> int:
        """Bytes as AWS counts them."""
        return len(self.message.encode()) + EVENT_OVERHEAD


class Span(msgspec.Struct, frozen=True):
    """Which events to read: `start` <= time < `end` in milliseconds, beyond `after` in the direction of reading."""

    start: int = 0
    end: int = 2**62
    after: tuple[int, ...] | None = None
    descending: bool = False


def _fetch(connection: sa.Connection, stream: Stream, span: Span) -> list[Event]:
    columns = EVENTS.c
    wanted = [columns.stream_id == stream.id, columns.time >= span.start, columns.time < span.end]
    if span.after:
        here, there = sa.tuple_(columns.time, columns.stream_id, columns.number), sa.tuple_(*span.after)
        # The first condition says no more than the second, but it is the one that the primary key can answer.
        if span.descending:
            wanted += [columns.time <= span.after[0], here < there]
        else:
            wanted += [columns.time >= span.after[0], here > there]
    order = (columns.time, columns.number)
    statement = sa.select(columns.time, columns.number, columns.ingested, columns.message).where(*wanted)
    statement = statement.order_by(*(column.desc() if span.descending else column for column in order)).limit(_BATCH)
    return [
        Event(time, stream.id, number, ingested, message.decode(), stream.name)
        for time, number, ingested, message in connection.execute(statement)
    ]


def merge(database: Database, streams: Sequence[Stream], span: Span) -> Iterator[Event]:
    """The events of many streams as one, ordered by (time, stream_id, number)."""
    # A heap of the next event of every stream. A stream is opened only when the merge reaches its first event, so
    # that the first page of a group with thousands of streams doesn't read them all.
    sign = -1 if span.descending else 1
    heap: list[tuple[int, int, int, Event | None, Iterator[Event]]] = []
    for stream in streams:
        first = stream.last_event if span.descending else stream.first_event
        assert first is not None
        heap.append((sign * first, sign * stream.id, -(2**63), None, walk(database, stream, span)))
    heapq.heapify(heap)
    while heap:
        event, events = heap[0][3:]
        if event is not None:
            yield event
        following = next(events, None)
        if following is None:
            heapq.heappop(heap)
        else:
            order = sign * following.time, sign * following.stream_id, sign * following.number
            heapq.heapreplace(heap, (*order, following, events))


def walk(database: Database, stream: Stream, span: Span) -> Iterator[Event]:
    """The events of a stream in the direction of the span, a batch in memory at a time."""
    while True:
        with database.read() as connection:
            events = _fetch(connection, stream, span)
        yield from events
        if len(events) < _BATCH:
            return
        span = msgspec.structs.replace(span, after=events[-1][:3])


def expire(connection: sa.Connection, stream_id: int, cutoff: int) -> None:
    """Delete the events of a stream before a time, and put its sums right."""
    columns = EVENTS.c
    connection.execute(EVENTS.delete().where(columns.stream_id == stream_id, columns.time < cutoff))
    size = sa.func.coalesce(sa.func.sum(sa.func.length(columns.message) + EVENT_OVERHEAD), 0)
    left = sa.select(sa.func.min(columns.time), sa.func.max(columns.time), size).where(columns.stream_id == stream_id)
    first, last, stored = connection.execute(left).one()
    values = {"first_event": first, "last_event": last, "stored_bytes": stored}
    connection.execute(STREAMS.update().where(STREAMS.c.id == stream_id).values(values))


def with_prefix(column: sa.Column[str], prefix: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions of a column that begins with a prefix."""
    return column >= prefix, column <= prefix + "\U0010ffff"
