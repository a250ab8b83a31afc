"""What a statement says: one class a kind of statement. Names are lower case, as Athena has them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

Value = str | int | float | bool | tuple[str, ...]


class Name(msgspec.Struct, frozen=True):
    """A table, a view or a database; what was not said is ""."""

    name: str
    database: str = ""
    catalog: str = ""

    def __str__(self) -> str:
        return ".".join(part for part in (self.catalog, self.database, self.name) if part)


class Function(msgspec.Struct, frozen=True):
    """EXTERNAL FUNCTION name(argument type, ...) RETURNS type LAMBDA 'function': types as they were written."""

    name: str
    arguments: tuple[str, ...]
    result: str
    function: str


class Query(msgspec.Struct, frozen=True):
    """A query: its text, where that begins in the statement, and the functions that USING declares before it."""

    text: str
    at: int
    functions: tuple[Function, ...] = ()


class CreateTableAs(msgspec.Struct, frozen=True):
    """CREATE TABLE ... AS; properties by lower-case name."""

    name: Name
    properties: Mapping[str, Value]
    query: Query
    with_data: bool
    if_not_exists: bool = False
    comment: str = ""


class Insert(msgspec.Struct, frozen=True):
    """INSERT INTO; no columns where none were named."""

    name: Name
    columns: tuple[str, ...]
    query: Query


class Unload(msgspec.Struct, frozen=True):
    """UNLOAD (query) TO 's3://...'."""

    query: Query
    to: str
    properties: Mapping[str, Value]


class CreateView(msgspec.Struct, frozen=True):
    """CREATE [OR REPLACE] VIEW."""

    name: Name
    replace: bool
    query: Query


class DropView(msgspec.Struct, frozen=True):
    """DROP VIEW."""

    name: Name
    if_exists: bool


class Explain(msgspec.Struct, frozen=True):
    """EXPLAIN; options in upper case by upper-case name (FORMAT, TYPE)."""

    statement: Query
    options: Mapping[str, str]
    analyze: bool = False


class Prepare(msgspec.Struct, frozen=True):
    """PREPARE name FROM statement."""

    name: str
    statement: Query


class Execute(msgspec.Struct, frozen=True):
    """EXECUTE name USING expressions."""

    name: str
    arguments: tuple[str, ...]


class Deallocate(msgspec.Struct, frozen=True):
    """DEALLOCATE PREPARE name."""

    name: str


class Column(msgspec.Struct, frozen=True):
    """A column with its Hive type as it was written, and where that stands."""

    name: str
    type: str
    comment: str = ""
    at: int = 0


class Delimited(msgspec.Struct, frozen=True):
    """ROW FORMAT DELIMITED: the delimiters by SerDe property (field.delim, line.delim, ...)."""

    delimiters: Mapping[str, str]


class Serde(msgspec.Struct, frozen=True):
    """ROW FORMAT SERDE 'class' WITH SERDEPROPERTIES (...)."""

    library: str
    properties: Mapping[str, str]


class CreateExternalTable(msgspec.Struct, frozen=True):
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


class CreateDatabase(msgspec.Struct, frozen=True):
    """CREATE DATABASE | SCHEMA."""

    name: str
    if_not_exists: bool
    comment: str
    location: str
    properties: Mapping[str, str]


class DropDatabase(msgspec.Struct, frozen=True):
    """DROP DATABASE | SCHEMA."""

    name: str
    if_exists: bool
    cascade: bool


class SetDatabaseProperties(msgspec.Struct, frozen=True):
    """ALTER DATABASE | SCHEMA name SET DBPROPERTIES."""

    name: str
    properties: Mapping[str, str]


class DropTable(msgspec.Struct, frozen=True):
    """DROP TABLE."""

    name: Name
    if_exists: bool


Spec = Mapping[str, str]  # one partition: value by the lower-case name of its column


class AddPartitions(msgspec.Struct, frozen=True):
    """ALTER TABLE ADD PARTITION: each with its location, or ""."""

    name: Name
    partitions: tuple[tuple[Spec, str], ...]
    if_not_exists: bool


class DropPartitions(msgspec.Struct, frozen=True):
    """ALTER TABLE DROP PARTITION."""

    name: Name
    partitions: tuple[Spec, ...]
    if_exists: bool


class RenamePartition(msgspec.Struct, frozen=True):
    """ALTER TABLE PARTITION (...) RENAME TO PARTITION (...)."""

    name: Name
    old: Spec
    new: Spec


class AddColumns(msgspec.Struct, frozen=True):
    """ALTER TABLE ADD COLUMNS."""

    name: Name
    columns: tuple[Column, ...]
    partition: Spec | None = None


class ReplaceColumns(msgspec.Struct, frozen=True):
    """ALTER TABLE REPLACE COLUMNS."""

    name: Name
    columns: tuple[Column, ...]
    partition: Spec | None = None


class ChangeColumn(msgspec.Struct, frozen=True):
    """ALTER TABLE CHANGE COLUMN; `after` is a column, "" for the first place, None to leave it where it is."""

    name: Name
    old: str
    column: Column
    after: str | None


class SetTableProperties(msgspec.Struct, frozen=True):
    """ALTER TABLE SET TBLPROPERTIES."""

    name: Name
    properties: Mapping[str, str]


class SetLocation(msgspec.Struct, frozen=True):
    """ALTER TABLE [PARTITION (...)] SET LOCATION."""

    name: Name
    partition: Spec | None
    location: str


class RepairTable(msgspec.Struct, frozen=True):
    """MSCK REPAIR TABLE."""

    name: Name


class ShowDatabases(msgspec.Struct, frozen=True):
    """SHOW DATABASES | SCHEMAS [LIKE pattern]."""

    pattern: str


class ShowTables(msgspec.Struct, frozen=True):
    """SHOW TABLES [IN database] ['pattern']."""

    database: str
    pattern: str


class ShowViews(msgspec.Struct, frozen=True):
    """SHOW VIEWS [IN database] [LIKE 'pattern']."""

    database: str
    pattern: str


class ShowColumns(msgspec.Struct, frozen=True):
    """SHOW COLUMNS IN table."""

    name: Name


class ShowPartitions(msgspec.Struct, frozen=True):
    """SHOW PARTITIONS table."""

    name: Name
    partition: Spec | None = None


class ShowTableProperties(msgspec.Struct, frozen=True):
    """SHOW TBLPROPERTIES table [('name')]."""

    name: Name
    property: str


class ShowCreateTable(msgspec.Struct, frozen=True):
    """SHOW CREATE TABLE."""

    name: Name


class ShowCreateView(msgspec.Struct, frozen=True):
    """SHOW CREATE VIEW."""

    name: Name


class Describe(msgspec.Struct, frozen=True):
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
