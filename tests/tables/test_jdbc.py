"""Relational databases: what their connections say, which of their tables a path names, and the types of columns."""

import builtins
import socket
import threading
from contextlib import suppress

import psycopg
import pytest

from clary.errors import ClientError
from clary.tables.jdbc_connection import connect, parse_jdbc
from clary.tables.jdbc_schema import find_tables
from clary.tables.jdbc_types import mysql_type, postgresql_type


def source_of(url, **properties):
    return parse_jdbc({"JDBC_CONNECTION_URL": url, **properties})


def test_urls():
    source = source_of("jdbc:postgresql://db.example:5433/shop", USERNAME="me", PASSWORD="secret")
    assert (source.engine, source.host, source.port, source.database) == ("postgresql", "db.example", 5433, "shop")
    assert (source.user, source.password, source.tls) == ("me", "secret", "prefer")
    assert "secret" not in repr(source)
    assert source_of("jdbc:postgresql://h/a%20b").database == "a b"
    assert source_of("jdbc:mysql://h").port == 3306
    assert source_of("jdbc:mariadb://[::1]:3307/shop").engine == "mysql"
    assert source_of("jdbc:mysql://h/d?user=u&password=p").user == "u"


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("jdbc:postgresql://h/d?sslmode=require", "require"),
        ("jdbc:postgresql://h/d?ssl=true", "verify-full"),
        ("jdbc:postgresql://h/d?ApplicationName=x&sslmode=disable", "disable"),
        ("jdbc:mysql://h/d?sslMode=VERIFY_IDENTITY", "verify-full"),
        ("jdbc:mysql://h/d?useSSL=true&requireSSL=true&characterEncoding=utf8", "require"),
        ("jdbc:mysql://h/d?useSSL=false", "disable"),
    ],
)
def test_encryption(url, tls):
    assert source_of(url).tls == tls
    assert source_of(url, JDBC_ENFORCE_SSL="true").tls == "verify-full"


@pytest.mark.parametrize(
    ("url", "properties", "message"),
    [
        ("", {}, "JDBC_CONNECTION_URL '' is not supported"),
        ("jdbc:oracle://h:1521/d", {}, "must be jdbc:postgresql://host:port/database"),
        ("postgresql://h/d", {}, "must be jdbc:postgresql://host:port/database"),
        ("jdbc:postgresql://h:port/d", {}, "names no host and port"),
        ("jdbc:postgresql:///d", {}, "must name one host"),
        ("jdbc:mysql://a,b/d", {}, "must name one host"),
        ("jdbc:mysql://me@h/d", {}, "no user"),
        (
            "jdbc:mysql://h/d?password=secret&allowLoadLocalInfile=true",
            {},
            "allowLoadLocalInfile='true' is not supported",
        ),
        ("jdbc:mysql://h/d", {"SECRET_ID": "x"}, "SECRET_ID is not supported"),
        ("jdbc:mysql://h/d", {"JDBC_DRIVER_JAR_URI": "s3://x"}, "JDBC_DRIVER_JAR_URI is not supported"),
    ],
)
def test_what_a_connection_cannot_be_made_with_is_named(url, properties, message):
    with pytest.raises(ClientError) as caught:
        source_of(url, **properties)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "hive"),
    [
        (("int2",), "smallint"),
        (("int4",), "int"),
        (("int8",), "bigint"),
        (("float4",), "float"),
        (("float8",), "double"),
        (("numeric", 10, 2), "decimal(10,2)"),
        (("numeric", None, None), "decimal(38,18)"),
        (("numeric", 60, 2), "string"),
        (("numeric", 3, -2), "string"),
        (("bool",), "boolean"),
        (("timestamptz",), "timestamp"),
        (("bytea",), "binary"),
        (("jsonb",), "string"),
        (("_text",), "array<string>"),
        (("_int4",), "array<int>"),
    ],
)
def test_types_of_postgresql(declared, hive):
    assert str(postgresql_type(*declared)) == hive


@pytest.mark.parametrize(
    ("declared", "hive"),
    [
        (("tinyint(1)",), "boolean"),
        (("tinyint(4)",), "tinyint"),
        (("tinyint(3) unsigned",), "smallint"),
        (("int(11)",), "int"),
        (("int unsigned",), "bigint"),
        (("bigint(20) unsigned",), "decimal(20,0)"),
        (("decimal(10,2)", 10, 2), "decimal(10,2)"),
        (("decimal(65,30)", 65, 30), "string"),
        (("varchar(255)",), "string"),
        (("enum('a','b')",), "string"),
        (("datetime(6)",), "timestamp"),
        (("year(4)",), "int"),
        (("double unsigned",), "double"),
        (("bit(1)",), "boolean"),
        (("bit(8)",), "binary"),
        (("longblob",), "binary"),
    ],
)
def test_types_of_mysql(declared, hive):
    assert str(mysql_type(*declared)) == hive


