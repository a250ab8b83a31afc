"""Logs: groups of streams of events, append-only, ordered by time within a stream."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from clary.clock import Clock
from clary.store.database import Database
from clary.store.log_events import (
    EVENT_OVERHEAD,
    EVENTS,
    GROUPS,
    STREAMS,
    Event,
    Group,
    Span,
    Stream,
    expire,
    merge,
    walk,
    with_prefix,
)

_DAY = 86_400_000
_SWEEP_EVERY = 3600.0


class Logs:
    """Log groups, their streams and events; safe from any thread. Times past a group's retention are never read."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._next_sweep = 0.0

    def create_group(self, account: str, region: str, group: str, settings: dict[str, Any] | None = None) -> bool:
        """Create a group; False when there is one."""
        with self._database.write() as connection:
            if _group_row(connection, account, region, group):
                return False
            self._insert_group(connection, account, region, group, settings)
            return True

    def group(self, account: str, region: str, group: str) -> Group | None:
        """A group, or None."""
        with self._database.read() as connection:
            row = _group_row(connection, account, region, group)
            return _with_bytes(connection, Group(*row)) if row else None

    def groups(
        self, account: str, region: str, *, prefix: str = "", contains: str = "", after: str = "", limit: int = 50
    ) -> list[Group]:
        """Groups by name, those after a name."""
        columns = GROUPS.c
        wanted = [columns.account == account, columns.region == region, columns.name > after]
        if prefix:
            wanted += with_prefix(columns.name, prefix)
        if contains:
            wanted.append(sa.func.replace(columns.name, contains, "") != columns.name)
        statement = sa.select(*_GROUP_COLUMNS).where(*wanted).order_by(columns.name).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(statement).all()
            return [_with_bytes(connection, Group(*row)) for row in rows]

    def change_group(self, account: str, region: str, group: str, function: Callable[[Group], None]) -> Group | None:
        """Let the function alter a group's retention and settings in place; None when there is no such group."""
        with self._database.write() as connection:
            row = _group_row(connection, account, region, group)
            if row is None:
                return None
            found = Group(*row)
            function(found)
            values = {"retention_days": found.retention_days, "settings": found.settings}
            connection.execute(GROUPS.update().where(GROUPS.c.id == found.id).values(values))
            return found

    def delete_group(self, account: str, region: str, group: str) -> bool:
        """Delete a group with all it holds; False when there is none."""
        with self._database.write() as connection:
            row = _group_row(connection, account, region, group)
            if row:
                connection.execute(GROUPS.delete().where(GROUPS.c.id == row[0]))
            return row is not None

    def create_stream(self, account: str, region: str, group: str, stream: str) -> bool:
        """Create a stream in a group; False when it exists or its group doesn't."""
        with self._database.write() as connection:
            row = _group_row(connection, account, region, group)
            if row is None or _stream_row(connection, account, region, group, stream):
                return False
            self._insert_stream(connection, row[0], stream)
            return True

    def stream(self, account: str, region: str, group: str, stream: str) -> Stream | None:
        """A stream, or None."""
        with self._database.read() as connection:
            return _stream_row(connection, account, region, group, stream)

    def streams(
        self,
        account: str,
        region: str,
        group: str,
        *,
        prefix: str = "",
        by_last_event: bool = False,
        descending: bool = False,
        after: Sequence[Any] | None = None,
        limit: int = 50,
    ) -> list[Stream]:
        """Streams by name or by (time of the last event, name), those beyond a position of that form."""
        last_event = sa.func.coalesce(STREAMS.c.last_event, 0)
        order = [last_event, STREAMS.c.name] if by_last_event else [STREAMS.c.name]
        statement = sa.select(STREAMS).join(GROUPS).where(_IS_GROUP)
        if prefix:
            statement = statement.where(*with_prefix(STREAMS.c.name, prefix))
        if after is not None:
            here, there = sa.tuple_(*order), sa.tuple_(*after)
            statement = statement.where(here < there if descending else here > there)
        statement = statement.order_by(*(column.desc() if descending else column for column in order))
        with self._database.read() as connection:
            rows = connection.execute(statement.limit(limit), _of_group(account, region, group))
            return [Stream(*row) for row in rows]

    def delete_stream(self, account: str, region: str, group: str, stream: str) -> bool:
        """Delete a stream with its events; False when there is none."""
        with self._database.write() as connection:
            found = _stream_row(connection, account, region, group, stream)
            if found:
                connection.execute(STREAMS.delete().where(STREAMS.c.id == found.id))
            return found is not None

    def append(
        self,
        account: str,
        region: str,
        group: str,
        stream: str,
        events: Sequence[tuple[float, str]],
        *,
        position: int | None = None,
    ) -> None:
        """Store events (epoch seconds, message), and with them how far their source was read; durable on return.

        Creates the group and the stream when they are missing.
        """
        self._sweep_now_and_then()
        with self._database.write() as connection:
            found = _stream_row(connection, account, region, group, stream)
            if found is None:
                row = _group_row(connection, account, region, group)
                group_id = row[0] if row else self._insert_group(connection, account, region, group, None)
                found = self._insert_stream(connection, group_id, stream)
            if events:
                self._insert_events(connection, found, events)
            if position is not None:
                found.position = position
            connection.execute(_UPDATE_STREAM, {f"new_{name}": getattr(found, name) for name in ("id", *_CHANGING)})

    def position(self, account: str, region: str, group: str, stream: str) -> int:
        """How far the source of a stream was read when its last events were stored; 0 when it never was."""
        found = self.stream(account, region, group, stream)
        return found.position if found else 0

    def read(self, account: str, region: str, group: str, stream: str, span: Span | None = None) -> Iterator[Event]:
        """Events of one stream in the direction of the span; its `after` is (time, number)."""
        span = span or Span()
        with self._database.read() as connection:
            row = _group_row(connection, account, region, group)
            found = _stream_row(connection, account, region, group, stream)
        if row is None or found is None:
            return iter(())
        if span.after:
            time, number = span.after
            span = msgspec.structs.replace(span, after=(time, found.id, number))
        return walk(self._database, found, self._not_expired(Group(*row), span))

    def filter(
        self,
        account: str,
        region: str,
        group: str,
        span: Span | None = None,
        *,
        names: Sequence[str] = (),
        prefix: str = "",
    ) -> Iterator[Event]:
        """Events of a group's streams (all, or those named) merged by time; `after` is (time, stream_id, number)."""
        found = self.group(account, region, group)
        if found is None:
            return iter(())
        span = self._not_expired(found, span or Span())
        wanted = [STREAMS.c.group_id == found.id, STREAMS.c.last_event >= span.start]
        wanted.append(STREAMS.c.first_event < span.end)
        if names:
            wanted.append(STREAMS.c.name.in_(names))
        if prefix:
            wanted += with_prefix(STREAMS.c.name, prefix)
        with self._database.read() as connection:
            streams = [Stream(*row) for row in connection.execute(sa.select(STREAMS).where(*wanted))]
        return merge(self._database, streams, span)

    def expire(self) -> None:
        """Delete the events that are older than their group keeps them."""
        now = self._milliseconds()
        with self._database.write() as connection:
            kept = sa.select(GROUPS.c.id, GROUPS.c.retention_days).where(GROUPS.c.retention_days.is_not(None))
            for group_id, days in connection.execute(kept).all():
                cutoff = now - days * _DAY
                old = STREAMS.c.group_id == group_id, STREAMS.c.first_event < cutoff
                for stream_id in connection.execute(sa.select(STREAMS.c.id).where(*old)).scalars().all():
                    expire(connection, stream_id, cutoff)

    def _sweep_now_and_then(self) -> None:
        now = self._clock.now()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_EVERY
            self.expire()

    def _milliseconds(self) -> int:
        return round(self._clock.now() * 1000)

    def _not_expired(self, group: Group, span: Span) -> Span:
        if group.retention_days is None:
            return span
        cutoff = self._milliseconds() - group.retention_days * _DAY
        return msgspec.structs.replace(span, start=max(span.start, cutoff))

    def _insert_group(
        self, connection: sa.Connection, account: str, region: str, group: str, settings: dict[str, Any] | None
    ) -> int:
        row = {"account": account, "region": region, "name": group, "created": self._milliseconds()}
        result = connection.execute(GROUPS.insert(), {**row, "settings": settings or {}})
        assert result.inserted_primary_key
        return int(result.inserted_primary_key[0])

    def _insert_stream(self, connection: sa.Connection, group_id: int, stream: str) -> Stream:
        made = Stream(0, group_id, stream, self._milliseconds(), None, None, None, 0, 0, 0)
        row = msgspec.structs.asdict(made)
        del row["id"]
        result = connection.execute(STREAMS.insert(), row)
        assert result.inserted_primary_key
        made.id = int(result.inserted_primary_key[0])
        return made

    def _insert_events(self, connection: sa.Connection, stream: Stream, events: Sequence[tuple[float, str]]) -> None:
        now = self._milliseconds()
        times = [round(time * 1000) for time, _ in events]
        messages = [message.encode("utf-8", "replace") for _, message in events]
        shared = {"stream_id": stream.id, "ingested": now}
        connection.execute(
            EVENTS.insert(),
            [
                {**shared, "time": time, "number": number, "message": message}
                for number, (time, message) in enumerate(zip(times, messages, strict=True), stream.next_number)
            ],
        )
        stream.first_event = min(times) if stream.first_event is None else min(stream.first_event, *times)
        stream.last_event = max(times) if stream.last_event is None else max(stream.last_event, *times)
        stream.last_ingestion = now
        stream.next_number += len(events)
        stream.stored_bytes += sum(map(len, messages)) + EVENT_OVERHEAD * len(messages)


