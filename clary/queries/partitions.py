"""Which partitions of a table a query needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from clary.queries.whole_numbers import narrowed
from clary.tables.duck_types import literal, quote, to_duck
from clary.tables.hive_types import HiveType
from clary.tables.partition_paths import NULL, folder_of
from clary.tables.projection import Numbers, Projection, is_projected

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from clary.queries.front import Front
    from clary.queries.spec import QuerySpec

_WHOLE = ("tinyint", "smallint", "int", "bigint")

Keys = list[tuple[str, HiveType]]


class Part(NamedTuple):
    """A partition, or the whole of a table without any: where its files lie and how they are to be read."""

    name: str  # year=2026/month=1
    location: str
    storage: dict[str, Any]
    values: list[str | None]


def find_parts(
    connection: duckdb.DuckDBPyConnection,
    front: Front,
    spec: QuerySpec,
    table: dict[str, Any],
    keys: Keys,
    condition: str,
) -> list[Part]:
    """Those for which the conjuncts of the condition that speak of partition keys alone can be true."""
    storage = table.get("StorageDescriptor", {})
    if not keys:
        return [Part("", storage.get("Location", ""), storage, [])]
    conjuncts = Conjuncts(connection, condition)
    if is_projected(table):
        return _projected(connection, spec, table, keys, conjuncts)
    found = front.partitions(table["DatabaseName"], table["Name"])
    rows = [[None if value == NULL else value for value in partition["Values"]] for partition in found]
    kept = keep(connection, keys, rows, conjuncts)
    return [_part(found[number], table, keys, rows[number]) for number in kept]


def _part(partition: dict[str, Any], table: dict[str, Any], keys: Keys, values: list[str | None]) -> Part:
    own = partition.get("StorageDescriptor") or {}
    storage = {**table.get("StorageDescriptor", {}), **own}
    return Part(folder_of([name for name, _ in keys], values), storage.get("Location", ""), storage, values)


def _projected(
    connection: duckdb.DuckDBPyConnection, spec: QuerySpec, table: dict[str, Any], keys: Keys, conjuncts: Conjuncts
) -> list[Part]:
    """The partitions that the table's parameters tell, each key pruned before they are combined."""
    projection = Projection(table, [name for name, _ in keys], spec.submitted)
    rows: list[list[str | None]] = [[]]
    for number, (name, kind) in enumerate(keys):
        values = projection.values(name, conjuncts.constants(name), conjuncts.numbers(name, whole=kind.name in _WHOLE))
        alone = keep(connection, [keys[number]], [[value] for value in values], conjuncts)
        rows = projection.combine(rows, [values[place] for place in alone])
    kept = keep(connection, keys, rows, conjuncts)
    storage = table.get("StorageDescriptor", {})
    parts = []
    for number in kept:
        values = [value or "" for value in rows[number]]
        folder = folder_of([name for name, _ in keys], values)
        parts.append(Part(folder, projection.location(values, folder), storage, list(values)))
    return parts


def texts_of(keys: Keys, rows: list[list[str | None]]) -> pa.Table:
    """Partition values as a table of texts with the names of the keys."""
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) or [()] * len(keys)
    return pa.table([pa.array(column, pa.string()) for column in columns], names=[name for name, _ in keys])


def keep(
    connection: duckdb.DuckDBPyConnection, keys: Keys, rows: list[list[str | None]], conjuncts: Conjuncts
) -> list[int]:
    """The numbers of the rows of partition values that the conjuncts over these keys leave."""
    import pyarrow as pa

    if not rows:
        return []
    names = [name for name, _ in keys]
    table = pa.table(
        [
            pa.array(range(len(rows)), pa.int64()),
            *(pa.array(column, pa.string()) for column in zip(*rows, strict=True)),
        ],
        names=["clary_row", *(f"clary_{number}" for number in range(len(keys)))],
    )
    connection.register("clary_partitions", table)
    typed = [f"{_typed(f'clary_{number}', name, kind)} AS {quote(name)}" for number, (name, kind) in enumerate(keys)]
    where = conjuncts.over(set(names))
    try:
        found = connection.execute(
            f"SELECT * FROM (SELECT clary_row, {', '.join(typed)} FROM clary_partitions) "  # noqa: S608
            f"WHERE {where or 'true'} ORDER BY 1"
        ).fetchall()
    finally:
        connection.unregister("clary_partitions")
    return [row[0] for row in found]