@pytest.fixture(scope="module")
def shop(postgres_server):
    """A database with tables in two schemas, by a user who may not read all of them."""
    with psycopg.connect(
        host=postgres_server.folder, port=postgres_server.port, user="clary", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute("CREATE DATABASE shop")
    with psycopg.connect(
        host=postgres_server.folder, port=postgres_server.port, user="clary", dbname="shop"
    ) as connection:
        connection.execute(
            """CREATE TYPE mood AS ENUM ('glad');
            CREATE SCHEMA stock;
            CREATE TABLE public.orders (id bigserial, "Total" numeric(10,2), tags text[], placed timestamptz, how mood);
            CREATE TABLE public.hidden (id int);
            CREATE VIEW public.totals AS SELECT "Total" FROM public.orders;
            CREATE TABLE stock.items (id int, note varchar(10));
            CREATE TABLE stock.items_old (id int);
            CREATE USER reader PASSWORD 'reads';
            GRANT USAGE ON SCHEMA stock TO reader;
            GRANT SELECT ON public.orders, public.totals, stock.items, stock.items_old TO reader"""
        )
    return postgres_server.connection("shop", USERNAME="reader", PASSWORD="reads")


def test_a_path_names_tables_of_postgresql(shop):
    def names(path, excluded=lambda _: False):
        return [".".join(table.place) for table in find_tables(parse_jdbc(shop), path, excluded)]

    everything = ["shop.public.orders", "shop.public.totals", "shop.stock.items", "shop.stock.items_old"]
    assert names("shop/%") == names("shop/%/%") == names("shop") == everything
    assert names("shop/stock/%") == names("shop/stock") == everything[2:]
    assert names("shop/stock/items") == ["shop.stock.items"]
    assert names("shop/%/items%") == everything[2:]
    assert names("shop/stock/nothing") == []
    asked = []
    assert names("shop/%", lambda place: asked.append(place) or place.endswith("old")) == everything[:3]
    assert asked == ["public/orders", "public/totals", "stock/items", "stock/items_old"]
    names("shop/stock/%", lambda place: asked.append(place) or False)
    assert asked[-2:] == ["items", "items_old"]


def test_columns_of_postgresql(shop):
    orders, totals, *_ = find_tables(parse_jdbc(shop), "shop/public/%")
    assert [(name, str(kind)) for name, kind in orders.columns] == [
        ("id", "bigint"),
        ("Total", "decimal(10,2)"),
        ("tags", "array<string>"),
        ("placed", "timestamp"),
        ("how", "string"),
    ]
    assert (orders.kind, totals.kind) == ("table", "view")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("other/%", "names another database than the connection's URL, 'shop'"),
        ("%/%", "must be database/schema/table"),
        ("shop/a/b/c", "must be database/schema/table"),
        ("", "must be database/schema/table"),
    ],
)
def test_paths_that_do_not_fit_are_refused(shop, path, message):
    with pytest.raises(ClientError, match=message):
        find_tables(parse_jdbc(shop), path)


def test_what_a_server_refuses_is_told(shop):
    with pytest.raises(ClientError, match="password authentication failed") as caught:
        find_tables(parse_jdbc({**shop, "PASSWORD": "wrong-word"}), "shop/%")
    assert "wrong-word" not in str(caught.value)
    with pytest.raises(ClientError, match="does not support SSL"):
        find_tables(parse_jdbc({**shop, "JDBC_ENFORCE_SSL": "true"}), "shop/%")
    with pytest.raises(ClientError, match=r"postgresql at 127\.0\.0\.1:1 failed"):
        find_tables(source_of("jdbc:postgresql://127.0.0.1:1/shop"), "shop/%")
    with pytest.raises(ClientError, match=r"mysql at 127\.0\.0\.1:1 failed"):
        find_tables(source_of("jdbc:mysql://127.0.0.1:1/shop"), "shop/%")


def test_what_is_read_cannot_be_changed(shop):
    with pytest.raises(ClientError, match="read-only transaction"), connect(parse_jdbc(shop)) as connection:
        connection.execute("CREATE TABLE x (id int)")


@pytest.fixture
def silent():
    """`silent(greeting)`: the port of a server that takes a connection, says something and then nothing any more."""
    listeners = []

    def start(*greetings):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            with suppress(OSError):
                taken, _ = listener.accept()
                with taken:
                    for greeting in greetings:
                        taken.recv(1 << 16)
                        taken.sendall(greeting)
                    while taken.recv(1 << 16):
                        pass

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.close()


def test_a_silent_server_is_given_up(silent, monkeypatch):
    monkeypatch.setattr("clary.tables.jdbc_connection.STATEMENT_SECONDS", 0.2)
    monkeypatch.setattr("clary.tables.jdbc_connection.CONNECT_SECONDS", 2)
    no_tls, ready = b"N", b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
    for url in (
        f"jdbc:postgresql://127.0.0.1:{silent()}/shop",
        f"jdbc:postgresql://127.0.0.1:{silent(no_tls, ready)}/shop",
        f"jdbc:mysql://127.0.0.1:{silent()}/shop",
    ):
        with pytest.raises(ClientError, match="failed"):
            find_tables(source_of(url, USERNAME="me"), "shop")


@pytest.mark.parametrize(("driver", "engine"), [("psycopg", "postgresql"), ("pymysql", "mysql")])
def test_a_missing_driver_is_named(monkeypatch, driver, engine):
    find = builtins.__import__

    def refuse(name, *rest):
        if name == driver:
            raise ImportError(f"No module named {name!r}")
        return find(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ClientError, match=f"{driver} is missing .* with the extra 'federation'"):
        find_tables(source_of(f"jdbc:{engine}://127.0.0.1/shop"), "shop")
