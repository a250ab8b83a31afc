"""The state database: SQLite in the data folder, or Postgres by URL. One schema, one writer, the same code."""

import errno
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import event, exc

from clary.errors import ServiceError, SettingsError

SCHEMA_VERSION = 2

METADATA = sa.MetaData()

# Text that sorts by code point on both engines, so that pages run in the same order everywhere.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# Any number will do as long as nobody else takes it: it names the advisory lock that every writer holds on Postgres.
_WRITER_LOCK = 0x436C6172


def _to_2(connection: sa.Connection) -> None:
    for name in ("outbox", "catalog_nodes", "versions"):
        METADATA.tables[name].create(connection)
    for table, column in (("buckets", "versioning"), ("objects", "version")):
        made = sa.schema.CreateColumn(METADATA.tables[table].c[column]).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {made}")


# Each entry brings the schema from its key to the next version; a version without one is refused by name. What the
# next release adds goes into the last entry: it is one step for those who come from the release before.
MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {1: _to_2}

_schema = sa.Table("schema_version", METADATA, sa.Column("version", sa.Integer, nullable=False))


class StorageFull(ServiceError):
    """The disk is full or failing: nothing was stored, reads go on."""

    code = "InsufficientStorage"
    status = 507


class Database:
    """A pool of readers and one writer at a time."""

    def __init__(self, url: str) -> None:
        self._reader = _engine(url, writes=False)
        self._writer = _engine(url, writes=True)
        self._writing = threading.Lock()
        self._writer_thread = 0
        try:
            self._check_schema()
        except (exc.DBAPIError, StorageFull) as error:
            self.close()
            reason = error.orig if isinstance(error, exc.DBAPIError) else error
            raise SettingsError(f"the database {self._writer.url} cannot be opened: {reason}") from error
        except BaseException:
            self.close()
            raise

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._writer.dialect.name

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one snapshot of the database; it cannot write."""
        with storage_errors(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction of the only writer: durable when the block ends, undone when it raises."""
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("Database.write() inside Database.write(): pass the connection on instead")
        with self._writing, storage_errors():
            self._writer_thread = threading.get_ident()
            try:
                with self._writer.begin() as connection:
                    yield connection
            finally:
                self._writer_thread = 0

    def erase(self) -> None:
        """Delete every row."""
        with self.write() as connection:
            for table in reversed(METADATA.sorted_tables):
                if table is not _schema:
                    connection.execute(table.delete())

    def close(self) -> None:
        """Close every connection."""
        self._reader.dispose()
        self._writer.dispose()

    def _check_schema(self) -> None:
        import clary.store.tables  # noqa: F401 - here, for they all import this module

        with self.write() as connection:
            if not sa.inspect(connection).has_table(_schema.name):
                METADATA.create_all(connection, checkfirst=False)
                connection.execute(_schema.insert().values(version=SCHEMA_VERSION))
                return
            found = connection.execute(sa.select(_schema.c.version)).scalar_one()
            if found > SCHEMA_VERSION:
                raise SettingsError(
                    f"the database has schema {found}, written by a newer Clary; this one knows {SCHEMA_VERSION}"
                )
            for version in range(found, SCHEMA_VERSION):
                if version not in MIGRATIONS:
                    raise SettingsError(
                        f"the database has schema {found}, which this Clary cannot bring to {SCHEMA_VERSION}"
                    )
                MIGRATIONS[version](connection)
            if found < SCHEMA_VERSION:
                connection.execute(_schema.update().values(version=SCHEMA_VERSION))


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a full or failing disk, as the database or the file system words it, into StorageFull."""
    try:
        yield
    except exc.DBAPIError as error:
        if _is_storage_error(error.orig):
            raise StorageFull(f"nothing was stored: {error.orig}") from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
            raise StorageFull(f"nothing was stored: {error.strerror}") from error
        raise


def _is_storage_error(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        return name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN"))
    # Postgres: 53100 is disk_full, class 58 is a failure of its own storage.
    state = str(getattr(error, "sqlstate", None) or "")
    return state == "53100" or state.startswith("58")


def _engine(url: str, *, writes: bool) -> sa.Engine:
    options: dict[str, Any] = {
        "json_serializer": _to_json,
        "json_deserializer": msgspec.json.decode,
        "pool_use_lifo": True,
    }
    # As many readers as the server has threads: a request never waits for a connection on SQLite.
    options |= {"pool_size": 1, "max_overflow": 0} if writes else {"pool_size": 8, "max_overflow": 56}
    if url.startswith("sqlite"):
        engine = sa.create_engine(url, connect_args={"isolation_level": None, "timeout": 30}, **options)
        _set_up_sqlite(engine, writes=writes)
        return engine
    if not writes:
        options |= {"isolation_level": "REPEATABLE READ", "execution_options": {"postgresql_readonly": True}}
    try:
        engine = sa.create_engine(_psycopg_url(url), pool_pre_ping=True, **options)
    except ModuleNotFoundError as error:
        raise SettingsError("a Postgres database needs psycopg: install Clary with the extra 'postgres'") from error
    if writes:
        _set_up_postgres_writer(engine)
    return engine


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _psycopg_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    raise SettingsError(f"the database URL must begin with sqlite:// or postgresql://, not {scheme!r}")


def _set_up_sqlite(engine: sa.Engine, *, writes: bool) -> None:
    # A deferred transaction that reads and then writes fails at once with "locked", so writers begin IMMEDIATE;
    # sqlite3's own transactions are off (isolation_level None), or it would begin deferred ones by itself.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: sa.Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute(begin)


def _set_up_postgres_writer(engine: sa.Engine) -> None:
    # The same promise as BEGIN IMMEDIATE: one writer at a time, whichever process it lives in.
    @event.listens_for(engine, "begin")
    def take_the_lock(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
