"""Catalogs that are other databases: attached read-only, by DuckDB's extensions from their wheels."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from clary.errors import ClientError
from clary.queries.errors import QueryError
from clary.queries.information import Described
from clary.sql.contract import Column
from clary.sql.types import duckdb_to_trino, trino_to_duckdb
from clary.tables.duck_types import literal, quote

if TYPE_CHECKING:
    import duckdb

    from clary.queries.places import Places

_EXTENSIONS = {"postgresql": "postgres_scanner", "mysql": "mysql_scanner", "sqlite": "sqlite_scanner"}
_TYPES = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite"}


class Attached:
    """One catalog. `found` has its kind and URL, and what the server offers to reach it by."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, places: Places, name: str, found: dict[str, str]) -> None:
        self._connection = connection
        self._name = f"clary_{name}"
        self._kind = found["kind"]
        _load(connection, _EXTENSIONS[self._kind])
        statement = (
            f"ATTACH {literal(_target(found, places))} AS {quote(self._name)} (TYPE {_TYPES[self._kind]}, READ_ONLY"
        )
        if self._kind != "sqlite":
            secret = quote(f"{self._name}_login")
            connection.execute(f"CREATE TEMPORARY SECRET {secret} ({_login(found, places)})")
            statement += f", SECRET {secret}"
        statement += ")"
        try:
            connection.execute(statement)
        except _errors() as problem:
            reason = (self._kind == "mysql" and _mysql_reason(found, places)) or _reason(str(problem))
            raise QueryError(f"GENERIC_USER_ERROR: the catalog {name} can't be reached: {reason}") from None

    def columns(self, database: str, table: str) -> list[Column]:
        """Those of a table, all of them with types that Trino has; none where there is no table."""
        rows = self._connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND lower(schema_name) = ? "
            "AND lower(table_name) = ? ORDER BY column_index",
            [self._name, self._schema(database), table.lower()],
        ).fetchall()
        return [Column(name.lower(), _trino(kind)) for name, kind in rows]

    def select(self, database: str, table: str, columns: list[str]) -> str:
        """SQL for some columns of a table."""
        kinds = {column.name: column.type for column in self.columns(database, table)}
        shown = [f"CAST({quote(name)} AS {trino_to_duckdb(kinds[name])}) AS {quote(name)}" for name in columns]
        row = self._connection.execute(
            "SELECT schema_name, table_name FROM duckdb_columns() WHERE database_name = ? AND lower(schema_name) = ? "
            "AND lower(table_name) = ? LIMIT 1",
            [self._name, self._schema(database), table.lower()],
        ).fetchone()
        assert row is not None
        place = ".".join(map(quote, (self._name, *row)))
        return f"SELECT {', '.join(shown) or '1 AS nothing'} FROM {place}"  # noqa: S608

    def has(self, database: str) -> bool:
        """Whether there is such a database; SQLite's one answers to every name."""
        return self._kind == "sqlite" or database.lower() in self.databases()

    def databases(self) -> list[str]:
        """The names of those that have a table."""
        rows = self._connection.execute(
            "SELECT DISTINCT lower(schema_name) FROM duckdb_columns() WHERE database_name = ? ORDER BY 1", [self._name]
        ).fetchall()
        return [name for (name,) in rows]

    def tables(self, database: str, names: list[str] | None) -> list[Described]:
        """The tables of a database, of these names or all."""
        rows = self._connection.execute(
            "SELECT lower(table_name), lower(column_name), data_type, comment FROM duckdb_columns() "
            "WHERE database_name = ? AND lower(schema_name) = ? AND (? OR list_contains(?, lower(table_name))) "
            "ORDER BY table_name, column_index",
            [self._name, database, names is None, names or [""]],
        ).fetchall()
        return [
            Described(name, [(column, _trino(kind), comment, None) for _, column, kind, comment in found])
            for name, found in itertools.groupby(rows, lambda row: row[0])
        ]

    def _schema(self, database: str) -> str:
        return "main" if self._kind == "sqlite" else database.lower()


def _load(connection: duckdb.DuckDBPyConnection, extension: str) -> None:
    spec = importlib.util.find_spec(f"duckdb_extension_{extension}")
    files = sorted(Path(spec.origin).parent.rglob("*.duckdb_extension")) if spec and spec.origin else []
    if not files:
        raise QueryError(
            f"NOT_SUPPORTED: federated catalogs need the package duckdb-extension-{extension.replace('_', '-')}: "
            "pip install 'clary[federation]'"
        )
    connection.execute(f"LOAD {literal(str(files[0]))}")


def _target(found: dict[str, str], places: Places) -> str:
    """What ATTACH takes beside a secret: the staged file of a SQLite database."""
    if found["kind"] == "sqlite":
        return str(Path(places.staged, found["staged"]))
    return "sslmode=disable" if found["kind"] == "postgresql" else ""


def _login(found: dict[str, str], places: Places) -> str:
    """What CREATE SECRET takes: the socket on which the server passes on what is said, user, password and database."""
    url = urlsplit(found["url"])
    parts = {"USER": unquote(url.username or ""), "PASSWORD": unquote(url.password or "")}
    parts["DATABASE"] = unquote(url.path.lstrip("/"))
    if found["kind"] == "postgresql":
        parts |= {"HOST": places.sockets, "PORT": found["socket"].rpartition(".")[2]}
    else:
        parts |= {"HOST": "localhost", "SOCKET": f"{places.sockets}/{found['socket']}"}
    options = [f"{name} {literal(value)}" for name, value in parts.items() if value]
    return ", ".join([f"TYPE {_TYPES[found['kind']]}", *options])


def _trino(kind: str) -> str:
    """Types that Trino lacks are shown as text."""
    try:
        return duckdb_to_trino(kind).replace("timestamp(6)", "timestamp(3)")
    except ClientError:
        return "varchar"


def _errors() -> type[Exception]:
    import duckdb

    error: type[Exception] = duckdb.Error
    return error


def _reason(text: str) -> str:
    """What follows the connection's parameters, among which is the password."""
    return text.rpartition('": ')[2].strip()


def _mysql_reason(found: dict[str, str], places: Places) -> str:
    """Why the server takes no connection: the extension tells of a second attempt only, at a port that isn't there."""
    import pymysql

    url = urlsplit(found["url"])
    login = {"user": unquote(url.username or ""), "password": unquote(url.password or "")}
    database, path = unquote(url.path.lstrip("/")), f"{places.sockets}/{found['socket']}"
    try:
        pymysql.connect(unix_socket=path, database=database, connect_timeout=10, **login).close()
    except pymysql.err.Error as problem:
        return str(problem.args[-1]) if problem.args else ""
    return ""
