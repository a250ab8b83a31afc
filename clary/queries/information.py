"""information_schema: what the catalog knows of its databases, tables, views and columns, as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from clary.sql.contract import Column

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "information_schema"
VIRTUAL_VIEW = "VIRTUAL_VIEW"


class Described(NamedTuple):
    """A table or view of any catalog; a column is (name, Trino's type, comment, extra)."""

    name: str
    columns: Sequence[tuple[str, str, str | None, str | None]]
    view: str | None = None


class Source(NamedTuple):
    """The catalog that is described; `tables` takes a database and the names that are wanted, None for all."""

    catalog: str
    databases: Callable[[], Iterable[str]]
    tables: Callable[[str, list[str] | None], Iterable[Described]]


_PLACE = ("table_catalog", "table_schema", "table_name")
_TEXTS = {
    "schemata": ("catalog_name", "schema_name"),
    "tables": (*_PLACE, "table_type"),
    "views": (*_PLACE, "view_definition"),
    "columns": (*_PLACE, "column_name", "ordinal_position", "column_default", "is_nullable", "data_type"),
}
_HIDDEN = {"columns": ("comment", "extra_info")}


def columns_of(name: str) -> tuple[list[Column], list[Column]] | None:
    """The columns of one of these tables, and those that are hidden; None where there is no such table."""
    if name not in _TEXTS:
        return None
    return [_column(one) for one in _TEXTS[name]], [_column(one) for one in _HIDDEN.get(name, ())]


def _column(name: str) -> Column:
    return Column(name, "bigint" if name == "ordinal_position" else "varchar")


def table_of(source: Source, name: str, databases: list[str] | None, tables: list[str] | None) -> pa.Table:
    """One of these tables, hidden columns last; of some databases and tables alone where the query needs no other."""
    import pyarrow as pa

    shown, hidden = columns_of(name) or ([], [])
    kinds = {"bigint": pa.int64(), "varchar": pa.string()}
    schema = pa.schema([(column.name, kinds[column.type]) for column in (*shown, *hidden)])
    columns = list(zip(*_rows(source, name, databases, tables), strict=True)) or [()] * len(schema)
    return pa.table([pa.array(*one) for one in zip(columns, schema.types, strict=True)], schema=schema)


def _rows(source: Source, name: str, databases: list[str] | None, tables: list[str] | None) -> list[tuple[Any, ...]]:
    known = [*source.databases(), NAME]
    wanted = sorted(set(known) if databases is None else set(databases) & set(known))
    if name == "schemata":
        return [(source.catalog, database) for database in wanted]
    make = {"tables": _table, "views": _view, "columns": _columns}[name]
    rows: list[tuple[Any, ...]] = []
    for database in wanted:
        found = _own() if database == NAME else source.tables(database, tables)
        rows += [(source.catalog, database, one.name, *row) for one in found for row in make(one)]
    return rows


def _table(one: Described) -> Iterator[tuple[Any, ...]]:
    yield ("BASE TABLE" if one.view is None else "VIEW",)


def _view(one: Described) -> Iterator[tuple[Any, ...]]:
    if one.view is not None:
        yield (one.view,)


def _columns(one: Described) -> Iterator[tuple[Any, ...]]:
    for position, (name, kind, comment, extra) in enumerate(one.columns, 1):
        yield name, position, None, "YES", kind, comment, extra


def _own() -> Iterator[Described]:
    for name in _TEXTS:
        columns, _ = columns_of(name) or ([], [])
        yield Described(name, [(column.name, column.type, None, None) for column in columns])
