"""Partitions: create, get, list, update, delete, one by one and many at once."""

from typing import Any

from clary.services.glue import partitions
from clary.services.glue.errors import (
    InvalidInputException,
    as_detail,
    refuse,
)
from clary.services.glue.request import page_of, scope_of
from clary.wire import Call, operation

_MOST = 1000


@operation
def create_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A new partition."""
    if partitions.create_partitions(*_table(call, request), [request["PartitionInput"]]):
        raise partitions.already_exists()
    return {}


@operation
def batch_create_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """New partitions, and which of them existed already."""
    error = as_detail(partitions.already_exists())
    known = partitions.create_partitions(*_table(call, request), request["PartitionInputList"])
    return {"Errors": [{"PartitionValues": input_["Values"], "ErrorDetail": error} for input_ in known]}


@operation
def get_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """A partition."""
    return {"Partition": partitions.get_partition(*_table(call, request), request["PartitionValues"])}


@operation
def batch_get_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Those of the partitions that there are."""
    wanted = [key["Values"] for key in request["PartitionsToGet"]]
    return {"Partitions": partitions.get_some_partitions(*_table(call, request), wanted), "UnprocessedKeys": []}


@operation
def get_partitions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """One page of the partitions that the expression holds for."""
    refuse(request, "TransactionId", "QueryAsOfTime")
    table, segment = _table(call, request), _segment(request)
    bare = request.get("ExcludeColumnSchema", False)
    page = min(request.get("MaxResults") or _MOST, _MOST) + 1

    def rows(after: str) -> Any:
        expression = request.get("Expression") or ""
        for body in partitions.get_partitions(*table, expression, after=after, segment=segment, page=page):
            yield partitions.name_of(body["Values"]), _without_columns(body) if bare else body

    found, token = page_of(call, request, rows, _MOST)
    return {"Partitions": found, "NextToken": token}


@operation
def update_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a partition what the input says."""
    partitions.update_partition(*_table(call, request), request["PartitionValueList"], request["PartitionInput"])
    return {}


@operation
def batch_update_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Update partitions, and tell which could not be updated."""
    entries = [(entry["PartitionValueList"], entry["PartitionInput"]) for entry in request["Entries"]]
    failed = partitions.update_partitions(*_table(call, request), entries)
    return {"Errors": [{"PartitionValueList": values, "ErrorDetail": as_detail(error)} for values, error in failed]}


@operation
def delete_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a partition; its files stay."""
    if partitions.delete_partitions(*_table(call, request), [request["PartitionValues"]]):
        raise partitions.not_found()
    return {}


@operation
def batch_delete_partition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove partitions, and tell which there were none of."""
    error = as_detail(partitions.not_found())
    wanted = [key["Values"] for key in request["PartitionsToDelete"]]
    missing = partitions.delete_partitions(*_table(call, request), wanted)
    return {"Errors": [{"PartitionValues": values, "ErrorDetail": error} for values in missing]}


def _table(call: Call, request: dict[str, Any]) -> tuple[Any, Any, str, str]:
    """What the functions of partitions take first."""
    return call.rooms, scope_of(call, request), request["DatabaseName"], request["TableName"]


def _segment(request: dict[str, Any]) -> tuple[int, int] | None:
    segment = request.get("Segment")
    if segment is None:
        return None
    number, total = segment["SegmentNumber"], segment["TotalSegments"]
    if not 0 <= number < total:
        raise InvalidInputException(f"SegmentNumber {number} is not from 0 up to TotalSegments {total}.")
    return number, total


def _without_columns(body: dict[str, Any]) -> dict[str, Any]:
    if "StorageDescriptor" not in body:
        return body
    descriptor = {name: value for name, value in body["StorageDescriptor"].items() if name != "Columns"}
    return {**body, "StorageDescriptor": descriptor}
