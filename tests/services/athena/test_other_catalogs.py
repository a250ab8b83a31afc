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
    assert "TABLE_NOT_FOUND" in lake.fail(f'SELECT * FROM "{people}".main.nobody')
    assert f"Unsupported DDL in catalog {people}" in lake.fail(f"DROP TABLE `{people}`.main.owners")
    with pytest.raises(lake.athena.exceptions.InvalidRequestException, match="which can query its tables"):
        lake.athena.list_databases(CatalogName=people)


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
