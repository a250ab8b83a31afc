"""What readers of a table's files are given and give: SQL over exactly those files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from clary.errors import ClientError
from clary.tables.hive_types import HiveType


class BadDataError(ClientError):
    """A file doesn't hold what its table declares; worded as Athena words it."""


class TableFile(NamedTuple):
    """A local file, and the object that it is: `s3://bucket/key`."""

    path: str
    name: str
    size: int


class ReadColumn(NamedTuple):
    """A column that the query uses; `position` counts all columns of the table, partition keys not among them."""

    name: str
    type: HiveType
    position: int


class Relation(NamedTuple):
    """Files that are read alike.

    `sql` stands in a FROM; it has a column `file_index`, a position in `files`. `columns` is SQL over it by the name of
    the table's column.
    """

    sql: str
    files: Sequence[TableFile]
    columns: Mapping[str, str]


class Scan(NamedTuple):
    """All relations of a table, and how many bytes reading the columns in use takes."""

    relations: list[Relation]
    scanned_bytes: int
