"""A query's way to the server: each method is one question over the socket. Thread-safe."""

import socket
import threading
from typing import Any

import msgspec

from clary.queries import messages
from clary.queries.errors import QueryError
from clary.queries.spec import Outcome, QuerySpec


class Front:
    """The socket's other end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._lock = threading.Lock()
        self._sending = threading.Lock()

    def spec(self) -> QuerySpec:
        """The query, when it has come."""
        return msgspec.json.decode(self._line(), type=QuerySpec)

    def table(self, catalog: str, database: str, name: str) -> dict[str, Any] | None:
        """The Glue table; None where there is none."""
        table: dict[str, Any] | None = self._ask(messages.AskTable(catalog, database, name))
        return table

    def databases(self, catalog: str) -> list[str] | None:
        """The names of a Glue catalog's databases; None where there is no such catalog."""
        found: list[str] | None = self._ask(messages.AskDatabases(catalog))
        return found

    def tables(self, database: str) -> list[dict[str, Any]]:
        """The Glue tables of a database; none where there is no such database."""
        found: list[dict[str, Any]] = self._ask(messages.AskTables(database))
        return found

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        """The Glue partitions of a table."""
        partitions: list[dict[str, Any]] = self._ask(messages.AskPartitions(database, name))
        return partitions

    def objects(self, prefixes: list[tuple[str, str]]) -> list[list[tuple[str, int]]]:
        """For each bucket and prefix the keys and sizes of the objects."""
        found: list[list[tuple[str, int]]] = self._ask(messages.AskObjects(prefixes))
        return found

    def stage(self, objects: list[tuple[str, str, str]]) -> None:
        """Have objects (bucket, key, path below the folder of staged files) put where they can be read."""
        self._ask(messages.AskFiles(objects))

    def invoke(self, function: str, payload: str) -> str:
        """What a Lambda function answers."""
        answer: str = self._ask(messages.AskInvoke(function, payload))
        return answer

    def federated(self, catalog: str) -> dict[str, str] | None:
        """How to connect to a federated catalog; None for one that isn't."""
        found: dict[str, str] | None = self._ask(messages.AskFederated(catalog))
        return found

    def report(self, outcome: Outcome) -> None:
        """Say how the query ended; the server ends its process then."""
        self._send(outcome)

    def _send(self, message: Any) -> None:
        with self._sending:
            self._connection.sendall(msgspec.json.encode(message) + b"\n")

    def _ask(self, message: Any) -> Any:
        with self._lock:
            self._send(message)
            line = self._line()
        answer = msgspec.json.decode(line, type=messages.Answer)
        if answer.code:
            raise QueryError(_worded(answer, message))
        return answer.value

    def _line(self) -> bytes:
        line = self._reader.readline()
        if not line:
            raise SystemExit("the server is gone")
        return line


def _worded(answer: messages.Answer, message: Any) -> str:
    if answer.code == "NoSuchBucket":
        return f"HIVE_METASTORE_ERROR: The specified bucket does not exist ({answer.problem})"
    if answer.code == "NoSuchKey":
        return f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split: {answer.problem}"
    if isinstance(message, messages.AskInvoke):
        return f"GENERIC_USER_ERROR: Encountered an exception[{answer.code}] from your LambdaFunction[{message.function}] executed in context[external function] with message[{answer.problem}]"  # noqa: E501
    return f"{answer.code}: {answer.problem}"
