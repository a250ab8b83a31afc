"""Crawlers of a MariaDB, where one is installed."""

import pytest

pytestmark = pytest.mark.slow

COLUMNS = {
    "`Id` int unsigned NOT NULL": "id:bigint",
    "tiny tinyint": "tiny:tinyint",
    "paid tinyint(1)": "paid:boolean",
    "flag bit(1)": "flag:boolean",
    "medium mediumint": "medium:int",
    "big bigint": "big:bigint",
    "huge bigint unsigned": "huge:decimal(20,0)",
    "total decimal(10,2)": "total:decimal(10,2)",
    "score float": "score:float",
    "ratio double": "ratio:double",
    "name varchar(40)": "name:string",
    "kind enum('a','b')": "kind:string",
    "doc json": "doc:string",
    "day date": "day:date",
    "at datetime(3)": "at:timestamp",
    "seen timestamp NULL": "seen:timestamp",
    "lasts time": "lasts:string",
    "born year": "born:int",
    "photo blob": "photo:binary",
}


@pytest.fixture
def shop(glue, lake, mariadb_server):
    """A database of the test's own, by a connection; `shop(sql)` runs a statement, {db} in which is the database."""
    name = lake.name.replace("-", "_")

    def run(statement):
        mariadb_server.run(statement.format(db=name))

    run("CREATE DATABASE {db}")
    run("GRANT SELECT ON {db}.* TO reader@'127.0.0.1'")
    connection = {
        "Name": name,
        "ConnectionType": "JDBC",
        "ConnectionProperties": mariadb_server.connection(name),
    }
    glue.create_connection(ConnectionInput=connection)
    run.name = name
    yield run
    run("DROP DATABASE {db}")
    glue.delete_connection(ConnectionName=name)


def test_tables_of_a_mysql_database(lake, shop):
    shop(f"CREATE TABLE {{db}}.`Order Lines` ({', '.join(COLUMNS)})")
    shop("CREATE VIEW {db}.totals AS SELECT total FROM {db}.`Order Lines`")
    shop("CREATE TABLE {db}.hr_us (name text)")
    target = {"ConnectionName": shop.name, "Path": f"{shop.name}/%", "Exclusions": ["hr*"]}
    lake.create(Targets={"JdbcTargets": [target]}, TablePrefix="my_")
    assert lake.crawl()["Status"] == "SUCCEEDED"
    lines, totals = f"my_{shop.name}_order_lines", f"my_{shop.name}_totals"
    assert lake.tables() == {lines: [*COLUMNS.values()], totals: ["total:decimal(10,2)"]}
    table = lake.table(lines)
    assert table["StorageDescriptor"]["Location"] == f"{shop.name}.Order Lines"
    assert (table["Parameters"]["classification"], table["Parameters"]["typeOfData"]) == ("mysql", "table")
    assert lake.table(totals)["Parameters"]["typeOfData"] == "view"
    shop("DROP VIEW {db}.totals")
    shop("ALTER TABLE {db}.`Order Lines` DROP COLUMN photo")
    lake.crawl()
    assert lake.tables() == {lines: [*COLUMNS.values()][:-1]}
