"""Statistics of the columns of tables and partitions, as whoever computed them tells."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from clary.jobs.host import Scope
from clary.services.glue.errors import EntityNotFoundException, InvalidInputException, as_detail
from clary.services.glue.partitions import KIND as PARTITION_KIND
from clary.services.glue.partitions import name_of
from clary.services.glue.request import scope_of
from clary.services.glue.tables import require_table
from clary.store.catalog import Node, Tree
from clary.wire import Call, operation

KIND = "statistics"


@operation
def update_column_statistics_for_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep statistics of a table's columns."""
    return _update(call, request)


@operation
def update_column_statistics_for_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep statistics of a partition's columns."""
    return _update(call, request)


@operation
def get_column_statistics_for_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The statistics of a table's columns."""
    return _get(call, request)


@operation
def get_column_statistics_for_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The statistics of a partition's columns."""
    return _get(call, request)


@operation
def delete_column_statistics_for_table(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the statistics of a table's column, if there are any."""
    return _delete(call, request)


@operation
def delete_column_statistics_for_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget the statistics of a partition's column, if there are any."""
    return _delete(call, request)


def _update(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    scope, errors = scope_of(call, request), []
    with call.rooms.catalog.write() as tree:
        owner = _owner(tree, scope, request)
        for statistics in request["ColumnStatisticsList"]:
            data = statistics["StatisticsData"]
            member = f"{data['Type'].capitalize()}ColumnStatisticsData"
            if member not in data:
                problem = InvalidInputException(f"StatisticsData of type {data['Type']} must have {member}.")
                errors.append({"ColumnStatistics": statistics, "Error": as_detail(problem)})
                continue
            kept = {**statistics, "StatisticsData": {"Type": data["Type"], member: _decimals(data[member], _to_text)}}
            node = tree.get(owner.id, KIND, statistics["ColumnName"].lower())
            if node:
                node.body = kept
                tree.store(node)
            else:
                tree.add(owner.id, KIND, statistics["ColumnName"].lower(), kept)
    return {"Errors": errors}


def _get(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    scope, names = scope_of(call, request), list(dict.fromkeys(request["ColumnNames"]))
    with call.rooms.catalog.read() as tree:
        there = tree.some(_owner(tree, scope, request).id, KIND, [name.lower() for name in names])
    missing = as_detail(EntityNotFoundException("Statistics do not exist for this column"))
    return {
        "ColumnStatisticsList": [_show(there[name.lower()].body) for name in names if name.lower() in there],
        "Errors": [{"ColumnName": name, "Error": missing} for name in names if name.lower() not in there],
    }


def _delete(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    scope = scope_of(call, request)
    with call.rooms.catalog.write() as tree:
        node = tree.get(_owner(tree, scope, request).id, KIND, request["ColumnName"].lower())
        if node:
            tree.remove(node)
    return {}


def _owner(tree: Tree, scope: Scope, request: dict[str, Any]) -> Node:
    """What the statistics are of: the table, or its partition."""
    table = require_table(tree, scope, request["DatabaseName"], request["TableName"])
    values = request.get("PartitionValues")
    if values is None:
        return table
    partition = tree.get(table.id, PARTITION_KIND, name_of(values))
    if partition is None:
        raise EntityNotFoundException(f"Partition [{', '.join(values)}] not found")
    return partition


def _show(statistics: dict[str, Any]) -> dict[str, Any]:
    data = statistics["StatisticsData"]
    return {
        **statistics,
        "StatisticsData": {name: _decimals(value, b64decode) for name, value in data.items()},
    }


def _to_text(number: bytes) -> str:
    return b64encode(number).decode()


def _decimals(data: Any, convert: Callable[[Any], Any]) -> Any:
    """The data with the bytes of its decimal numbers converted, which a document keeps as text."""
    if not isinstance(data, dict):
        return data
    return {
        name: {**value, "UnscaledValue": convert(value["UnscaledValue"])} if isinstance(value, dict) else value
        for name, value in data.items()
    }
