"""Metrics: series of numbers over time, told apart by namespace, name and dimensions."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from clary.clock import Clock
from clary.store.database import METADATA, TEXT, Database

_DAY = 86_400
_KEPT = 455 * _DAY

_series = sa.Table(
    "metric_series",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("account", TEXT, nullable=False),
    sa.Column("region", TEXT, nullable=False),
    sa.Column("namespace", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("dimensions", TEXT, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("next_number", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("account", "region", "namespace", "name", "dimensions"),
    sqlite_autoincrement=True,
)

_points = sa.Table(
    "metric_points",
    METADATA,
    sa.Column("series_id", sa.ForeignKey(_series.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("time", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("unit", TEXT, nullable=False),
    sa.Column("count", sa.Double, nullable=False),
    sa.Column("sum", sa.Double, nullable=False),
    sa.Column("minimum", sa.Double, nullable=False),
    sa.Column("maximum", sa.Double, nullable=False),
    sa.Column("samples", sa.JSON(none_as_null=True)),
    sqlite_with_rowid=False,
)

_sources = sa.Table(
    "metric_sources",
    METADATA,
    sa.Column("source", TEXT, primary_key=True),
    sa.Column("stored", sa.Integer, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
)

# A value and how often it occurred.
Sample = tuple[float, float]


class Summary(msgspec.Struct):
    """Many values as one; `samples` are the values themselves, None where only their summary is known."""

    count: float
    sum: float
    minimum: float
    maximum: float
    samples: list[Sample] | None = None

    def add(self, other: "Summary") -> None:
        """Take in what the other sums up."""
        self.count += other.count
        self.sum += other.sum
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        if self.samples is None or other.samples is None:
            self.samples = None
        else:
            self.samples.extend(other.samples)


class Datum(msgspec.Struct):
    """One value (or a summary of many, which then counts in its place) at an epoch second."""

    name: str
    dimensions: dict[str, str]
    value: float
    timestamp: float
    unit: str = "None"
    resolution: int = 1
    summary: Summary | None = None


class Series(msgspec.Struct):
    """One metric: its place, and the epoch second of its last value."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    last: int


class Bucket(msgspec.Struct):
    """All values of one period and unit; `time` is the epoch second at which the period starts."""

    time: int
    unit: str
    summary: Summary


