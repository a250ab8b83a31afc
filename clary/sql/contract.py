"""What the translation takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol


class Column(NamedTuple):
    """A column with its type in Trino's spelling: integer, decimal(10,2), array(row(a integer)), timestamp(3)."""

    name: str
    type: str


class Relation(NamedTuple):
    """A table, or with `view` the text of a view's query. `hidden` columns are there for those that name them."""

    columns: list[Column]
    view: str = ""
    hidden: Sequence[Column] = ()


class Catalog(Protocol):
    """What knows the tables. Names are lower case; an empty catalog is the session's."""

    def relation(self, catalog: str, database: str, name: str) -> Relation | None:
        """The table or view; None where there is none."""

    def missing(self, catalog: str, database: str) -> Literal["catalog", "database", ""]:
        """What of the two isn't there."""


class TableUse(NamedTuple):
    """One occurrence of a table in a query.

    `alias` is the DuckDB identifier that stands for it in the translated text, to be made by the engine.
    `filter` is DuckDB text over bare column names: rows for which it isn't true can't change the result.
    """

    alias: str
    catalog: str
    database: str
    name: str
    columns: list[str]
    filter: str


class ExternalFunction(NamedTuple):
    """A function that a Lambda computes: its name, argument types and result in Trino's spelling, the Lambda's name."""

    name: str
    arguments: list[str]
    result: str
    function: str


class Translation(NamedTuple):
    """A query in DuckDB's SQL, with the tables it reads and the columns it gives."""

    sql: str
    tables: list[TableUse]
    columns: list[Column]
    external: list[ExternalFunction]