_GROUP_COLUMNS = tuple(GROUPS.c[name] for name in ("id", "name", "created", "retention_days", "settings"))
_CHANGING = ("first_event", "last_event", "last_ingestion", "stored_bytes", "next_number", "position")
_UPDATE_STREAM = (
    STREAMS.update()
    .where(STREAMS.c.id == sa.bindparam("new_id"))
    .values({name: sa.bindparam(f"new_{name}") for name in _CHANGING})
)


# Statements are built once: building one costs more than running it.
_IS_GROUP = sa.and_(*(GROUPS.c[name] == sa.bindparam(f"group_{name}") for name in ("account", "region", "name")))
_SELECT_GROUP = sa.select(*_GROUP_COLUMNS).where(_IS_GROUP)
_SELECT_STREAM = sa.select(STREAMS).join(GROUPS).where(_IS_GROUP, STREAMS.c.name == sa.bindparam("stream"))


def _of_group(account: str, region: str, group: str) -> dict[str, str]:
    return {"group_account": account, "group_region": region, "group_name": group}


def _group_row(connection: sa.Connection, account: str, region: str, group: str) -> Sequence[Any] | None:
    return connection.execute(_SELECT_GROUP, _of_group(account, region, group)).one_or_none()


def _stream_row(connection: sa.Connection, account: str, region: str, group: str, stream: str) -> Stream | None:
    row = connection.execute(_SELECT_STREAM, {**_of_group(account, region, group), "stream": stream}).one_or_none()
    return Stream(*row) if row else None


def _with_bytes(connection: sa.Connection, group: Group) -> Group:
    total = sa.func.coalesce(sa.func.sum(STREAMS.c.stored_bytes), 0)
    group.stored_bytes = int(connection.execute(sa.select(total).where(STREAMS.c.group_id == group.id)).scalar_one())
    return group
