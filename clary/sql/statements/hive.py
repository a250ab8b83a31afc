"""Hive's statements, as Athena takes them: databases, external tables, partitions, columns."""

from __future__ import annotations

from typing import Any

from clary.sql.statements.errors import StatementError, UnsupportedStatement
from clary.sql.statements.reader import Reader
from clary.sql.statements.tree import (
    AddColumns,
    AddPartitions,
    ChangeColumn,
    Column,
    CreateDatabase,
    CreateExternalTable,
    Delimited,
    DropDatabase,
    DropPartitions,
    DropTable,
    RenamePartition,
    RepairTable,
    ReplaceColumns,
    Serde,
    SetDatabaseProperties,
    SetLocation,
    SetTableProperties,
    Spec,
    Statement,
)


def if_exists(reader: Reader) -> bool:
    """Whether IF EXISTS comes next, which is taken."""
    return reader.accept("IF", "EXISTS")


def if_not_exists(reader: Reader) -> bool:
    """Whether IF NOT EXISTS comes next, which is taken."""
    return reader.accept("IF", "NOT", "EXISTS")


def read_create_database(reader: Reader) -> Statement:
    """What follows CREATE DATABASE."""
    quiet, name = if_not_exists(reader), reader.identifier()
    comment = reader.string() if reader.accept("COMMENT") else ""
    location = reader.string() if reader.accept("LOCATION") else ""
    properties = reader.strings() if reader.accept("WITH", "DBPROPERTIES") else {}
    return CreateDatabase(name, quiet, comment, location, properties)


def read_drop_database(reader: Reader) -> Statement:
    """What follows DROP DATABASE."""
    quiet, name = if_exists(reader), reader.identifier()
    cascade = reader.accept("CASCADE")
    if not cascade:
        reader.accept("RESTRICT")
    return DropDatabase(name, quiet, cascade)


def read_alter_database(reader: Reader) -> Statement:
    """What follows ALTER DATABASE."""
    name = reader.identifier()
    reader.expect("SET", "DBPROPERTIES")
    return SetDatabaseProperties(name, reader.strings())


def read_drop_table(reader: Reader) -> Statement:
    """What follows DROP TABLE; PURGE changes nothing, as Athena deletes no data."""
    quiet, name = if_exists(reader), reader.name()
    reader.accept("PURGE")
    return DropTable(name, quiet)


def read_repair(reader: Reader) -> Statement:
    """What follows MSCK."""
    reader.expect("REPAIR", "TABLE")
    return RepairTable(reader.name())


def read_create_table(reader: Reader) -> Statement:
    """What follows CREATE EXTERNAL TABLE."""
    quiet, name = if_not_exists(reader), reader.name()
    columns = reader.listed(lambda: _column(reader)) if reader.sees("(") else ()
    found: dict[str, Any] = {}
    while reader.next.kind != "end":
        start = reader.next
        more = _table_clause(reader)
        for key in more.keys() & found.keys():
            raise StatementError(reader.text, start.at, f"{key.replace('_', ' ').upper()} is given twice")
        found |= more
    return CreateExternalTable(name, columns, if_not_exists=quiet, **found)


def _table_clause(reader: Reader) -> dict[str, Any]:
    if reader.accept("COMMENT"):
        return {"comment": reader.string()}
    if reader.accept("PARTITIONED", "BY"):
        return {"partitions": reader.listed(lambda: _column(reader))}
    if reader.accept("CLUSTERED", "BY"):
        return _buckets(reader)
    if reader.accept("ROW", "FORMAT"):
        return {"row_format": _row_format(reader)}
    if reader.accept("WITH", "SERDEPROPERTIES"):
        raise reader.problem("'ROW FORMAT SERDE' before 'WITH SERDEPROPERTIES'", token=reader.tokens[reader.at - 2])
    if reader.accept("STORED", "AS"):
        return _stored(reader)
    if reader.accept("LOCATION"):
        return {"location": reader.string()}
    if reader.accept("TBLPROPERTIES"):
        return {"properties": reader.strings()}
    raise reader.problem(
        *("'COMMENT'", "'PARTITIONED'", "'CLUSTERED'", "'ROW'", "'STORED'", "'LOCATION'", "'TBLPROPERTIES'", "<EOF>")
    )


def _buckets(reader: Reader) -> dict[str, Any]:
    def ordered() -> tuple[str, bool]:
        column = reader.identifier()
        descending = reader.accept("DESC")
        if not descending:
            reader.accept("ASC")
        return column, not descending

    found: dict[str, Any] = {"bucketed_by": reader.listed(reader.identifier)}
    if reader.accept("SORTED", "BY"):
        found["sorted_by"] = reader.listed(ordered)
    reader.expect("INTO")
    found["bucket_count"] = reader.number()
    reader.expect("BUCKETS")
    return found


