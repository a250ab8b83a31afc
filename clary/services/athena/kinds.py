"""What Athena calls each kind of statement, and what it writes of its results."""

from __future__ import annotations

from typing import NamedTuple

from clary.sql.statements import tree

Columns = tuple[tuple[str, str], ...]

_PLAIN, _ENGINE = "binary/octet-stream", "application/octet-stream"


class Kind(NamedTuple):
    """One kind. `place` is the name of the result file, in which %s stands for the execution's id."""

    type: str
    name: str
    place: str = "%s.txt"
    columns: Columns = ()  # of a result in lines
    content_type: str = _PLAIN
    counts: bool = False  # an UpdateCount of 0 goes with its lines


def _strings(*names: str) -> Columns:
    return tuple((name, "string") for name in names)


_DESCRIBE = Kind(
    "UTILITY", "DESCRIBE_TABLE", columns=_strings("col_name", "data_type", "comment"), content_type=_ENGINE
)

# As measured at AWS by the authors of github.com/aoyagikouhei/athena-local, docs/dev/measurements.
KINDS: dict[type, Kind] = {
    tree.Query: Kind("DML", "SELECT", "%s.csv", content_type=_ENGINE, counts=True),
    tree.Insert: Kind("DML", "INSERT", "%s", content_type=_ENGINE),
    tree.Unload: Kind("DML", "UNLOAD", "%s", content_type=_ENGINE),
    tree.CreateTableAs: Kind("DDL", "CREATE_TABLE_AS_SELECT", "tables/%s", content_type=_ENGINE),
    tree.CreateView: Kind("DDL", "CREATE_VIEW"),
    tree.DropView: Kind("DDL", "DROP_VIEW"),
    tree.Prepare: Kind("UTILITY", "PREPARE"),
    tree.Deallocate: Kind("UTILITY", "DEALLOCATE"),
    tree.CreateExternalTable: Kind("DDL", "CREATE_TABLE"),
    tree.CreateDatabase: Kind("DDL", "CREATE_DATABASE"),
    tree.DropDatabase: Kind("DDL", "DROP_DATABASE"),
    tree.SetDatabaseProperties: Kind("DDL", "ALTER_DATABASE_PROPERTIES"),
    tree.DropTable: Kind("DDL", "DROP_TABLE"),
    tree.AddPartitions: Kind("DDL", "ALTER_TABLE_ADD_PARTITION"),
    tree.DropPartitions: Kind("DDL", "ALTER_TABLE_DROP_PARTITION"),
    tree.RenamePartition: Kind("DDL", "ALTER_TABLE_RENAME_PARTITION"),
    tree.AddColumns: Kind("DDL", "ALTER_TABLE_ADD_COLUMN", content_type=_ENGINE),
    tree.ReplaceColumns: Kind("DDL", "ALTER_TABLE_REPLACE_COLUMN", content_type=_ENGINE),
    tree.ChangeColumn: Kind("DDL", "ALTER_TABLE_CHANGE_COLUMN", content_type=_ENGINE),
    tree.SetTableProperties: Kind("DDL", "ALTER_TABLE_PROPERTIES"),
    tree.SetLocation: Kind("DDL", "ALTER_TABLE_SET_LOCATION"),
    tree.RepairTable: Kind("DDL", "MSCK_REPAIR", content_type=_ENGINE),
    tree.ShowDatabases: Kind("UTILITY", "SHOW_DATABASES", columns=_strings("database_name"), counts=True),
    tree.ShowTables: Kind("UTILITY", "SHOW_TABLES", columns=_strings("tab_name"), counts=True),
    tree.ShowViews: Kind("UTILITY", "SHOW_VIEWS", columns=(("views", "varchar"),), counts=True),
    tree.ShowColumns: Kind("UTILITY", "SHOW_COLUMNS", columns=_strings("field"), counts=True),
    tree.ShowPartitions: Kind("UTILITY", "SHOW_PARTITIONS", columns=_strings("partition"), counts=True),
    tree.ShowTableProperties: Kind(
        "UTILITY", "SHOW_TABLE_PROPERTIES", columns=_strings("prpt_name", "prpt_value"), counts=True
    ),
    tree.ShowCreateTable: Kind(
        "UTILITY", "SHOW_CREATE_TABLE", columns=_strings("createtab_stmt"), content_type=_ENGINE
    ),
    tree.ShowCreateView: Kind("UTILITY", "SHOW_CREATE_VIEW", columns=(("create view", "varchar"),), counts=True),
    tree.Describe: _DESCRIBE,
}

VIEW_DESCRIBED = Kind("UTILITY", "DESC_VIEW", columns=(("column", "varchar"), ("type", "varchar")), counts=True)
ROWS: Columns = (("rows", "bigint"),)
