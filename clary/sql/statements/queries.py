"""Trino's statements, as Athena takes them: queries and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping

from clary.sql.statements.hive import if_exists, if_not_exists
from clary.sql.statements.reader import Reader
from clary.sql.statements.tree import (
    CreateTableAs,
    CreateView,
    Deallocate,
    DropView,
    Execute,
    Explain,
    Function,
    Insert,
    Prepare,
    Query,
    Statement,
    Unload,
    Value,
)

_QUERY = ("SELECT", "WITH", "VALUES", "TABLE", "(")
_FORMATS = {"FORMAT": ("TEXT", "JSON", "GRAPHVIZ"), "TYPE": ("LOGICAL", "DISTRIBUTED", "VALIDATE", "IO")}


def read_query(reader: Reader, stop: int | None = None) -> Query:
    """A query, which begins like one."""
    if not any(reader.sees(word) for word in _QUERY):
        raise reader.problem("'SELECT'", "'TABLE'", "'VALUES'", "'WITH'", "'('")
    return reader.query(stop)


def read_function_query(reader: Reader) -> Query:
    """USING EXTERNAL FUNCTION ..., and the query that calls the functions."""

    def function() -> Function:
        reader.expect("EXTERNAL", "FUNCTION")
        name = reader.identifier()
        arguments = tuple[str, ...]()
        if not reader.accept("(", ")"):
            arguments = reader.listed(argument)
        reader.expect("RETURNS")
        result = reader.text_until("LAMBDA", ",")
        reader.expect("LAMBDA")
        return Function(name, arguments, result, reader.string())

    def argument() -> str:
        reader.identifier()
        return reader.text_until(",", ")")

    reader.expect("USING")
    functions = [function()]
    while reader.accept(","):
        functions.append(function())
    query = read_query(reader)
    return Query(query.text, query.at, tuple(functions))


def read_create_table_as(reader: Reader) -> Statement:
    """What follows CREATE TABLE, where AS follows later."""
    quiet, name = if_not_exists(reader), reader.name()
    comment = reader.string() if reader.accept("COMMENT") else ""
    properties: Mapping[str, Value] = reader.properties() if reader.accept("WITH") else {}
    reader.expect("AS")
    last = len(reader.tokens) - 1
    stop, with_data = last, True
    tail = [token.text.upper() for token in reader.tokens[last - 3 : last]]
    if tail[-3:] == ["WITH", "NO", "DATA"]:
        stop, with_data = last - 3, False
    elif tail[-2:] == ["WITH", "DATA"]:
        stop = last - 2
    query = read_query(reader, stop)
    reader.at = last
    return CreateTableAs(name, properties, query, with_data, quiet, comment)


def read_insert(reader: Reader) -> Statement:
    """What follows INSERT."""
    reader.expect("INTO")
    name, columns = reader.name(), tuple[str, ...]()
    if reader.sees("(") and not any(reader.sees("(", word) for word in _QUERY):
        columns = reader.listed(reader.identifier)
    return Insert(name, columns, read_query(reader))


def read_unload(reader: Reader) -> Statement:
    """What follows UNLOAD."""
    query = reader.bracketed()
    reader.expect("TO")
    to = reader.string()
    return Unload(query, to, reader.properties() if reader.accept("WITH") else {})


def read_create_view(reader: Reader, *, replace: bool) -> Statement:
    """What follows CREATE [OR REPLACE] VIEW."""
    name = reader.name()
    reader.expect("AS")
    return CreateView(name, replace, read_query(reader))


def read_drop_view(reader: Reader) -> Statement:
    """What follows DROP VIEW."""
    quiet = if_exists(reader)
    return DropView(reader.name(), quiet)


def read_explain(reader: Reader) -> Statement:
    """What follows EXPLAIN."""
    analyze, options = reader.accept("ANALYZE"), {}
    if analyze:
        reader.accept("VERBOSE")
    elif reader.sees("(", "FORMAT") or reader.sees("(", "TYPE"):

        def option() -> tuple[str, str]:
            name = reader.choose(*_FORMATS)
            return name, reader.choose(*_FORMATS[name])

        options = dict(reader.listed(option))
    return Explain(reader.query(), options, analyze)


def read_prepare(reader: Reader) -> Statement:
    """What follows PREPARE."""
    name = reader.identifier()
    reader.expect("FROM")
    return Prepare(name, reader.query())


def read_execute(reader: Reader) -> Statement:
    """What follows EXECUTE: the expressions between the commas outside of brackets."""
    name, arguments = reader.identifier(), []
    if reader.accept("USING"):
        arguments.append(reader.text_until(","))
        while reader.accept(","):
            arguments.append(reader.text_until(","))
    return Execute(name, tuple(arguments))


def read_deallocate(reader: Reader) -> Statement:
    """What follows DEALLOCATE."""
    reader.expect("PREPARE")
    return Deallocate(reader.identifier())
