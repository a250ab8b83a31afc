"""The way in: the text of a query to DuckDB's SQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from clary.sql import tree
from clary.sql.casts import cast
from clary.sql.contract import Catalog, Column, ExternalFunction, TableUse, Translation
from clary.sql.errors import START, Place, SqlError
from clary.sql.expressions import Session
from clary.sql.once import check_copies, check_length
from clary.sql.parse import QueryParser
from clary.sql.queries import QueryTranslator, Shape
from clary.sql.typed import Typed, select, text
from clary.sql.types import VARCHAR, Type
from clary.tables.duck_types import quote

_DEEPEST = 6000  # frames of Python; a level of nesting takes about ten
_AS_TEXT = ("timestamp with time zone", "interval day to second", "interval year to month")


def translate(
    query: str,
    catalog: Catalog,
    *,
    catalog_name: str,
    database: str,
    parameters: Sequence[str] = (),
    at: int = 0,
    whole: str = "",
    external: Sequence[ExternalFunction] = (),
    now: datetime | None = None,
) -> Translation:
    """A SELECT, WITH, VALUES or TABLE in DuckDB's SQL; SqlError says what is wrong with it, and where.

    `at` is the query's offset in the user's `whole` statement; `parameters` are the texts for its question marks;
    `external` the functions that USING EXTERNAL FUNCTION declares. Timestamps with zone and intervals come out as text.
    """
    try:
        with _deep_recursion():
            return _translate(query, catalog, catalog_name, database, parameters, whole[:at], external, now)
    except RecursionError:
        raise SqlError("STACK_OVERFLOW", "statement is too large (stack overflow during analysis)") from None


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for expressions and queries that are nested deeply."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _translate(
    query: str,
    catalog: Catalog,
    catalog_name: str,
    database: str,
    parameters: Sequence[str],
    before: str,
    external: Sequence[ExternalFunction],
    now: datetime | None,
) -> Translation:
    parser = QueryParser(query, Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1))
    tree_ = parser.read_query()
    parser.take_sign(";")
    if parser.token.kind != "end":
        raise parser.mismatch("<EOF>")
    if parser.parameters != len(parameters):
        message = f"Incorrect number of parameters: expected {parser.parameters} but found {len(parameters)}"
        raise SqlError("INVALID_PARAMETER_USAGE", message, tree_.place)
    declared = {one.name.lower(): one for one in external}
    values = [_parameter(one) for one in parameters]
    session = Session((now or datetime.now(UTC)).astimezone(UTC), values, declared, {}, [])
    shape = QueryTranslator(session, catalog, catalog_name, database.lower()).query(tree_, None)
    shape.mark_used()
    sql = _with_texts(shape)
    check_length(sql, tree_.place)
    check_copies(sql, tree_.place)
    tables = [TableUse(one.alias, *one.name, list(one.columns), " AND ".join(one.filters)) for one in session.tables]
    columns = [Column(one.name or f"_col{number}", str(one.type)) for number, one in enumerate(shape.fields)]
    return Translation(sql, tables, columns, list(session.used_external.values()))


def _parameter(written: str) -> tree.Expression:
    parser = QueryParser(written, START)
    found = parser.read_expression()
    if parser.token.kind != "end" or parser.parameters:
        raise SqlError("INVALID_PARAMETER_USAGE", f"{text(written)} is not a constant", None)
    return found


def _written(one: Type) -> Type:
    """The type with text for each part that DuckDB can't hold as Trino does."""
    if one.name in _AS_TEXT:
        return VARCHAR
    return replace(one, children=tuple(map(_written, one.children)))


def _with_texts(shape: Shape) -> str:
    """The query, with what DuckDB can't hold as Trino does written out."""
    if all(_written(one.type) == one.type for one in shape.fields):
        return shape.sql
    items = []
    for one in shape.fields:
        shown = cast(Typed(one.sql, one.type), _written(one.type), START, safe=False).sql
        items.append(f"{shown} AS {quote(one.sql.partition('.')[2].strip(chr(34)).replace(chr(34) * 2, chr(34)))}")
    return select(", ".join(items), shape.source())
