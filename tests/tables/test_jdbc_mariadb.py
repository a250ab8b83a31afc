"""A real MariaDB, where one is installed: its tables and their columns."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pymysql
import pytest

from clary.errors import ClientError
from clary.tables.jdbc_connection import parse_jdbc
from clary.tables.jdbc_schema import find_tables

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")), reason="MariaDB is not installed"
    ),
]


@pytest.fixture(scope="module")
def shop():
    """The properties of a connection to a database, by a user who may not read all of it."""
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="clary-mariadb-", ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, user)
        data, path = f"--datadir={folder}/data", f"{folder}/socket"
        install = ["mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal"]
        subprocess.run(install, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        command = ["mariadbd", "--no-defaults", data, f"--socket={path}", f"--port={port}", "--bind-address=127.0.0.1"]
        server = subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.DEVNULL)
        try:
            while not Path(path).exists():
                assert server.poll() is None
                time.sleep(0.02)
            _fill(path)
            url = f"jdbc:mariadb://127.0.0.1:{port}/shop"
            yield {"JDBC_CONNECTION_URL": url, "USERNAME": "reader", "PASSWORD": "reads"}
        finally:
            server.kill()
            server.wait()


def _fill(path):
    columns = "Id int unsigned, paid tinyint(1), n bigint unsigned, total decimal(10,2), doc json"
    with pymysql.connect(unix_socket=path, user="root") as connection, connection.cursor() as cursor:
        for statement in (
            "CREATE DATABASE shop",
            f"CREATE TABLE shop.orders ({columns})",
            "CREATE VIEW shop.totals AS SELECT total FROM shop.orders",
            "CREATE TABLE shop.hidden (a int)",
            "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reads'",
            "GRANT SELECT ON shop.orders TO reader@'127.0.0.1'",
            "GRANT SELECT ON shop.totals TO reader@'127.0.0.1'",
        ):
            cursor.execute(statement)


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
