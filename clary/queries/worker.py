"""The process of one query: runs inside the sandbox, with its imports done by the warm parent."""

import importlib
import os
import socket
import sys

import duckdb
import msgspec

from clary.queries.engine import connect, run
from clary.queries.front import Front
from clary.queries.places import SOCKET, Places

# Neither may leave a thread behind, which no fork of the warm parent would have.
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
for name in ("numpy", "pyarrow.dataset", "pyarrow.orc", "pyarrow.parquet"):
    importlib.import_module(name)  # what functions of ours import later: here the warm parent does it once

_DEPTH = 6_000  # of calls: a long chain of OR is a deep tree

duckdb.default_connection().close()


def main(arguments: list[str]) -> int:
    """Come up, wait for a query, run it and report its outcome."""
    places, memory_bytes = msgspec.json.decode(arguments[0], type=Places), int(arguments[1])
    sys.setrecursionlimit(_DEPTH)
    os.chdir(places.work)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{places.sockets}/{SOCKET}")
        front = Front(connection)
        with connect(memory_bytes) as engine:  # closed when the outcome is told: nobody waits for that
            front.report(run(front.spec(), front, places, engine))
    return 0
