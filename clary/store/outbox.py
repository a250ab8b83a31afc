"""What is to be told once a transaction is committed: written by that very transaction, so that no crash loses it.

A letter stays until somebody says that it was delivered: it comes at least once, and after a crash perhaps twice.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from clary.clock import Clock
from clary.store.database import METADATA, TEXT, Database
from clary.store.object_rows import Bucket, Object
from clary.store.ticks import Ticks

LETTERS = sa.Table(
    "outbox",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("destination", TEXT, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("due", sa.Float, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("outbox_due", "due", "number"),
    sqlite_autoincrement=True,
)


class Letter(NamedTuple):
    """What to tell, and whom."""

    destination: str
    body: dict[str, Any]


class Change(NamedTuple):
    """An object that was written, a delete marker that was put, or a version that is gone for good.

    The sequence is above that of every earlier change.
    """

    bucket: Bucket
    object: Object
    sequence: int
    gone: bool


Announce = Callable[[Change], Sequence[Letter]]


def say_nothing(change: Change) -> Sequence[Letter]:  # noqa: ARG001
    """No letter."""
    return ()


class Posted(msgspec.Struct):
    """A letter that waits: since when, until when, and how often it was tried already."""

    number: int
    destination: str
    body: dict[str, Any]
    created: float
    due: float
    attempts: int


class Outbox:
    """All letters that nobody has received yet."""

    def __init__(self, database: Database, clock: Clock, ticks: Ticks) -> None:
        self._database = database
        self._clock = clock
        self._ticks = ticks
        self.ring: Callable[[], None] = lambda: None  # called, quickly, when letters were committed

    def tell(
        self,
        connection: sa.Connection,
        announce: Announce,
        bucket: Bucket | None,
        objects: Iterable[Object],
        *,
        gone: bool = False,
    ) -> bool:
        """Write what there is to say of changed objects in the transaction that changes them; whether it is anything.

        Whoever commits the transaction calls `ring` then.
        """
        letters: list[Letter] = []
        for item in objects:
            assert bucket is not None
            letters += announce(Change(bucket, item, self._ticks.next(), gone))
        if letters:
            now = self._clock.now()
            rows = [{**letter._asdict(), "created": now, "due": now, "attempts": 0} for letter in letters]
            connection.execute(LETTERS.insert(), rows)
        return bool(letters)

    def due(self, limit: int) -> list[Posted]:
        """The letters to be delivered now, oldest first."""
        statement = sa.select(LETTERS).where(LETTERS.c.due <= self._clock.now())
        with self._database.read() as connection:
            found = connection.execute(statement.order_by(LETTERS.c.due, LETTERS.c.number).limit(limit))
            return [Posted(*row) for row in found]

    def next_due(self) -> float | None:
        """When the next letter is due; None while there is none."""
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.min(LETTERS.c.due))).scalar()

    def settle(self, delivered: Collection[int], again: Collection[tuple[int, float]]) -> None:
        """Forget the letters that were delivered, and try the others again at the times beside their numbers."""
        retry = LETTERS.update().where(LETTERS.c.number == sa.bindparam("of"))
        retry = retry.values(due=sa.bindparam("at"), attempts=LETTERS.c.attempts + 1)
        with self._database.write() as connection:
            if delivered:
                connection.execute(LETTERS.delete().where(LETTERS.c.number.in_(delivered)))
            if again:
                connection.execute(retry, [{"of": number, "at": due} for number, due in again])

    def count(self) -> int:
        """How many letters wait."""
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(LETTERS)).scalar_one())
