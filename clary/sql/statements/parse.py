"""The text of a statement -> what it says."""

from __future__ import annotations

import re
from collections.abc import Callable

from clary.sql.statements import hive, queries, shows
from clary.sql.statements.errors import SeveralStatements, UnsupportedStatement
from clary.sql.statements.reader import Reader
from clary.sql.statements.tokens import tokenize
from clary.sql.statements.tree import Statement

# What is written in Hive's words: names in backticks, strings in either quote.
_HIVE = re.compile(
    r"CREATE EXTERNAL\b|(CREATE|DROP) (DATABASE|SCHEMA)\b|DROP TABLE\b|(ALTER|MSCK|DESC|DESCRIBE)\b"
    r"|SHOW\b(?! CREATE VIEW\b)"
)
# A table of Iceberg: its columns are written in Hive's words, too.
_COLUMNS = re.compile(r"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[\w.`-]+\s*\(", re.IGNORECASE)
_WORD = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*+([A-Za-z]*)", re.DOTALL)
_ICEBERG = ("MERGE", "DELETE", "UPDATE", "OPTIMIZE", "VACUUM", "TRUNCATE")
_NEVER = (
    *("ANALYZE", "CALL", "COMMENT", "COMMIT", "DENY", "EXPORT", "GRANT", "IMPORT", "LOAD", "LOCK", "REFRESH"),
    *("RESET", "REVOKE", "ROLLBACK", "SET", "START", "UNLOCK", "USE"),
)


def parse(text: str) -> Statement:
    """What one statement says; StatementError, SeveralStatements or UnsupportedStatement, all of them ClientError."""
    reader = _one_statement(text)
    first = reader.next
    word = first.text.upper() if first.kind in ("word", "sign") else ""
    if word in ("SELECT", "WITH", "VALUES", "TABLE", "("):
        return queries.read_query(reader)
    if word == "USING":
        return queries.read_function_query(reader)
    if word in _ICEBERG:
        raise UnsupportedStatement(
            f"NOT_SUPPORTED: {word} is a statement for Iceberg tables, which Clary does not have."
        )
    if word in _NEVER:
        raise UnsupportedStatement(f"Queries of this type are not supported: {word}")
    if word not in _READERS:
        raise reader.problem(*(f"'{known}'" for known in sorted(_READERS)), "<query>")
    reader.at += 1
    statement = _READERS[word](reader)
    reader.end()
    return statement


def count_parameters(text: str) -> int:
    """How many question marks of a statement stand for parameters."""
    return sum(token.text == "?" for token in tokenize(text, hive=False) if token.kind == "sign")


def is_hive(text: str) -> bool:
    """Whether a statement is written in Hive's words, which Trino's engine never sees."""
    words, at = [], 0
    for _ in range(3):
        found = _WORD.match(text, at)
        assert found
        words.append(found.group(1).upper())
        at = found.end()
    return _HIVE.match(" ".join(words)) is not None or _COLUMNS.match(text) is not None


def _one_statement(text: str) -> Reader:
    reader = Reader(text, hive=is_hive(text))
    ends = [number for number, token in enumerate(reader.tokens) if token.kind == "sign" and token.text == ";"]
    if ends:
        if any(token.text not in (";", "") or token.kind == "string" for token in reader.tokens[ends[0] :]):
            raise SeveralStatements(text)
        reader.tokens = [*reader.tokens[: ends[0]], reader.tokens[-1]]
    return reader


def _read_create(reader: Reader) -> Statement:
    if reader.accept("EXTERNAL", "TABLE"):
        return hive.read_create_table(reader)
    if reader.accept("OR", "REPLACE"):
        reader.expect("VIEW")
        return queries.read_create_view(reader, replace=True)
    word = reader.choose("DATABASE", "EXTERNAL", "OR", "SCHEMA", "TABLE", "VIEW")
    if word in ("DATABASE", "SCHEMA"):
        return hive.read_create_database(reader)
    if word == "VIEW":
        return queries.read_create_view(reader, replace=False)
    if word == "TABLE":
        return _read_plain_table(reader)
    raise reader.problem("'TABLE'" if word == "EXTERNAL" else "'REPLACE'")


def _read_plain_table(reader: Reader) -> Statement:
    before = reader.at
    hive.if_not_exists(reader)
    reader.name()
    if reader.sees("("):
        raise UnsupportedStatement(
            "NOT_SUPPORTED: CREATE TABLE with columns makes an Iceberg table, which Clary does not have; "
            "CREATE EXTERNAL TABLE makes one over files, CREATE TABLE ... AS one of a query's rows."
        )
    reader.at = before
    return queries.read_create_table_as(reader)


def _read_drop(reader: Reader) -> Statement:
    word = reader.choose("DATABASE", "SCHEMA", "TABLE", "VIEW")
    readers = {"TABLE": hive.read_drop_table, "VIEW": queries.read_drop_view}
    return readers.get(word, hive.read_drop_database)(reader)


def _read_alter(reader: Reader) -> Statement:
    word = reader.choose("DATABASE", "SCHEMA", "TABLE")
    return hive.read_alter_table(reader) if word == "TABLE" else hive.read_alter_database(reader)


_READERS: dict[str, Callable[[Reader], Statement]] = {
    "ALTER": _read_alter,
    "CREATE": _read_create,
    "DEALLOCATE": queries.read_deallocate,
    "DESC": shows.read_describe,
    "DESCRIBE": shows.read_describe,
    "DROP": _read_drop,
    "EXECUTE": queries.read_execute,
    "EXPLAIN": queries.read_explain,
    "INSERT": queries.read_insert,
    "MSCK": hive.read_repair,
    "PREPARE": queries.read_prepare,
    "SHOW": shows.read_show,
    "UNLOAD": queries.read_unload,
}
