"""Partition indexes of a table: declared, checked and listed; partitions are found quickly with and without one."""

from collections.abc import Sequence
from typing import Any

from clary.services.glue.errors import (
    AlreadyExistsException,
    EntityNotFoundException,
    InvalidInputException,
    ResourceNumberLimitExceededException,
)
from clary.store.catalog import Node, Tree

KIND = "index"
_MOST = 3


def add_indexes(tree: Tree, table: Node, indexes: Sequence[dict[str, Any]]) -> None:
    """Declare indexes of a table, each over some of its partition keys, in an order."""
    for index in indexes:
        _add(tree, table, index["IndexName"], index["Keys"])


def get_indexes(tree: Tree, table: Node) -> list[dict[str, Any]]:
    """The indexes of a table by name; each is ACTIVE as soon as it is made."""
    return [{**node.body, "IndexStatus": "ACTIVE"} for node in tree.children(table.id, KIND)]


def remove_index(tree: Tree, table: Node, name: str) -> None:
    """Forget an index."""
    found = tree.get(table.id, KIND, name)
    if found is None:
        raise EntityNotFoundException(f"Index with the given indexName : {name} does not exist.")
    tree.remove(found)


def _add(tree: Tree, table: Node, name: str, keys: Sequence[str]) -> None:
    types = {key["Name"].lower(): key for key in table.body.get("PartitionKeys") or ()}
    strange = [key for key in keys if key.lower() not in types]
    if strange:
        listed = ", ".join(strange)
        raise InvalidInputException(f"IndexKeys not a part of PartitionColumns. Verify the indexKeys : [{listed}]")
    if len({key.lower() for key in keys}) < len(keys):
        raise InvalidInputException(f"The keys of index {name} are not different from each other: {', '.join(keys)}.")
    schema = [{"Name": types[key.lower()]["Name"], "Type": types[key.lower()].get("Type", "string")} for key in keys]
    there = tree.children(table.id, KIND)
    if len(there) >= _MOST:
        raise ResourceNumberLimitExceededException(f"Partition index limit exceeded. Maximum: {_MOST}")
    for other in there:
        if other.name == name:
            raise AlreadyExistsException(f"Partition Index {name} already exists with the same name.")
        if other.body["Keys"] == schema:
            raise AlreadyExistsException(f"Partition Index {other.name} already exists with the same keys.")
    tree.add(table.id, KIND, name, {"IndexName": name, "Keys": schema})
