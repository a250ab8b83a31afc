"""Trino's expressions and queries with known answers: right, refused, or silently different.

Run: python benchmarks/trino_expressions.py. The peer is sqlglot (read athena, write duckdb) alone.
"""

import sys
from collections import Counter
from pathlib import Path

import duckdb
import sqlglot

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "sql"))

from values_of_trino import evaluate, over_columns, read_cases, shown

from clary.sql.errors import SqlError
from clary.sql.prepare import prepare
from clary.sql.types import duckdb_to_trino, parse_type


def judge(expected, found):
    """`found` is the printed value, or None where the expression failed."""
    if expected.failure == "NOT_SUPPORTED":
        return "refused" if found is None else "SILENTLY DIFFERENT"
    if expected.failure:
        return "refused as Trino refuses it" if found is None else "SILENTLY DIFFERENT"
    return "refused" if found is None else "right" if found == expected.value else "SILENTLY DIFFERENT"


def by_clary(connection, query):
    try:
        rows, _ = evaluate(connection, query)
    except SqlError:
        return None
    return rows[0][0]


def by_sqlglot(connection, query):
    """None where anything fails: there are as many kinds of failure as there are rewrites."""
    try:
        (text,) = sqlglot.transpile(query, read="athena", write="duckdb")
        (value,) = connection.execute(text).fetchone()
        kind = str(connection.description[0][1])
        return shown(value, parse_type(duckdb_to_trino(kind)))
    except Exception:  # noqa: BLE001
        return None


def main():
    """Count, and name what is silently different."""
    connection = duckdb.connect()
    prepare(connection)
    plain = duckdb.connect()
    cases = read_cases()
    rows = {"Clary": Counter(), "Clary, constants in columns": Counter(), "sqlglot alone": Counter()}
    for case in cases:
        query = f"SELECT {case.expression}"
        rows["Clary"][judge(case, by_clary(connection, query))] += 1
        moved = over_columns(case.expression) if case.failure != "SYNTAX_ERROR" else None
        if moved and "random" not in moved:
            rows["Clary, constants in columns"][judge(case, by_clary(connection, moved))] += 1
        rows["sqlglot alone"][judge(case, by_sqlglot(plain, query))] += 1
    kinds = ["right", "refused", "refused as Trino refuses it", "SILENTLY DIFFERENT"]
    print(f"{'':28} {'all':>6} " + " ".join(f"{kind:>28}" for kind in kinds))
    for name, counts in rows.items():
        print(f"{name:28} {sum(counts.values()):6} " + " ".join(f"{counts[kind]:28}" for kind in kinds))


if __name__ == "__main__":
    main()
