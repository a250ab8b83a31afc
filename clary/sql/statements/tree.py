"""What a statement says: one class a kind of statement. Names are lower case, as Athena has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A table, a view or a database; what was not said is ""."""

    name: str
    database: str = ""
    catalog: str = ""

    def __str__(self) -> str:
        return ".".join(part for part in (self.catalog, self.database, self.name) if part)


@dataclass(frozen=True, slots=True)
class Function:
    """EXTERNAL FUNCTION name(argument type, ...) RETURNS type LAMBDA 'function': types as they were written."""

    name: str
    arguments: tuple[str, ...]
    result: str
    function: str


@dataclass(frozen=True, slots=True)
class Query:
    """A query: its text, where that begins in the statement, and the functions that USING declares before it."""

    text: str
    at: int
    functions: tuple[Function, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateTableAs:
    """CREATE TABLE ... AS; properties by lower-case name."""

    name: Name
    properties: Mapping[str, Value]
    query: Query
    with_data: bool
    if_not_exists: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT INTO; no columns where none were named."""

    name: Name
    columns: tuple[str, ...]
    query: Query


@dataclass(frozen=True, slots=True)
class Unload:
    """UNLOAD (query) TO 's3://...'."""

    query: Query
    to: str
    properties: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class CreateView:
    """CREATE [OR REPLACE] VIEW."""

    name: Name
    replace: bool
    query: Query


@dataclass(frozen=True, slots=True)
class DropView:
    """DROP VIEW."""

    name: Name
    if_exists: bool


@dataclass(frozen=True, slots=True)
class Explain:
    """EXPLAIN; options in upper case by upper-case name (FORMAT, TYPE)."""

    statement: Query
    options: Mapping[str, str]
    analyze: bool = False


@dataclass(frozen=True, slots=True)
class Prepare:
    """PREPARE name FROM statement."""

    name: str
    statement: Query


@dataclass(frozen=True, slots=True)
class Execute:
    """EXECUTE name USING expressions."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deallocate:
    """DEALLOCATE PREPARE name."""

    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its Hive type as it was written, and where that stands."""

    name: str
    type: str
    comment: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class Delimited:
    """ROW FORMAT DELIMITED: the delimiters by SerDe property (field.delim, line.delim, ...)."""

    delimiters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Serde:
    """ROW FORMAT SERDE 'class' WITH SERDEPROPERTIES (...)."""

    library: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CreateExternalTable:
    """CREATE EXTERNAL TABLE; what was not said is empty."""

    name: Name
    columns: tuple[Column, ...]
    partitions: tuple[Column, ...] = ()
    if_not_exists: bool = False
    comment: str = ""
    bucketed_by: tuple[str, ...] = ()
    sorted_by: tuple[tuple[str, bool], ...] = ()  # column, ascending
    bucket_count: int = 0
    row_format: Delimited | Serde | None = None
    stored_as: str = ""  # upper case; "" where the formats stand in the next two, or nowhere
    input_format: str = ""
    output_format: str = ""
    location: str = ""
    properties: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """CREATE DATABASE | SCHEMA."""

    name: str
    if_not_exists: bool
    comment: str
    location: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DropDatabase:
    """DROP DATABASE | SCHEMA."""

    name: str
    if_exists: bool
    cascade: bool


@dataclass(frozen=True, slots=True)
class SetDatabaseProperties:
    """ALTER DATABASE | SCHEMA name SET DBPROPERTIES."""

    name: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DropTable:
    """DROP TABLE."""

    name: Name
    if_exists: bool


Spec = Mapping[str, str]  # one partition: value by the lower-case name of its column


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """ALTER TABLE ADD PARTITION: each with its location, or ""."""

    name: Name
    partitions: tuple[tuple[Spec, str], ...]
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class DropPartitions:
    """ALTER TABLE DROP PARTITION."""

    name: Name
    partitions: tuple[Spec, ...]
    if_exists: bool


@dataclass(frozen=True, slots=True)
class RenamePartition:
    """ALTER TABLE PARTITION (...) RENAME TO PARTITION (...)."""

    name: Name
    old: Spec
    new: Spec


@dataclass(frozen=True, slots=True)
class AddColumns:
    """ALTER TABLE ADD COLUMNS."""

    name: Name
    columns: tuple[Column, ...]
    partition: Spec | None = None


@dataclass(frozen=True, slots=True)
class ReplaceColumns:
    """ALTER TABLE REPLACE COLUMNS."""

    name: Name
    columns: tuple[Column, ...]
    partition: Spec | None = None


@dataclass(frozen=True, slots=True)
class ChangeColumn:
    """ALTER TABLE CHANGE COLUMN; `after` is a column, "" for the first place, None to leave it where it is."""

    name: Name
    old: str
    column: Column
    after: str | None


@dataclass(frozen=True, slots=True)
class SetTableProperties:
    """ALTER TABLE SET TBLPROPERTIES."""

    name: Name
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SetLocation:
    """ALTER TABLE [PARTITION (...)] SET LOCATION."""

    name: Name
    partition: Spec | None
    location: str


@dataclass(frozen=True, slots=True)
class RepairTable:
    """MSCK REPAIR TABLE."""

    name: Name


@dataclass(frozen=True, slots=True)
class ShowDatabases:
    """SHOW DATABASES | SCHEMAS [LIKE pattern]."""

    pattern: str


@dataclass(frozen=True, slots=True)
class ShowTables:
    """SHOW TABLES [IN database] ['pattern']."""

    database: str
    pattern: str


@dataclass(frozen=True, slots=True)
class ShowViews:
    """SHOW VIEWS [IN database] [LIKE 'pattern']."""

    database: str
    pattern: str


@dataclass(frozen=True, slots=True)
class ShowColumns:
    """SHOW COLUMNS IN table."""

    name: Name


@dataclass(frozen=True, slots=True)
class ShowPartitions:
    """SHOW PARTITIONS table."""

    name: Name
    partition: Spec | None = None


@dataclass(frozen=True, slots=True)
class ShowTableProperties:
    """SHOW TBLPROPERTIES table [('name')]."""

    name: Name
    property: str


@dataclass(frozen=True, slots=True)
class ShowCreateTable:
    """SHOW CREATE TABLE."""

    name: Name


@dataclass(frozen=True, slots=True)
class ShowCreateView:
    """SHOW CREATE VIEW."""

    name: Name


@dataclass(frozen=True, slots=True)
class Describe:
    """DESCRIBE [EXTENDED | FORMATTED] table [PARTITION (...)] [column]."""

    name: Name
    style: str  # "", "EXTENDED", "FORMATTED"
    partition: Spec | None
    column: str


Statement = (
    Query
    | CreateTableAs
    | Insert
    | Unload
    | CreateView
    | DropView
    | Explain
    | Prepare
    | Execute
    | Deallocate
    | CreateExternalTable
    | CreateDatabase
    | DropDatabase
    | SetDatabaseProperties
    | DropTable
    | AddPartitions
    | DropPartitions
    | RenamePartition
    | AddColumns
    | ReplaceColumns
    | ChangeColumn
    | SetTableProperties
    | SetLocation
    | RepairTable
    | ShowDatabases
    | ShowTables
    | ShowViews
    | ShowColumns
    | ShowPartitions
    | ShowTableProperties
    | ShowCreateTable
    | ShowCreateView
    | Describe
)
