"""Data folders outlive releases: the schema changes only with its version, and older ones can be opened."""

import importlib.util
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from clary.clock import Clock
from clary.store.database import METADATA, SCHEMA_VERSION, Database
from clary.store.object_rows import NULL, Bucket
from clary.store.objects import Objects

FOLDER = Path(__file__).parent / "schemas"
TOOL = Path(__file__).parents[2] / "tools" / "write_schema.py"


def test_the_schema_is_the_one_that_its_version_names() -> None:
    specification = importlib.util.spec_from_file_location("write_schema", TOOL)
    assert specification
    assert specification.loader
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    known = (FOLDER / f"{SCHEMA_VERSION}.sql").read_text()
    assert tool.current_schema() == known, "a table has changed: see tools/write_schema.py"


@pytest.mark.parametrize("version", sorted(int(path.stem) for path in FOLDER.glob("*.sql")))
def test_a_database_of_each_version_can_be_opened(version: int, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.executescript((FOLDER / f"{version}.sql").read_text())
        connection.execute("INSERT INTO schema_version VALUES (?)", [version])
    connection.close()
    database = Database(f"sqlite:///{tmp_path}/state.db")
    with database.read() as reader:
        columns = _columns(reader)
    database.close()
    assert columns == {name: set(table.columns.keys()) for name, table in METADATA.tables.items()}


def test_objects_of_the_first_version_are_null_versions_now(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.executescript((FOLDER / "1.sql").read_text())
        connection.execute("INSERT INTO schema_version VALUES (1)")
        connection.execute("INSERT INTO buckets VALUES ('b', '000000000000', 'us-east-1', 1, '{}')")
        connection.execute("INSERT INTO objects VALUES ('b', 'k', 'id', 3, 'etag', 1, 0, '{}')")
        connection.execute("INSERT INTO parts VALUES ('id', 0, 3, 0, 'etag', 1, '{}', NULL, x'6f6c64')")
    connection.close()
    database = Database(f"sqlite:///{tmp_path}/state.db")
    objects = Objects(database, tmp_path / "objects", Clock())
    bucket, found, _ = objects.find("b", "k")
    assert bucket and found
    assert (bucket.versioning, found.version) == ("", NULL)

    def enable(bucket: Bucket) -> None:
        bucket.versioning = "Enabled"

    objects.buckets.change("b", enable)
    with objects.incoming() as incoming:
        objects.put("b", "k", incoming.finish(), {}, lambda found: None)
    with objects.open("b", "k", lambda found: (0, 3), NULL) as opened:
        assert b"".join(opened.blocks()) == b"old"
    database.close()


def test_both_engines_are_brought_from_the_first_version_to_this_one(url: str) -> None:
    database = Database(url)
    with database.write() as connection:
        before = _columns(connection)
        for name in ("versions", "outbox", "catalog_nodes"):
            connection.exec_driver_sql(f"DROP TABLE {name}")
        for table, column in (("buckets", "versioning"), ("objects", "version")):
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.exec_driver_sql("UPDATE schema_version SET version = 1")
    database.close()
    database = Database(url)
    with database.read() as connection:
        assert _columns(connection) == before
    database.close()


def _columns(connection: sa.Connection) -> dict[str, set[str]]:
    found = sa.inspect(connection)
    return {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
