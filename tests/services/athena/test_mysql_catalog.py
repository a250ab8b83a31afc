"""Queries of a catalog that is a MariaDB, where one is installed."""

import json

import pytest

pytestmark = pytest.mark.slow

VALUES = {
    "`Id` int unsigned": ("4000000000", "4000000000"),
    "paid tinyint(1)": ("1", "true"),
    "huge bigint unsigned": ("18446744073709551615", "18446744073709551615"),
    "total decimal(10,2)": ("20.50", "20.50"),
    "ratio double": ("0.5", "0.5"),
    "name varchar(40) CHARACTER SET utf8mb4": ("'Zoë'", "Zoë"),
    "kind enum('a','b')": ("'b'", "b"),
    "day date": ("'2026-01-02'", "2026-01-02"),
    "at datetime(3)": ("'2026-01-02 03:04:05.678'", "2026-01-02 03:04:05.678"),
    "photo blob": ("x'00ff'", "00 ff"),
}


@pytest.fixture
def shop(lake, mariadb_server):
    """The name of a database of the test's own."""
    name = lake.database
    columns, values = ", ".join(VALUES), ", ".join(put for put, _ in VALUES.values())
    mariadb_server.run(
        f"CREATE DATABASE {name}",
        f"GRANT SELECT ON {name}.* TO reader@'127.0.0.1'",
        f"CREATE TABLE {name}.Orders ({columns})",
        f"INSERT INTO {name}.Orders VALUES ({values}), ({', '.join(['NULL'] * len(VALUES))})",
    )
    yield name
    mariadb_server.run(f"DROP DATABASE {name}")


@pytest.fixture
def catalog(lake, shop, mariadb_server):
    """That database as a catalog, by a Glue connection."""
    name = f"mysql_{shop}"
    properties = mariadb_server.connection(shop)
    connection = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": properties}
    lake.glue.create_connection(ConnectionInput=connection)
    arn = f"arn:aws:glue:us-east-1:000000000000:connection/{name}"
    lake.athena.create_data_catalog(Name=name, Type="FEDERATED", Parameters={"connection-arn": arn})
    yield name
    lake.athena.delete_data_catalog(Name=name)
    lake.glue.delete_connection(ConnectionName=name)


def test_every_type_of_a_mysql_table_is_read(lake, shop, catalog):
    _, nulls, row = lake.rows(f'SELECT * FROM "{catalog}".{shop}.orders ORDER BY id NULLS FIRST')
    assert row == [shown for _, shown in VALUES.values()]
    assert nulls == [None] * len(VALUES)


def test_a_mysql_table_is_joined_with_the_lake(lake, shop, catalog):
    lake.run("CREATE TABLE names AS SELECT * FROM (VALUES ('Zoë', 7)) AS t(name, belt)")
    statement = f'SELECT n.belt, o.total FROM names n JOIN "{catalog}".{shop}.orders o ON n.name = o.name'
    assert lake.rows(statement) == [["belt", "total"], ["7", "20.50"]]
    assert "TABLE_NOT_FOUND" in lake.fail(f'SELECT * FROM "{catalog}".{shop}.nobody')


def test_a_catalog_with_a_wrong_password_says_so(lake, shop, mariadb_server):
    name = f"wrong_{shop}"
    properties = {"host": "127.0.0.1", "port": str(mariadb_server.port), "database": shop}
    properties |= {"username": "reader", "password": "s3cret!"}
    parameters = {"connection-type": "MYSQL", "connection-properties": json.dumps(properties)}
    lake.athena.create_data_catalog(Name=name, Type="FEDERATED", Parameters=parameters)
    said = lake.fail(f'SELECT * FROM "{name}".{shop}.orders')
    lake.athena.delete_data_catalog(Name=name)
    assert "Access denied for user 'reader'" in said
    assert "s3cret!" not in said
