"""The tables that a crawler writes for those of a relational database."""

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from clary.errors import ClientError
from clary.jobs.host import Scope
from clary.services.glue.connections import get_connection, source_of
from clary.services.glue.errors import InvalidInputException
from clary.tables.jdbc_schema import JdbcTable, find_tables
from clary.wire import Rooms

_NO_NAME = re.compile(r"[^a-z0-9_]")


def find_jdbc_tables(
    rooms: Rooms, scope: Scope, connection: str, path: str, excluded: Callable[[str], bool], *, prefix: str = ""
) -> list[dict[str, Any]]:
    """A TableInput for each table that a crawl's path names; InvalidInputException with the reason where that fails.

    See clary.tables.jdbc_schema.find_tables for the path and for what `excluded` is asked with.
    """
    found = get_connection(rooms, scope, connection)
    source = source_of(rooms, found)
    try:
        tables = find_tables(source, path, excluded)
    except ClientError as problem:
        raise InvalidInputException(str(problem)) from None
    found_inputs = [table_input(table, source.engine, connection, prefix) for table in tables]
    return _told_apart(found_inputs)


def _told_apart(inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, with a hash at the end of names that an earlier one has: "Sales" and "sales" are two tables."""
    seen = set()
    for input_ in inputs:
        if input_["Name"] in seen:
            input_["Name"] += "_" + sha256(input_["StorageDescriptor"]["Location"].encode()).hexdigest()[:32]
        seen.add(input_["Name"])
    return inputs


def table_input(table: JdbcTable, engine: str, connection: str, prefix: str = "") -> dict[str, Any]:
    """What the catalog says of a table: where it lies (database.schema.table), of what engine, by which connection."""
    parameters = {
        "classification": engine,
        "compressionType": "none",
        "connectionName": connection,
        "typeOfData": table.kind,
    }
    return {
        "Name": prefix + _NO_NAME.sub("_", "_".join(table.place).lower()),
        "Owner": "owner",
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [],
        "Parameters": parameters,
        "StorageDescriptor": {
            "Columns": [{"Name": name.lower(), "Type": str(kind)} for name, kind in table.columns],
            "Location": ".".join(table.place),
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {"Parameters": {}},
            "BucketColumns": [],
            "SortColumns": [],
            "Parameters": parameters,
            "StoredAsSubDirectories": False,
        },
    }
