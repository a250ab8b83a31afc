"""The result of a query as Athena writes it: CSV with every value quoted, the text of each as Trino's CLI shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clary.sql.contract import Column
from clary.sql.prepare import prepare
from clary.sql.types import Type, field_names, parse_type
from clary.tables.duck_types import literal

if TYPE_CHECKING:
    import duckdb

FILE = "result.csv"


def write_csv(connection: duckdb.DuckDBPyConnection, sql: str, columns: Sequence[Column]) -> int:
    """Write the rows of a query to FILE in this folder; returns how many."""
    names = [f"c{number}" for number in range(len(columns))]
    head = ", ".join(f"{literal(column.name)} AS {name}" for column, name in zip(columns, names, strict=True))
    texts = ", ".join(shown(name, parse_type(column.type)) for column, name in zip(columns, names, strict=True))
    prepare(connection, texts)
    rows = f"SELECT {texts} FROM ({sql}) AS clary_result({', '.join(names)})"  # noqa: S608
    copied = connection.execute(
        f"COPY (SELECT {head} UNION ALL {rows}) TO {literal(FILE)} "
        "(FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR '')"
    ).fetchone()
    Path(FILE).chmod(0o644)
    return int(copied[0]) - 1 if copied else 0


def shown(value: str, kind: Type, depth: int = 0) -> str:
    """SQL for the text of a value, NULL for a null."""
    item = f"x{depth}"

    def inner(value: str, kind: Type) -> str:
        return f"coalesce({shown(value, kind, depth + 1)}, 'null')"

    def between(items: str) -> str:
        return f"coalesce(array_to_string({items}, ', '), '')"

    match kind.name:
        case "varchar" | "char" | "json":
            return value
        case "timestamp with time zone" | "interval day to second" | "interval year to month":
            return value  # they come as texts
        case "real" | "double":
            return f"clary_double_text({value})"
        case "decimal":
            return f"clary_decimal_text({value})"
        case "varbinary":
            return f"rtrim(regexp_replace(lower(hex({value})), '(..)', '\\1 ', 'g'))"
        case "timestamp":
            return _moment(value, kind)
        case "time":
            whole, digits = f"CAST({value} AS VARCHAR)", kind.sizes[0]
            return f"left(rpad({whole} || CASE WHEN contains({whole}, '.') THEN '' ELSE '.' END, 15, '0'), {8 + (digits and digits + 1)})"  # noqa: E501
        case "array":
            items = f"list_transform({value}, lambda {item}: {inner(item, kind.children[0])})"
            return f"CASE WHEN {value} IS NOT NULL THEN '[' || {between(items)} || ']' END"
        case "map":
            pair = f"{inner(item + '.key', kind.children[0])} || '=' || {inner(item + '.value', kind.children[1])}"
            items = f"list_transform(map_entries({value}), lambda {item}: {pair})"
            return f"CASE WHEN {value} IS NOT NULL THEN '{{' || {between(items)} || '}}' END"
        case "row":
            fields = [
                f"{literal(name + '=')} || {inner(f'struct_extract({value}, {literal(name)})', child)}"
                for name, child in zip(field_names(kind), kind.children, strict=True)
            ]
            whole = " || ', ' || ".join(fields)
            return f"CASE WHEN {value} IS NOT NULL THEN '{{' || {whole} || '}}' END"
    return f"CAST({value} AS VARCHAR)"


def _moment(value: str, kind: Type) -> str:
    digits = kind.sizes[0] if kind.sizes else 3
    seconds = "%Y-%m-%d %H:%M:%S"
    if digits == 0:
        return f"strftime({value}, '{seconds}')"
    if digits == 3:
        return f"strftime({value}, '{seconds}.%g')"
    return f"left(strftime({value}, '{seconds}.%f'), {20 + digits})"