class Metrics:
    """Stores and aggregates metrics; safe from any thread. Values are kept for 455 days."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._next_sweep = 0.0

    def put(self, account: str, region: str, namespace: str, data: Sequence[Datum], *, source: str = "") -> None:
        """Store values; durable on return.

        Of a named source, its n-th datum is stored once, however often it is put: whoever follows a file names the
        stretch of it that the data were found in, and may repeat it after a crash.
        """
        self._sweep_now_and_then()
        with self._database.write() as connection:
            if source:
                data = self._not_stored_yet(connection, source, data)
            grouped: dict[tuple[str, str], list[Datum]] = {}
            for datum in data:
                grouped.setdefault((datum.name, _canonical(datum.dimensions)), []).append(datum)
            for (name, dimensions), values in grouped.items():
                _insert(connection, (account, region, namespace, name, dimensions), values)

    def statistics(
        self,
        account: str,
        region: str,
        series: tuple[str, str, Mapping[str, str]],
        start: int,
        end: int,
        period: int,
        *,
        unit: str = "",
        samples: bool = False,
    ) -> list[Bucket]:
        """The values of a series (namespace, name, dimensions) in periods from `start` on, by time and unit.

        With `samples` each bucket holds its values too, unless one of them was stored as a summary only.
        """
        namespace, name, dimensions = series
        with self._database.read() as connection:
            found = _find(connection, (account, region, namespace, name, _canonical(dimensions)))
            if found is None:
                return []
            read = _read_samples if samples else _read_buckets
            return read(connection, found[0], start, end, period, unit)

    def series(
        self,
        account: str,
        region: str,
        *,
        namespace: str = "",
        name: str = "",
        dimensions: Sequence[tuple[str, str | None]] = (),
        since: int = 0,
        after: Sequence[object] | None = None,
        limit: int = 500,
    ) -> tuple[list[Series], list[object] | None]:
        """Series that have all these dimensions (of any value where it is None) and values since a time.

        The second result is where to go on from (`after`), None at the end.
        """
        order = (_series.c.namespace, _series.c.name, _series.c.dimensions)
        wanted = [_series.c.account == account, _series.c.region == region, _series.c.last >= since]
        if namespace:
            wanted.append(_series.c.namespace == namespace)
        if name:
            wanted.append(_series.c.name == name)
        if after is not None:
            wanted.append(sa.tuple_(*order) > sa.tuple_(*after))
        statement = sa.select(*order, _series.c.last).where(*wanted).order_by(*order)
        found: list[Series] = []
        with self._database.read() as connection:
            for row in connection.execute(statement):
                if len(found) == limit:
                    last = found[-1]
                    return found, [last.namespace, last.name, _canonical(last.dimensions)]
                theirs = msgspec.json.decode(row.dimensions, type=dict[str, str])
                if all(theirs.get(key) == value if value is not None else key in theirs for key, value in dimensions):
                    found.append(Series(row.namespace, row.name, theirs, row.last))
        return found, None

    def expire(self) -> None:
        """Delete what is older than it is kept."""
        cutoff = int(self._clock.now()) - _KEPT
        with self._database.write() as connection:
            # Named by their series, the points are found through the primary key, not by reading them all.
            in_series = _points.c.series_id.in_(sa.select(_series.c.id))
            connection.execute(_points.delete().where(in_series, _points.c.time < cutoff))
            connection.execute(_series.delete().where(_series.c.last < cutoff))
            connection.execute(_sources.delete().where(_sources.c.time < cutoff))

    def _sweep_now_and_then(self) -> None:
        now = self._clock.now()
        if now >= self._next_sweep:
            self._next_sweep = now + _DAY
            self.expire()

    def _not_stored_yet(self, connection: sa.Connection, source: str, data: Sequence[Datum]) -> Sequence[Datum]:
        stored = connection.execute(sa.select(_sources.c.stored).where(_sources.c.source == source)).scalar()
        if stored is None:
            row = {"source": source, "stored": len(data), "time": int(self._clock.now())}
            connection.execute(_sources.insert(), row)
        elif len(data) > stored:
            connection.execute(_sources.update().where(_sources.c.source == source).values(stored=len(data)))
        return data[stored or 0 :]


def _canonical(dimensions: Mapping[str, str]) -> str:
    return msgspec.json.encode(dimensions, order="sorted").decode()


_PLACE = ("account", "region", "namespace", "name", "dimensions")
_SELECT_SERIES = sa.select(_series.c.id, _series.c.last, _series.c.next_number).where(
    *(_series.c[name] == sa.bindparam(f"place_{name}") for name in _PLACE)
)


def _find(connection: sa.Connection, place: tuple[str, str, str, str, str]) -> Any:
    parameters = {f"place_{name}": value for name, value in zip(_PLACE, place, strict=True)}
    return connection.execute(_SELECT_SERIES, parameters).one_or_none()


def _insert(connection: sa.Connection, place: tuple[str, str, str, str, str], data: Sequence[Datum]) -> None:
    rows = [_to_row(datum) for datum in data]
    last = max(row["time"] for row in rows)
    found = _find(connection, place)
    if found is None:
        values = dict(zip(_PLACE, place, strict=True))
        result = connection.execute(_series.insert(), {**values, "last": last, "next_number": len(rows)})
        assert result.inserted_primary_key
        series_id, number = result.inserted_primary_key[0], 0
    else:
        series_id, number = found.id, found.next_number
        values = {"last": max(last, found.last), "next_number": number + len(rows)}
        connection.execute(_series.update().where(_series.c.id == series_id).values(values))
    connection.execute(
        _points.insert(), [{**row, "series_id": series_id, "number": number + index} for index, row in enumerate(rows)]
    )


def _to_row(datum: Datum) -> dict[str, Any]:
    time = int(datum.timestamp // datum.resolution * datum.resolution)
    summary = datum.summary or Summary(1, datum.value, datum.value, datum.value)
    return {"time": time, "unit": datum.unit, **msgspec.structs.asdict(summary)}


def _in_span(series_id: int, start: int, end: int, unit: str) -> list[sa.ColumnElement[bool]]:
    columns = _points.c
    wanted = [columns.series_id == series_id, columns.time >= start, columns.time < end]
    return [*wanted, columns.unit == unit] if unit else wanted


def _read_buckets(
    connection: sa.Connection, series_id: int, start: int, end: int, period: int, unit: str
) -> list[Bucket]:
    columns = _points.c
    # Literals, so that the engines see the grouped and the selected expression as one.
    bucket = ((columns.time - sa.literal_column(str(int(start)))) // sa.literal_column(str(int(period)))).label(
        "bucket"
    )
    sums = (
        sa.func.sum(columns.count),
        sa.func.sum(columns.sum),
        sa.func.min(columns.minimum),
        sa.func.max(columns.maximum),
    )
    statement = sa.select(bucket, columns.unit, *sums).where(*_in_span(series_id, start, end, unit))
    statement = statement.group_by(bucket, columns.unit).order_by(bucket, columns.unit)
    rows = connection.execute(statement)
    return [Bucket(start + row[0] * period, row[1], Summary(*row[2:])) for row in rows]


def _read_samples(
    connection: sa.Connection, series_id: int, start: int, end: int, period: int, unit: str
) -> list[Bucket]:
    columns = _points.c
    statement = sa.select(
        columns.time, columns.unit, columns.count, columns.sum, columns.minimum, columns.maximum, columns.samples
    )
    buckets: dict[tuple[int, str], Bucket] = {}
    statement = statement.where(*_in_span(series_id, start, end, unit)).order_by(columns.time, columns.number)
    for time, its_unit, *values in connection.execute(statement):
        point = Summary(*values)
        if point.samples is not None:
            point.samples = [(value, count) for value, count in point.samples]
        elif point.count == 1 or point.minimum == point.maximum:
            point.samples = [(point.minimum, point.count)]
        place = (time - start) // period, its_unit
        if place in buckets:
            buckets[place].summary.add(point)
        else:
            buckets[place] = Bucket(start + place[0] * period, its_unit, point)
    return [buckets[place] for place in sorted(buckets)]
