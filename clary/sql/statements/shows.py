"""SHOW and DESCRIBE."""

from __future__ import annotations

from clary.sql.statements.hive import read_spec
from clary.sql.statements.reader import Reader
from clary.sql.statements.tree import (
    Describe,
    Name,
    ShowColumns,
    ShowCreateTable,
    ShowCreateView,
    ShowDatabases,
    ShowPartitions,
    ShowTableProperties,
    ShowTables,
    ShowViews,
    Statement,
)


def read_show(reader: Reader) -> Statement:
    """What follows SHOW."""
    if reader.accept("DATABASES") or reader.accept("SCHEMAS"):
        return ShowDatabases(reader.string() if reader.accept("LIKE") else "")
    if reader.accept("TABLES"):
        return ShowTables(_database(reader), _pattern(reader))
    if reader.accept("VIEWS"):
        return ShowViews(_database(reader), _pattern(reader))
    if reader.accept("COLUMNS"):
        reader.choose("FROM", "IN")
        name = reader.name()
        if reader.accept("FROM") or reader.accept("IN"):
            return ShowColumns(Name(name.name, reader.identifier()))
        return ShowColumns(name)
    if reader.accept("PARTITIONS"):
        name = reader.name()
        return ShowPartitions(name, read_spec(reader) if reader.accept("PARTITION") else None)
    if reader.accept("TBLPROPERTIES"):
        name, wanted = reader.name(), ""
        if reader.accept("("):
            wanted = reader.string()
            reader.expect(")")
        return ShowTableProperties(name, wanted)
    if reader.accept("CREATE"):
        return (
            ShowCreateTable(reader.name())
            if reader.choose("TABLE", "VIEW") == "TABLE"
            else ShowCreateView(reader.name())
        )
    raise reader.problem(
        "'COLUMNS'", "'CREATE'", "'DATABASES'", "'PARTITIONS'", "'SCHEMAS'", "'TABLES'", "'TBLPROPERTIES'", "'VIEWS'"
    )


def _database(reader: Reader) -> str:
    return reader.identifier() if reader.accept("IN") or reader.accept("FROM") else ""


def _pattern(reader: Reader) -> str:
    reader.accept("LIKE")
    return reader.string() if reader.next.kind == "string" else ""


def read_describe(reader: Reader) -> Statement:
    """What follows DESCRIBE or DESC."""
    style = next((word for word in ("EXTENDED", "FORMATTED") if reader.accept(word)), "")
    name, partition, column = reader.name(), None, ""
    if reader.accept("PARTITION"):
        partition = read_spec(reader)
    if reader.next.kind in ("word", "name"):
        column = reader.identifier()
    return Describe(name, style, partition, column)