def _row_format(reader: Reader) -> Delimited | Serde:
    if reader.choose("DELIMITED", "SERDE") == "SERDE":
        library = reader.string()
        properties = reader.strings() if reader.accept("WITH", "SERDEPROPERTIES") else {}
        return Serde(library, properties)
    found: dict[str, str] = {}
    while True:
        if reader.accept("FIELDS", "TERMINATED", "BY"):
            found["field.delim"] = found["serialization.format"] = reader.string()
            if reader.accept("ESCAPED", "BY"):
                found["escape.delim"] = reader.string()
        elif reader.accept("COLLECTION", "ITEMS", "TERMINATED", "BY"):
            # Hive's own misspelling, which its SerDe reads.
            found["colelction.delim"] = reader.string()
        elif reader.accept("MAP", "KEYS", "TERMINATED", "BY"):
            found["mapkey.delim"] = reader.string()
        elif reader.accept("LINES", "TERMINATED", "BY"):
            found["line.delim"] = reader.string()
        elif reader.accept("NULL", "DEFINED", "AS"):
            found["serialization.null.format"] = reader.string()
        else:
            return Delimited(found)


def _stored(reader: Reader) -> dict[str, Any]:
    if not reader.accept("INPUTFORMAT"):
        return {"stored_as": reader.identifier().upper()}
    found = {"input_format": reader.string()}
    reader.expect("OUTPUTFORMAT")
    return {**found, "output_format": reader.string()}


def _column(reader: Reader) -> Column:
    at, name = reader.next.at, reader.identifier()
    reader.accept(":")  # Hive lets a colon stand before the type
    hive_type = reader.type_text()
    return Column(name, hive_type, reader.string() if reader.accept("COMMENT") else "", at)


def read_spec(reader: Reader) -> Spec:
    """(column = 'value', ...); values are strings or numbers."""

    def pair() -> tuple[str, str]:
        column = reader.identifier()
        reader.expect("=")
        if reader.next.kind == "string":
            return column, reader.string()
        sign = "-" if reader.accept("-") else ""
        token = reader.next
        if token.kind != "word":
            raise reader.problem("<string>", "<number>")
        reader.at += 1
        return column, sign + token.text

    first, pairs = reader.next, reader.listed(pair)
    spec = dict(pairs)
    if len(spec) < len(pairs):
        raise StatementError(reader.text, first.at, "a partition column is given twice")
    return spec


def read_alter_table(reader: Reader) -> Statement:
    """What follows ALTER TABLE."""
    name = reader.name()
    if reader.accept("ADD"):
        return _add(reader, name)
    if reader.accept("DROP"):
        if reader.sees("COLUMN"):
            raise reader.problem("'PARTITION'")
        quiet, specs = if_exists(reader), list[Spec]()
        while not specs or reader.accept(","):
            reader.expect("PARTITION")
            specs.append(read_spec(reader))
        reader.accept("PURGE")
        return DropPartitions(name, tuple(specs), quiet)
    if reader.accept("RENAME"):
        raise UnsupportedStatement("Table cannot be renamed: ALTER TABLE RENAME TO is not supported.")
    if reader.accept("SET"):
        return _set(reader, name, None)
    if reader.accept("REPLACE", "COLUMNS"):
        return ReplaceColumns(name, reader.listed(lambda: _column(reader)))
    if reader.accept("CHANGE"):
        return _change(reader, name)
    if reader.accept("PARTITION"):
        return _alter_partition(reader, name)
    raise reader.problem("'ADD'", "'CHANGE'", "'DROP'", "'PARTITION'", "'RENAME'", "'REPLACE'", "'SET'")


def _add(reader: Reader, name: Any) -> Statement:
    if reader.accept("COLUMNS"):
        return AddColumns(name, reader.listed(lambda: _column(reader)))
    quiet, partitions = if_not_exists(reader), []
    if not reader.sees("PARTITION"):
        raise reader.problem("'COLUMNS'", "'PARTITION'")
    while reader.accept("PARTITION"):
        spec = read_spec(reader)
        partitions.append((spec, reader.string() if reader.accept("LOCATION") else ""))
        reader.accept(",")
    return AddPartitions(name, tuple(partitions), quiet)


def _set(reader: Reader, name: Any, partition: Spec | None) -> Statement:
    if partition is None and reader.accept("TBLPROPERTIES"):
        return SetTableProperties(name, reader.strings())
    reader.expect("LOCATION")
    return SetLocation(name, partition, reader.string())


def _change(reader: Reader, name: Any) -> Statement:
    reader.accept("COLUMN")
    old, column, after = reader.identifier(), _column(reader), None
    if reader.accept("FIRST"):
        after = ""
    elif reader.accept("AFTER"):
        after = reader.identifier()
    return ChangeColumn(name, old, column, after)


def _alter_partition(reader: Reader, name: Any) -> Statement:
    spec = read_spec(reader)
    if reader.accept("RENAME", "TO", "PARTITION"):
        return RenamePartition(name, spec, read_spec(reader))
    if reader.accept("SET"):
        return _set(reader, name, spec)
    if reader.accept("ADD", "COLUMNS"):
        return AddColumns(name, reader.listed(lambda: _column(reader)), spec)
    if reader.accept("REPLACE", "COLUMNS"):
        return ReplaceColumns(name, reader.listed(lambda: _column(reader)), spec)
    raise reader.problem("'ADD'", "'RENAME'", "'REPLACE'", "'SET'")
