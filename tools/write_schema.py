"""Write the state database's schema of today to tests/store/schemas/<version>.sql.

Run it after a change of a table: before a version is released its file is written anew; afterwards raise SCHEMA_VERSION
and add a migration to MIGRATIONS first (clary/store/database.py), so that a new file appears beside the old.
"""

from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

import clary.store.tables  # noqa: F401 - declares every table
from clary.store.database import METADATA, SCHEMA_VERSION

FOLDER = Path(__file__).parents[1] / "tests" / "store" / "schemas"


def current_schema() -> str:
    """The statements that create every table and index, in SQLite's words."""
    dialect = sqlite.dialect()
    statements = []
    for table in METADATA.sorted_tables:
        statements.append(CreateTable(table).compile(dialect=dialect))
        statements += [CreateIndex(index).compile(dialect=dialect) for index in sorted(table.indexes, key=str)]
    lines = "\n".join(f"{str(statement).strip()};\n" for statement in statements).splitlines()
    return "\n".join(line.replace("\t", "    ").rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{SCHEMA_VERSION}.sql").write_text(current_schema())
