"""What the catalog's record of a table says: its columns with their types, a view's query."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from clary.errors import ClientError
from clary.queries.errors import QueryError
from clary.queries.information import VIRTUAL_VIEW, Described
from clary.sql.types import hive_to_trino
from clary.tables.hive_types import HiveType, parse_hive_type

_PRESTO_VIEW = re.compile(r"/\*\s*Presto View:\s*([A-Za-z0-9+/=]+)\s*\*/")
_PARTITION_KEY = "partition key"


def typed_columns(table: dict[str, Any]) -> list[tuple[str, HiveType]]:
    """All columns of a Glue table, partition keys last."""
    return data_columns(table) + key_columns(table)


def data_columns(table: dict[str, Any]) -> list[tuple[str, HiveType]]:
    """Those that lie in the files."""
    return _typed(table, table.get("StorageDescriptor", {}).get("Columns"))


def key_columns(table: dict[str, Any]) -> list[tuple[str, HiveType]]:
    """The partition keys, which the folders tell."""
    return _typed(table, table.get("PartitionKeys"))


def _typed(table: dict[str, Any], columns: list[dict[str, Any]] | None) -> list[tuple[str, HiveType]]:
    return [(column["Name"].lower(), column_type(table, column)) for column in columns or []]


def column_type(table: dict[str, Any], column: dict[str, Any]) -> HiveType:
    """The type of a column of a table or of its partitions."""
    try:
        return parse_hive_type(column.get("Type", "string"))
    except ClientError as problem:
        shown = f"{table.get('DatabaseName', '')}.{table['Name']}"
        raise QueryError(
            f"HIVE_INVALID_METADATA: Glue table '{shown}' column '{column['Name']}' has invalid data type: {problem}"
        ) from None


def is_view(table: dict[str, Any]) -> bool:
    """Whether it is a view."""
    return table.get("TableType") == VIRTUAL_VIEW


def view_text(table: dict[str, Any]) -> str:
    """The query of a view, which Athena keeps as JSON in base64 in a comment."""
    text: str = table.get("ViewOriginalText") or table.get("ViewExpandedText") or ""
    match = _PRESTO_VIEW.search(text)
    if match is None:
        return text
    try:
        return str(msgspec.json.decode(base64.b64decode(match[1]))["originalSql"])
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        raise QueryError(f"HIVE_INVALID_VIEW_DATA: Invalid view JSON: {text[:100]}") from None


def described(table: dict[str, Any]) -> Described:
    """A table for information_schema; what can't be read of it is left out, as Trino leaves it out."""
    columns = []
    for part, extra in (("StorageDescriptor", None), ("PartitionKeys", _PARTITION_KEY)):
        rows = table.get(part) or []
        for column in rows.get("Columns") or [] if isinstance(rows, dict) else rows:
            try:
                kind = hive_to_trino(column_type(table, column))
            except QueryError:
                continue
            columns.append((column["Name"].lower(), kind, column.get("Comment"), extra))
    return Described(table["Name"], columns, _view(table) if is_view(table) else None)


def _view(table: dict[str, Any]) -> str:
    try:
        return view_text(table)
    except QueryError:
        return ""
