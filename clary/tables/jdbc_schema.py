"""The tables of a relational database that the path of a crawl names, and their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from clary.errors import ClientError
from clary.tables.hive_types import HiveType
from clary.tables.jdbc_connection import JdbcSource, connect
from clary.tables.jdbc_types import mysql_type, postgresql_type
from clary.tables.wildcards import compile_wildcards

_POSTGRESQL = """
    SELECT c.table_schema, c.table_name, t.table_type, c.column_name, c.udt_name, c.numeric_precision, c.numeric_scale
    FROM information_schema.columns c JOIN information_schema.tables t
      ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    WHERE c.table_schema NOT IN ('information_schema', 'pg_catalog')
    ORDER BY c.table_schema, c.table_name, c.ordinal_position"""
_MYSQL = """
    SELECT
        c.table_schema, c.table_name, t.table_type, c.column_name, c.column_type, c.numeric_precision, c.numeric_scale
    FROM information_schema.columns c JOIN information_schema.tables t
      ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    WHERE c.table_schema = %s
    ORDER BY c.table_name, c.ordinal_position"""


class JdbcTable(NamedTuple):
    """A table or view (`kind`) of a database; `schema` is "" for MySQL, which has none."""

    database: str
    schema: str
    name: str
    kind: str
    columns: list[tuple[str, HiveType]]

    @property
    def place(self) -> list[str]:
        """Database, schema if there are any, name."""
        return [part for part in (self.database, self.schema, self.name) if part]


def find_tables(source: JdbcSource, path: str, excluded: Callable[[str], bool] = lambda _: False) -> list[JdbcTable]:
    """The tables that the user of the source may read and that the path names, by name.

    The path is database/schema/table for PostgreSQL and database/table for MySQL; % stands for any text in schema and
    table, and for one that is left out. What is excluded is asked with a table's place below the part of the path
    without %: "schema/table" of the path database/%, "table" of database/schema/%. ClientError for a path that doesn't
    fit the source, for a database that can't be reached or asked.
    """
    database, *patterns = path.strip("/").split("/")
    levels = 2 if source.engine == "postgresql" else 1
    form = "database/schema/table" if levels == 2 else "database/table"
    if not database or "%" in database or len(patterns) > levels:
        raise ClientError(f"The path {path!r} must be {form}; % may stand for what comes after the database.")
    if source.database and source.database != database:
        raise ClientError(f"The path {path!r} names another database than the connection's URL, {source.database!r}.")
    patterns += ["%"] * (levels - len(patterns))
    fixed = next((number for number, pattern in enumerate(patterns) if "%" in pattern), levels - 1)
    fits = [compile_wildcards(pattern) for pattern in patterns]
    found = []
    for table in _read(replace(source, database=database)):
        below = table.place[1:]
        named = all(pattern.fullmatch(part) for pattern, part in zip(fits, below, strict=True))
        if named and not excluded("/".join(below[fixed:])):
            found.append(table)
    return found


def _read(source: JdbcSource) -> Iterator[JdbcTable]:
    postgresql = source.engine == "postgresql"
    to_hive = postgresql_type if postgresql else mysql_type
    with connect(source) as connection, connection.cursor() as cursor:
        cursor.execute(*((_POSTGRESQL,) if postgresql else (_MYSQL, (source.database,))))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    for (schema, name, kind), columns in groupby(rows, itemgetter(0, 1, 2)):
        yield JdbcTable(
            source.database,
            schema if postgresql else "",
            name,
            "view" if "VIEW" in kind else "table",
            [(column, to_hive(*declared)) for _, _, _, column, *declared in columns],
        )
