"""Statements as Athena takes them: queries of Trino and definitions of Hive, from text to one class a kind."""

from clary.sql.statements.errors import SeveralStatements, StatementError, UnsupportedStatement, place_of
from clary.sql.statements.parse import count_parameters, parse

__all__ = [
    "SeveralStatements",
    "StatementError",
    "UnsupportedStatement",
    "count_parameters",
    "parse",
    "place_of",
]
