"""The values of a statement's question marks, as Athena takes them: expressions, and what is none a string."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from clary.sql.statements import StatementError, count_parameters
from clary.sql.statements.tokens import Token, tokenize

# Words that an expression may hold without naming a column.
_WORDS = frozenset(
    """NULL TRUE FALSE DATE TIME TIMESTAMP INTERVAL DECIMAL DOUBLE PRECISION REAL BIGINT INTEGER INT SMALLINT TINYINT
    BOOLEAN VARCHAR CHAR VARBINARY JSON UUID IPADDRESS ARRAY MAP ROW CAST TRY_CAST AS AND OR NOT IS BETWEEN IN LIKE
    ESCAPE CASE WHEN THEN ELSE END DISTINCT EXTRACT FROM AT ZONE WITH WITHOUT TO YEAR QUARTER MONTH WEEK DAY HOUR MINUTE
    SECOND CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP X U""".split()
)
_LITERALS = frozenset(("NULL", "TRUE", "FALSE", "END"))
_PAIRS = {")": "(", "]": "["}


def bind(values: Sequence[str]) -> list[str]:
    """Each value as the text of an expression: as it is, or quoted where it is none or names a column."""
    return [value if _is_expression(value) else "'" + value.replace("'", "''") + "'" for value in values]


def check_count(text: str, given: int) -> str:
    """What is wrong with the number of values for a statement, "" where it is right.

    Values for a statement without question marks are not looked at.
    """
    wanted = count_parameters(text)
    if wanted == given or not wanted:
        return ""
    return f"INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected {wanted} but found {given}"


def _is_expression(text: str) -> bool:
    try:
        tokens = tokenize(text, hive=False)
    except StatementError:
        return False
    if len(tokens) == 1:
        return False
    opened: list[str] = []
    for token, following in pairwise(tokens):
        if token.kind == "name" or token.text in (";", "?") or (not opened and token.text == ","):
            return False
        if token.kind == "word" and not _is_known(token, following):
            return False
        if _is_operand(token) and _is_operand(following):
            return False
        if token.kind == "sign" and token.text in "([":
            opened.append(token.text)
        elif token.text in _PAIRS and (not opened or opened.pop() != _PAIRS[token.text]):
            return False
    last = tokens[-2]
    comment = text[last.end :].strip()  # it would swallow what follows the value
    return not opened and not comment and (last.kind != "sign" or last.text in ")]")


def _is_known(token: Token, following: Token) -> bool:
    if token.text[0].isdigit():
        try:
            float(token.text)
        except ValueError:
            return False
        return True
    return token.text.upper() in _WORDS or following.text == "("


def _is_operand(token: Token) -> bool:
    """Whether a value stands here, after which no other can follow."""
    return token.kind == "string" or (
        token.kind == "word" and (token.text[0].isdigit() or token.text.upper() in _LITERALS)
    )
