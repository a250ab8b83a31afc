"""The process of one query: runs inside the sandbox, with its imports done by the warm parent."""

import importlib
import os
import socket
import sys
from typing import Literal

import duckdb
import msgspec

from clary.queries.engine import connect, run
from clary.queries.front import Front
from clary.queries.places import SOCKET, Places
from clary.sql.contract import Column, Relation
from clary.sql.translate import translate

# Neither may leave a thread behind, which no fork of the warm parent would have.
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
for name in ("numpy", "pyarrow.dataset", "pyarrow.orc", "pyarrow.parquet"):
    importlib.import_module(name)  # what functions of ours import later: here the warm parent does it once

_DEPTH = 6_000  # of calls: a long chain of OR is a deep tree
_REHEARSED = """
SELECT x.a, count(*) AS n, max(CAST(y.c AS varchar)) AS m, lower(x.b) FROM t x JOIN t y ON x.a = y.a
WHERE x.c BETWEEN 1 AND 2 AND x.b IN ('d', 'e') GROUP BY x.a, lower(x.b) HAVING count(*) > 1 ORDER BY 1 LIMIT 5"""

duckdb.default_connection().close()


def rehearse() -> None:
    """Translate something before there is a query: a fork's first use of a page copies it, 10 ms of the first."""
    translate(_REHEARSED, _Rehearsed(), catalog_name="", database="")


class _Rehearsed:
    """A catalog of one table."""

    def relation(self, catalog: str, database: str, name: str) -> Relation:  # noqa: ARG002
        return Relation([Column("a", "bigint"), Column("b", "varchar"), Column("c", "double")])

    def missing(self, catalog: str, database: str) -> Literal[""]:  # noqa: ARG002
        return ""


def main(arguments: list[str]) -> int:
    """Come up, wait for a query, run it and report its outcome."""
    places, memory_bytes = msgspec.json.decode(arguments[0], type=Places), int(arguments[1])
    sys.setrecursionlimit(_DEPTH)
    os.chdir(places.work)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{places.sockets}/{SOCKET}")
        front = Front(connection)
        with connect(memory_bytes) as engine:  # closed when the outcome is told: nobody waits for that
            rehearse()
            front.report(run(front.spec(), front, places, engine))
    return 0
