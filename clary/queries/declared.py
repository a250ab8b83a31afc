"""The functions that a query declares before it begins: USING EXTERNAL FUNCTION f(x int) RETURNS int LAMBDA 'name'."""

from __future__ import annotations

from clary.sql import ExternalFunction
from clary.sql.statements.reader import Reader


def read_declared(text: str) -> tuple[list[ExternalFunction], int]:
    """The functions, and where in the text the query itself begins."""
    reader = Reader(text, hive=False)
    if not reader.accept("USING"):
        return [], 0
    found = [_function(reader)]
    while reader.accept(","):
        found.append(_function(reader))
    return found, reader.next.at


def _function(reader: Reader) -> ExternalFunction:
    reader.expect("EXTERNAL", "FUNCTION")
    name = reader.identifier()
    arguments: list[str] = []
    reader.expect("(")
    while not reader.accept(")"):
        if arguments:
            reader.expect(",")
        reader.identifier()
        arguments.append(_type(reader, ",", ")"))
    reader.expect("RETURNS")
    result = _type(reader, "LAMBDA")
    reader.expect("LAMBDA")
    return ExternalFunction(name, arguments, result, reader.string())


def _type(reader: Reader, *ends: str) -> str:
    """The text of a type, up to one of these words outside of its parentheses."""
    start, depth = reader.next.at, 0
    while depth or not any(reader.sees(end) for end in ends):
        sign = reader.take().text
        depth += (sign == "(") - (sign == ")")
    return reader.text[start : reader.next.at].strip()
