"""Connections to relational databases, as Glue's connections of type JDBC describe them: PostgreSQL, MySQL, MariaDB."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from clary.errors import ClientError

CONNECT_SECONDS, STATEMENT_SECONDS = 10, 60

_ENGINES = {"postgresql": ("postgresql", 5432), "mysql": ("mysql", 3306), "mariadb": ("mysql", 3306)}
_REFUSED = (
    "SECRET_ID",
    "ENCRYPTED_PASSWORD",
    "JDBC_DRIVER_JAR_URI",
    "JDBC_DRIVER_CLASS_NAME",
    "CUSTOM_JDBC_CERT_STRING",
)

# The words of both drivers for encryption, as libpq's.
_TLS = {
    **dict.fromkeys(("disable", "disabled", "false"), "disable"),
    **dict.fromkeys(("allow", "prefer", "preferred"), "prefer"),
    **dict.fromkeys(("require", "required"), "require"),
    **dict.fromkeys(("verify-ca", "verify_ca"), "verify-ca"),
    **dict.fromkeys(("verify-full", "verify_identity", "true"), "verify-full"),
}
# What a URL may say that changes nothing of what is read here.
_HARMLESS = frozenset(("ApplicationName", "characterEncoding", "serverTimezone", "useUnicode", "zeroDateTimeBehavior"))


@dataclass(frozen=True, slots=True)
class JdbcSource:
    """A database of a server. `engine` is "postgresql" or "mysql", as which MariaDB counts.

    `tls` is one of libpq's sslmodes: disable, prefer, require, verify-ca, verify-full. `certificate` is the PEM text of
    the root that the server's certificate must descend from; "" stands for those that the system trusts.
    """

    engine: str
    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: str = "prefer"
    certificate: str = ""


def parse_jdbc(properties: Mapping[str, str], certificate: str = "") -> JdbcSource:
    """The source that a connection's properties describe; ClientError names the one that can't be followed.

    `certificate` is the text of what CUSTOM_JDBC_CERT names.
    """
    for name in _REFUSED:
        if properties.get(name):
            raise ClientError(f"The connection property {name} is not supported by Clary.")
    url = properties.get("JDBC_CONNECTION_URL", "")
    scheme, _, rest = url.removeprefix("jdbc:").partition("://")
    if not url.startswith("jdbc:") or scheme not in _ENGINES:
        raise ClientError(
            f"JDBC_CONNECTION_URL {_bare(url)!r} is not supported by Clary: it must be "
            "jdbc:postgresql://host:port/database, jdbc:mysql://host:port/database or jdbc:mariadb://host:port/database."
        )
    engine, port = _ENGINES[scheme]
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port or port
    except ValueError as problem:
        raise ClientError(f"JDBC_CONNECTION_URL {_bare(url)!r} names no host and port: {problem}") from None
    if not host or "," in host or "@" in parts.netloc:
        raise ClientError(f"JDBC_CONNECTION_URL {_bare(url)!r} must name one host, and no user.")
    options = _options(url, parts.query)
    if properties.get("JDBC_ENFORCE_SSL", "false").lower() == "true":
        options["tls"] = "verify-full"
    return JdbcSource(
        engine=engine,
        host=host,
        port=port,
        database=unquote(parts.path.removeprefix("/")),
        user=properties.get("USERNAME") or options.get("user", ""),
        password=properties.get("PASSWORD") or options.get("password", ""),
        tls=options.get("tls", "prefer"),
        certificate=certificate,
    )


def _options(url: str, query: str) -> dict[str, str]:
    """The user, the password and the encryption ("tls") that a URL asks for."""
    found = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        word = value.lower()
        if name in ("user", "password"):
            found[name] = value
        elif name in ("sslmode", "sslMode", "ssl") and word in _TLS:
            found["tls"] = _TLS[word]
        elif name == "useSSL" and word in ("true", "false"):
            found.setdefault("tls", "prefer" if word == "true" else "disable")
        elif name == "requireSSL" and word in ("true", "false"):
            found.update({"tls": "require"} if word == "true" else {})
        elif name not in _HARMLESS:
            raise ClientError(f"JDBC_CONNECTION_URL {_bare(url)!r}: {name}={value!r} is not supported by Clary.")
    return found


def _bare(url: str) -> str:
    """A URL without its options, one of which may be a password."""
    return url.partition("?")[0]


@contextmanager
def connect(source: JdbcSource) -> Iterator[Any]:
    """A connection by Python's DB-API; what fails at the server, the network or the driver is a ClientError."""
    opener = _connect_postgresql if source.engine == "postgresql" else _connect_mysql
    with opener(source) as connection:
        yield connection


