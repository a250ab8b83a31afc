"""Partition indexes: create, list, delete."""

from typing import Any

from clary.services.glue.indexes import add_indexes, get_indexes, remove_index
from clary.services.glue.request import page_of, scope_of
from clary.services.glue.tables import require_table
from clary.wire import Call, operation

_MOST = 100


@operation
def create_partition_index(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Declare an index."""
    scope = scope_of(call, request)
    with call.rooms.catalog.write() as tree:
        table = require_table(tree, scope, request["DatabaseName"], request["TableName"])
        add_indexes(tree, table, [request["PartitionIndex"]])
    return {}


@operation
def get_partition_indexes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The indexes of a table."""
    scope = scope_of(call, request)
    with call.rooms.catalog.read() as tree:
        indexes = get_indexes(tree, require_table(tree, scope, request["DatabaseName"], request["TableName"]))

    def rows(after: str) -> Any:
        return ((index["IndexName"], index) for index in indexes if index["IndexName"] > after)

    found, token = page_of(call, request, rows, _MOST)
    return {"PartitionIndexDescriptorList": found, "NextToken": token}


@operation
def delete_partition_index(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget an index."""
    scope = scope_of(call, request)
    with call.rooms.catalog.write() as tree:
        table = require_table(tree, scope, request["DatabaseName"], request["TableName"])
        remove_index(tree, table, request["IndexName"])
    return {}
