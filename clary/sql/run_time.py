"""What DuckDB says when a translated query fails, as Trino says it."""

from __future__ import annotations

import re

from clary.sql.errors import SqlError

_CODES = "DIVISION_BY_ZERO|INVALID_[A-Z_]+|NUMERIC_VALUE_OUT_OF_RANGE|NOT_SUPPORTED"
_TYPES = {"INT8": "tinyint", "INT16": "smallint", "INT32": "integer", "INT64": "bigint", "INT128": "decimal"}


def run_time_error(problem: BaseException) -> SqlError | None:
    """The failure in Trino's words; None where it is none of the query's own."""
    message = str(problem)
    ours = re.search(rf"(?:'!|SqlError: )({_CODES}): (.*?)(?:' to INT32|\n|$)", message, re.DOTALL)
    if ours:
        return SqlError(ours.group(1), ours.group(2))
    overflow = re.search(r"Overflow in (\w+) of (\w+) \((.*?)\)", message)
    if overflow:
        operation, kind, shown = overflow.groups()
        name = _TYPES.get(kind, "decimal" if "DECIMAL" in kind else kind.lower())
        return SqlError("NUMERIC_VALUE_OUT_OF_RANGE", f"{name} {operation} overflow: {shown}")
    if "More than one row returned by a subquery" in message:
        return SqlError("SUBQUERY_MULTIPLE_ROWS", "Scalar sub-query has returned multiple rows")
    outside = re.search(r"Type (\w+) with value (\S+) can't be cast because the value is out of range", message)
    if outside:
        return SqlError("NUMERIC_VALUE_OUT_OF_RANGE", f"Value out of range: {outside.group(2)}")
    if "Could not cast value" in message and "DECIMAL" in message:
        return SqlError("NUMERIC_VALUE_OUT_OF_RANGE", "Decimal overflow")
    if "Could not convert string" in message or "Could not parse string" in message:
        return SqlError("INVALID_CAST_ARGUMENT", message.split("\n")[0].partition("Error: ")[2])
    if "Max expression depth limit" in message:
        return SqlError("STACK_OVERFLOW", "statement is too large (stack overflow during analysis)")
    if "Like pattern must not end with escape" in message:
        return SqlError(
            "INVALID_FUNCTION_ARGUMENT", "Escape character must be followed by '%', '_' or the escape character itself"
        )
    if "out of range" in message.lower() or "overflow" in message.lower():
        return SqlError("NUMERIC_VALUE_OUT_OF_RANGE", message.split("\n")[0].partition("Error: ")[2])
    return None