def _missing(driver: str, error: ImportError) -> ClientError:
    return ClientError(f"The driver {driver} is missing ({error}): install Clary with the extra 'federation'.")


def _failed(source: JdbcSource, problem: object) -> ClientError:
    said = " ".join(str(problem).split())
    return ClientError(f"Connection to {source.engine} at {source.host}:{source.port} failed: {said}")


@contextmanager
def _connect_postgresql(source: JdbcSource) -> Iterator[Any]:
    try:
        import psycopg
    except ImportError as error:
        raise _missing("psycopg", error) from None
    with _certificate_file(source) as root:
        try:
            connection = psycopg.connect(
                host=source.host,
                port=source.port,
                dbname=source.database or None,
                user=source.user or None,
                password=source.password,
                connect_timeout=CONNECT_SECONDS,
                options=f"-c statement_timeout={STATEMENT_SECONDS * 1000} -c default_transaction_read_only=on",
                sslmode=source.tls,
                **({"sslrootcert": root} if source.tls.startswith("verify") else {}),
            )
            with connection, _cut_off(connection.fileno()):
                yield connection
        except psycopg.Error as problem:
            raise _failed(source, problem) from None


@contextmanager
def _cut_off(connection: int) -> Iterator[None]:
    """End a connection under the driver, which waits for ever, when a server that is silent has had its time."""

    def end() -> None:
        with suppress(OSError):  # the server was quicker
            same.shutdown(socket.SHUT_RDWR)

    with socket.socket(fileno=os.dup(connection)) as same:
        timer = threading.Timer(STATEMENT_SECONDS, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


@contextmanager
def _certificate_file(source: JdbcSource) -> Iterator[str]:
    """The root certificate as libpq takes it: a file's name, or "system"."""
    if not source.certificate:
        yield "system"
        return
    with tempfile.TemporaryDirectory(prefix="clary-certificate-") as folder:
        path = Path(folder) / "root.pem"
        path.write_text(source.certificate)
        yield str(path)


@contextmanager
def _connect_mysql(source: JdbcSource) -> Iterator[Any]:
    try:
        import pymysql
    except ImportError as error:
        raise _missing("pymysql", error) from None

    try:
        connection = pymysql.connect(
            host=source.host,
            port=source.port,
            database=source.database or None,
            user=source.user,
            password=source.password,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=STATEMENT_SECONDS,
            ssl=_ssl_context(source),
            ssl_disabled=source.tls == "disable",
            charset="utf8mb4",
        )
        with connection:
            yield connection
    except pymysql.err.Error as problem:
        raise _failed(source, problem.args[-1] if problem.args else problem) from None


def _ssl_context(source: JdbcSource) -> ssl.SSLContext | None:
    """What the driver insists on; without one it takes TLS if the server has it."""
    if source.tls in ("disable", "prefer"):
        return None
    try:
        context = ssl.create_default_context(cadata=source.certificate or None)
    except ssl.SSLError as problem:
        raise ClientError(f"The root certificate of the connection is none: {problem}") from None
    context.check_hostname = source.tls == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if source.tls.startswith("verify") else ssl.CERT_NONE
    return context
