"""Crawlers of relational databases: a real PostgreSQL."""

import psycopg
import pytest


@pytest.fixture
def shop(glue, lake, postgres_server):
    """A schema of the test's own, by a connection; `shop(sql)` runs a statement in it."""
    schema = lake.name.replace("-", "_")

    def run(statement):
        options = f"-c search_path={schema}"
        with psycopg.connect(
            host=postgres_server.folder, port=postgres_server.port, user="clary", dbname="postgres", options=options
        ) as made:
            made.execute(statement)

    run(f"CREATE SCHEMA {schema}")
    connection = {"Name": schema, "ConnectionType": "JDBC", "ConnectionProperties": postgres_server.connection()}
    glue.create_connection(ConnectionInput=connection)
    run.name = schema
    yield run
    run(f"DROP SCHEMA {schema} CASCADE")
    glue.delete_connection(ConnectionName=schema)


def test_tables_of_a_database(lake, shop):
    shop('CREATE TABLE "Sales" ("Id" int, amount numeric(10,2))')
    shop("CREATE TABLE hr_us (name text)")
    shop("CREATE TABLE gone (x int)")
    target = {"ConnectionName": shop.name, "Path": f"postgres/{shop.name}/%", "Exclusions": ["hr*"]}
    lake.create(Targets={"JdbcTargets": [target]}, TablePrefix="pg_")
    assert lake.crawl()["Status"] == "SUCCEEDED"
    first, second = (f"pg_postgres_{shop.name}_{name}" for name in ("gone", "sales"))
    assert lake.tables() == {first: ["x:int"], second: ["id:int", "amount:decimal(10,2)"]}
    table = lake.table(second)
    assert table["StorageDescriptor"]["Location"] == f"postgres.{shop.name}.Sales"
    assert table["Parameters"]["classification"] == "postgresql"
    assert table["Parameters"]["connectionName"] == shop.name
    assert table["Parameters"]["UPDATED_BY_CRAWLER"] == lake.name
    shop("DROP TABLE gone")
    shop('ALTER TABLE "Sales" ADD COLUMN at date')
    lake.crawl()
    assert lake.tables() == {second: ["id:int", "amount:decimal(10,2)", "at:date"]}


def test_a_database_that_is_not_there_fails_the_crawl(lake, shop):
    lake.create(Targets={"JdbcTargets": [{"ConnectionName": "no-such-connection", "Path": "postgres/%"}]})
    assert lake.crawl()["ErrorMessage"] == "Connection no-such-connection not found."
    lake.glue.update_crawler(
        Name=lake.name, Targets={"JdbcTargets": [{"ConnectionName": shop.name, "Path": "elsewhere/%"}]}
    )
    assert "names another database" in lake.crawl()["ErrorMessage"]
