"""The functions that a query declares before it begins: USING EXTERNAL FUNCTION f(x int) RETURNS int LAMBDA 'name'."""

from __future__ import annotations

from clary.errors import ClientError
from clary.queries.errors import QueryError
from clary.sql.contract import ExternalFunction
from clary.sql.statements.queries import read_function_query
from clary.sql.statements.reader import Reader
from clary.sql.types import parse_type


def read_declared(text: str) -> tuple[list[ExternalFunction], int]:
    """The functions, and where in the text the query itself begins."""
    reader = Reader(text, hive=False)
    if not reader.sees("USING"):
        return [], 0
    query = read_function_query(reader)
    found = [ExternalFunction(one.name, list(one.arguments), one.result, one.function) for one in query.functions]
    for function in found:
        for kind in (*function.arguments, function.result):
            _check_type(kind)
    return found, query.at


def _check_type(kind: str) -> None:
    try:
        parse_type(kind)
    except ClientError as problem:
        raise QueryError(f"TYPE_NOT_FOUND: {problem}") from None
