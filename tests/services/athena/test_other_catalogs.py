"""Queries of data catalogs that are not the account's own Glue catalog."""

import json
import sqlite3

import pytest

from clary.jobs.host import Scope
from clary.services.athena import catalogs


@pytest.fixture
def people(lake, tmp_path):
    """A SQLite database among the objects, as a catalog."""
    with sqlite3.connect(tmp_path / "people.db") as database:
        database.execute("CREATE TABLE owners (belt INTEGER, name TEXT)")
        database.execute("INSERT INTO owners VALUES (1, 'Ada'), (2, NULL)")
    database.close()
    lake.put("people.db", (tmp_path / "people.db").read_bytes())
    name = f"people-{lake.bucket}"
    properties = json.dumps({"database": f"s3://{lake.bucket}/people.db"})
    lake.athena.create_data_catalog(
        Name=name, Type="FEDERATED", Parameters={"connection-type": "SQLITE", "connection-properties": properties}
    )
    yield name
    lake.athena.delete_data_catalog(Name=name)


def test_another_database_is_joined_with_the_lake(lake, people):
    lake.run("CREATE TABLE belts AS SELECT * FROM (VALUES (1, 20.5), (2, 30.5)) AS t(belt, temp)")
    statement = f'SELECT b.belt, o.name FROM belts b JOIN "{people}".main.owners o ON b.belt = o.belt ORDER BY 1'
    assert lake.rows(statement) == [["belt", "name"], ["1", "Ada"], ["2", None]]
    context = {"Catalog": people, "Database": "main"}
    assert lake.rows("SELECT count(*) AS n FROM owners", QueryExecutionContext=context) == [["n"], ["2"]]
    assert "SHOW_TABLES is not supported by Clary in catalog" in lake.refuse(
        "SHOW TABLES", QueryExecutionContext=context
    )
    made = lake.refuse("CREATE TABLE t AS SELECT 1 AS n", QueryExecutionContext=context)
    assert "CREATE_TABLE_AS_SELECT is not supported" in made
    missing = {"Catalog": "NoSuchCatalog", "Database": lake.database}
    assert lake.rows("SHOW TABLES", QueryExecutionContext=missing) == [["belts"]]  # as at AWS
    described = (
        f'SELECT table_schema, table_name, column_name, data_type FROM "{people}".information_schema.columns '
        "WHERE table_schema = 'main' ORDER BY ordinal_position"
    )
    assert lake.rows(described)[1:] == [["main", "owners", "belt", "bigint"], ["main", "owners", "name", "varchar"]]
    assert "TABLE_NOT_FOUND" in lake.fail(f'SELECT * FROM "{people}".main.nobody')
    assert f"Unsupported DDL in catalog {people}" in lake.fail(f"DROP TABLE `{people}`.main.owners")
    with pytest.raises(lake.athena.exceptions.InvalidRequestException, match="which can query its tables"):
        lake.athena.list_databases(CatalogName=people)


def test_a_context_whose_catalog_is_not_there_is_told_by_what_reads_or_writes_tables(lake):
    lake.run("CREATE TABLE t AS SELECT 1 AS n")
    nowhere = {"QueryExecutionContext": {"Catalog": "NoWhere", "Database": lake.database}}
    assert lake.fail("SELECT * FROM t", **nowhere) == "CATALOG_NOT_FOUND: line 1:15: Catalog 'nowhere' does not exist"
    refused = "NOT_FOUND: Session property catalog does not exist: nowhere"
    assert lake.fail("CREATE TABLE u AS SELECT 1 AS n", **nowhere) == refused
    assert lake.fail("INSERT INTO t SELECT 2", **nowhere) == refused
    assert lake.rows("SELECT 1 AS n", **nowhere) == [["n"], ["1"]]
    lake.run("CREATE VIEW v AS SELECT n FROM t", **nowhere)
    assert lake.refuse(f"DESCRIBE nowhere.{lake.database}.t") == "Catalog 'nowhere' does not exist"
    assert "EntityNotFoundException" in lake.refuse("DESCRIBE nope", **nowhere)
    assert lake.lines("DESCRIBE t")
    assert lake.rows(f"SELECT n FROM awsdatacatalog.{lake.database}.v", **nowhere) == [["n"], ["1"]]


def test_a_database_that_is_not_there_is_named(lake):
    assert lake.fail("SELECT * FROM nobody.t") == "SCHEMA_NOT_FOUND: line 1:15: Schema 'nobody' does not exist"
    context = {"Database": "nobody"}
    assert lake.rows("SELECT 1 AS n", QueryExecutionContext=context) == [["n"], ["1"]]
    assert "Schema 'nobody' does not exist" in lake.fail("SELECT * FROM t", QueryExecutionContext=context)


def test_a_second_name_for_the_glue_catalog(lake):
    lake.run("CREATE TABLE t AS SELECT 1 AS n")
    name = f"mine_{lake.database}"
    lake.athena.create_data_catalog(Name=name, Type="GLUE", Parameters={"catalog-id": "000000000000"})
    assert lake.rows(f"SELECT n FROM {name}.{lake.database}.t") == [["n"], ["1"]]
    assert "t" in lake.lines(f"SHOW TABLES IN {lake.database}")


def test_a_glue_connection_says_where_a_database_is(server, athena, lake):
    name = f"jdbc-{lake.bucket}"
    properties = {"JDBC_CONNECTION_URL": "jdbc:postgresql://10.0.0.1:5433/shop", "USERNAME": "u", "PASSWORD": "p@s"}
    lake.glue.create_connection(
        ConnectionInput={"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": properties}
    )
    arn = f"arn:aws:glue:us-east-1:000000000000:connection/{name}"
    athena.create_data_catalog(Name=name, Type="FEDERATED", Parameters={"connection-arn": arn})
    found = catalogs.federated(server.house.rooms, Scope("000000000000", "us-east-1"), name)
    assert found == {"kind": "postgresql", "url": "postgresql://u:p%40s@10.0.0.1:5433/shop"}
    athena.delete_data_catalog(Name=name)


def test_the_catalog_is_told_as_tables(lake):
    lake.run("CREATE TABLE t AS SELECT 1 AS n, 'x' AS name")
    lake.run("CREATE VIEW v AS SELECT n FROM t")
    told = f"FROM information_schema.columns WHERE table_schema = '{lake.database}' ORDER BY 1, 2"
    assert lake.rows(f"SELECT table_name, column_name, data_type {told}")[1:] == [
        ["t", "n", "integer"],
        ["t", "name", "varchar(1)"],
        ["v", "n", "integer"],
    ]
    assert [lake.database] in lake.rows("SELECT schema_name FROM information_schema.schemata")
    refused = lake.fail("CREATE VIEW w AS SELECT table_name FROM information_schema.tables")
    assert refused == "NOT_SUPPORTED: line 1:1: A view can't be made on information_schema"
