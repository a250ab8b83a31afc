"""DuckDB's own SQL, for as long as there is no translation of Trino's."""

from collections.abc import Sequence

import sqlglot
from sqlglot import expressions

from clary.queries.errors import QueryError
from clary.sql import Catalog, TableUse, Translation


def prepare(connection: object) -> None:
    """Nothing."""


def translate(
    query: str,
    catalog: Catalog,
    *,
    catalog_name: str,
    database: str,
    parameters: Sequence[str] = (),  # noqa: ARG001
    at: int = 0,  # noqa: ARG001
) -> Translation:
    """The query as it is."""
    tree = sqlglot.parse_one(query, read="duckdb")
    uses = []
    names = {cte.alias for cte in tree.find_all(expressions.CTE)}
    where = tree.args.get("where")
    for number, table in enumerate(list(tree.find_all(expressions.Table))):
        if table.name in {*names, ""}:
            continue
        place = (table.catalog or catalog_name, table.db or database, table.name)
        relation = catalog.relation(*place)
        if relation is None:
            raise QueryError(f"TABLE_NOT_FOUND: line 1:1: Table '{'.'.join(place)}' does not exist")
        used = {column.name for column in tree.find_all(expressions.Column)}
        columns = [column.name for column in relation.columns if column.name in used]
        columns += ["$path"] if "$path" in used else []
        if tree.find(expressions.Star) and not tree.find(expressions.Count):
            columns = [column.name for column in relation.columns]
        uses.append(TableUse(f"t{number}", *place, columns, where.this.sql("duckdb") if where else ""))
        alias = table.alias or table.name
        table.replace(expressions.alias_(expressions.to_table(f"t{number}"), alias, table=True))
    return Translation(tree.sql("duckdb"), uses, [], [])
