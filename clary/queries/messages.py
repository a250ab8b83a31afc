"""What a query's process and the server say to each other over their socket, a line of JSON each."""

from typing import Any

import msgspec

from clary.queries.spec import Outcome


class AskTable(msgspec.Struct, tag="table"):
    """The Glue table, or null."""

    catalog: str
    database: str
    name: str


class AskDatabases(msgspec.Struct, tag="databases"):
    """The names of a catalog's databases, or null where there is no such catalog."""

    catalog: str


class AskTables(msgspec.Struct, tag="tables"):
    """The Glue tables of a database; none where there is no such database."""

    database: str


class AskPartitions(msgspec.Struct, tag="partitions"):
    """The Glue partitions of a table."""

    database: str
    name: str


class AskObjects(msgspec.Struct, tag="objects"):
    """For each (bucket, prefix) the list of (key, size)."""

    prefixes: list[tuple[str, str]]


class AskFiles(msgspec.Struct, tag="files"):
    """Put objects into the folder of staged files: (bucket, key, path below that folder)."""

    objects: list[tuple[str, str, str]]


class AskInvoke(msgspec.Struct, tag="invoke"):
    """The answer of a Lambda function, JSON as text."""

    function: str
    payload: str


class AskFederated(msgspec.Struct, tag="federated"):
    """How to connect to a federated catalog, or null."""

    catalog: str


Message = (
    AskTable | AskDatabases | AskTables | AskPartitions | AskObjects | AskFiles | AskInvoke | AskFederated | Outcome
)


class Answer(msgspec.Struct):
    """The server's; `code` and `problem` where the service refused."""

    value: Any = None
    code: str = ""
    problem: str = ""
