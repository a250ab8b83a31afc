"""Reads the table of expressions with Trino's values, and evaluates an expression as Athena would print it."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from clary.sql.errors import START, SqlError
from clary.sql.functions.documents import java_double
from clary.sql.run_time import run_time_error
from clary.sql.tokens import read_tokens
from clary.sql.translate import translate
from clary.sql.types import parse_type

TABLE = Path(__file__).with_name("trino_values.txt")


class Case(NamedTuple):
    expression: str
    value: str
    type: str
    failure: str


def read_cases():
    cases = []
    for line in TABLE.read_text().splitlines():
        if "==>" not in line or line.startswith("#"):
            continue
        expression, _, expected = line.partition(" ==> ")
        value, _, kind = expected.partition(" :: ")
        failure = value[1:] if re.fullmatch(r"![A-Z_]+", value) else ""
        cases.append(Case(expression, value, kind, failure))
    return cases


class NoTables:
    def relation(self, catalog, database, name):
        return None

    def missing(self, catalog, database):
        return ""


def evaluate(connection, query, catalog=None):
    """The first row's values as Athena prints them, with the types; SqlError of translation and of the run alike."""
    import duckdb

    found = translate(query, catalog or NoTables(), catalog_name="AwsDataCatalog", database="default")
    try:
        rows = connection.execute(found.sql).fetchall()
    except duckdb.Error as problem:
        raise run_time_error(problem) or problem from None
    types = [column.type for column in found.columns]
    return [[shown(value, parse_type(kind)) for value, kind in zip(row, types, strict=True)] for row in rows], types


def shown(value, kind):
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if kind.name == "array":
        return f"[{', '.join(shown(one, kind.children[0]) for one in value)}]"
    if kind.name == "map":
        pairs = (f"{shown(key, kind.children[0])}={shown(one, kind.children[1])}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if kind.name == "row":
        pairs = zip(value.items(), kind.children, strict=True)
        return f"{{{', '.join(f'{name}={shown(one, child)}' for (name, one), child in pairs)}}}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, datetime | time):
        digits = kind.sizes[0]
        text = value.isoformat(" ", "microseconds") if isinstance(value, datetime) else value.isoformat("microseconds")
        return text[: len(text) - 6 + digits] if digits else text[:-7]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


# Names that DuckDB might take for something of its own, or for what a translation names so itself.
HOSTILE = "e i n f p l a b r t c0 d key value element_ len sum field0".split()
KEPT = ("DATE", "TIMESTAMP", "TIME", "DECIMAL", "JSON", "REAL", "INTERVAL", "BIGINT", "SMALLINT", "TINYINT", "INTEGER")


def over_columns(expression):
    """The expression over columns that hold its constants; None where it has none to move.

    Constants that belong to a type, an interval or a literal with its type's name stay where they are.
    """
    tokens = read_tokens(expression, START)
    pieces, moved, at = [], [], 0
    for number, token in enumerate(tokens[:-1]):
        start = token.place.column - 1
        pieces.append(expression[at:start])
        at = start + len(token.raw)
        before = tokens[number - 1].upper if number else ""
        in_type = before in ("(", ",") and _opens_type(tokens, number)
        constant = token.kind in ("integer", "decimal", "double", "string")
        if constant and len(moved) < len(HOSTILE) and before not in KEPT and not in_type:
            pieces.append(f'"{HOSTILE[len(moved)]}"')
            moved.append(token.raw)
        else:
            pieces.append(token.raw)
    if not moved:
        return None
    names = ", ".join(f'"{name}"' for name in HOSTILE[: len(moved)])
    row = f"({', '.join(moved)})" if len(moved) > 1 else moved[0]
    return f"SELECT {''.join(pieces)} FROM (VALUES {row}, {row}) AS t({names})"


def _opens_type(tokens, number):
    while number and tokens[number].upper != "(":
        number -= 1
    return number and tokens[number - 1].upper in ("VARCHAR", "DECIMAL", "CHAR", "TIMESTAMP", "TIME")


__all__ = ["SqlError"]
