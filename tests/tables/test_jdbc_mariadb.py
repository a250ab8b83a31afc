"""A real MariaDB, where one is installed: its tables and their columns."""

import pytest

from clary.errors import ClientError
from clary.tables.jdbc_connection import parse_jdbc
from clary.tables.jdbc_schema import find_tables

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(mariadb_server):
    """The properties of a connection to a database, by a user who may not read all of it."""
    columns = "Id int unsigned, paid tinyint(1), n bigint unsigned, total decimal(10,2), doc json"
    mariadb_server.run(
        "CREATE DATABASE shop",
        f"CREATE TABLE shop.orders ({columns})",
        "CREATE VIEW shop.totals AS SELECT total FROM shop.orders",
        "CREATE TABLE shop.hidden (a int)",
        "GRANT SELECT ON shop.orders TO reader@'127.0.0.1'",
        "GRANT SELECT ON shop.totals TO reader@'127.0.0.1'",
    )
    return mariadb_server.connection("shop", "mariadb")


def test_a_path_names_tables(shop):
    source = parse_jdbc(shop)
    orders, totals = find_tables(source, "shop/%")
    assert (orders.place, orders.kind) == (["shop", "orders"], "table")
    assert [(name, str(kind)) for name, kind in orders.columns] == [
        ("Id", "bigint"),
        ("paid", "boolean"),
        ("n", "decimal(20,0)"),
        ("total", "decimal(10,2)"),
        ("doc", "string"),
    ]
    assert (totals.name, totals.kind) == ("totals", "view")
    assert find_tables(source, "shop/ord%") == [orders]
    assert find_tables(source, "shop", lambda place: place == "totals") == [orders]
    with pytest.raises(ClientError, match="must be database/table"):
        find_tables(source, "shop/public/orders")


def test_what_the_server_refuses_is_told(shop):
    for properties, message in (
        ({"PASSWORD": "wrong"}, "Access denied"),
        ({"JDBC_ENFORCE_SSL": "true"}, "SSL is required"),
    ):
        with pytest.raises(ClientError, match=message):
            find_tables(parse_jdbc({**shop, **properties}), "shop")