def _typed(value: str, name: str, kind: HiveType) -> str:
    duck = to_duck(kind)
    if duck == "VARCHAR":
        return value
    reason = f"for {duck} partition key: {name}"
    text = f"'HIVE_INVALID_PARTITION_VALUE: Invalid partition value ''' || {value} || ''' {reason}'"
    return (
        f"CASE WHEN {value} IS NOT NULL THEN coalesce(TRY_CAST({value} AS {duck}), CAST(error({text}) AS {duck})) END"
    )


class Conjuncts:
    """A condition taken apart at its ANDs, with the help of DuckDB's own parser."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, condition: str) -> None:
        self._connection = connection
        self._parts: list[tuple[Any, set[str]]] = []
        if condition:
            self._take_apart(condition)

    def over(self, names: set[str]) -> str:
        """Those that speak of these columns and no other, as SQL; empty for none."""
        return " AND ".join(f"({self._text(node)})" for node, used in self._parts if used and used <= names)

    def constants(self, name: str) -> list[str] | None:
        """The values that `name = ...` and `name IN (...)` allow; None where nothing says so."""
        found: list[str] | None = None
        for node, used in self._parts:
            if used == {name} and (values := _equals(node)) is not None:
                found = values if found is None else [value for value in found if value in values]
        return found

    def numbers(self, name: str, *, whole: bool) -> Numbers:
        """The whole numbers that the column may be, a superset; `whole`: it is one by its type."""
        found = Numbers()
        for node, used in self._parts:
            if used == {name}:
                found = narrowed(found, node, self._value, whole=whole)
        return found

    def _value(self, node: Any) -> Any:
        """What a node without columns evaluates to; None where it can't be known."""
        import duckdb

        if _columns(node):
            return None
        try:
            row = self._connection.execute(f"SELECT {self._text(node)}").fetchone()
        except duckdb.Error:  # what is wrong with it is told where the condition runs
            return None
        return row[0] if row else None

    def _take_apart(self, condition: str) -> None:
        statement = f"SELECT 1 FROM t WHERE {condition}"  # noqa: S608
        row = self._connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [statement]).fetchone()
        self._tree = msgspec.json.decode(row[0])
        if self._tree.get("error"):
            return
        pending = [self._tree["statements"][0]["node"]["where_clause"]]
        while pending:
            node = pending.pop()
            if node["type"] == "CONJUNCTION_AND":
                pending += node["children"]
            else:
                self._parts.append((node, _columns(node)))

    def _text(self, node: Any) -> str:
        self._tree["statements"][0]["node"]["where_clause"] = node
        text = msgspec.json.encode(self._tree).decode()
        row = self._connection.execute(f"SELECT json_deserialize_sql({literal(text)})").fetchone()
        return str(row[0]).partition(" WHERE ")[2]


def _columns(node: Any) -> set[str]:
    """The columns below a node, in lower case; a subquery counts as a column that no table has."""
    if isinstance(node, list):
        return set().union(*map(_columns, node))
    if not isinstance(node, dict):
        return set()
    if node.get("class") == "COLUMN_REF":
        return {node["column_names"][-1].lower()}
    if node.get("class") == "SUBQUERY":
        return {""}
    parameters = {name.lower() for name in _lambda_names(node)}
    return set().union(*map(_columns, node.values())) - parameters


def _lambda_names(node: Any) -> list[str]:
    if node.get("class") != "LAMBDA":
        return []
    left = node.get("lhs") or {}
    return [left["column_names"][-1]] if left.get("class") == "COLUMN_REF" else []


def _equals(node: Any) -> list[str] | None:
    if node["type"] == "COMPARE_EQUAL":
        sides = [node["left"], node["right"]]
        values = [_constant(side) for side in sides if side.get("class") != "COLUMN_REF"]
    elif node["type"] == "COMPARE_IN":
        values = [_constant(child) for child in node["children"][1:]]
    else:
        return None
    found = [value for value in values if value is not None]
    return found if len(found) == len(values) else None


def _constant(node: Any) -> str | None:
    while node.get("class") == "CAST":
        node = node["child"]
    if node.get("class") != "CONSTANT" or node["value"].get("is_null"):
        return None
    return str(node["value"]["value"])
