"""The functions that a query declares before it begins: USING EXTERNAL FUNCTION f(x int) RETURNS int LAMBDA 'name'."""

from __future__ import annotations

from clary.sql import ExternalFunction
from clary.sql.statements.queries import read_function_query
from clary.sql.statements.reader import Reader


def read_declared(text: str) -> tuple[list[ExternalFunction], int]:
    """The functions, and where in the text the query itself begins."""
    reader = Reader(text, hive=False)
    if not reader.sees("USING"):
        return [], 0
    query = read_function_query(reader)
    found = [ExternalFunction(one.name, list(one.arguments), one.result, one.function) for one in query.functions]
    return found, query.at
