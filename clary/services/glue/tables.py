"""The tables of a database, and what they were before."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from clary.jobs.host import Scope
from clary.services.glue.databases import require_database
from clary.services.glue.errors import (
    AlreadyExistsException,
    ConcurrentModificationException,
    EntityNotFoundException,
    InvalidInputException,
    refuse,
)
from clary.services.glue.expressions import matcher
from clary.services.glue.indexes import add_indexes
from clary.store.catalog import Node, Tree
from clary.wire import Rooms

KIND, VERSION_KIND = "table", "version"
_PAGE = 100
_DIGITS = 10  # versions are named so that they sort
_DESCRIPTOR = {"Compressed": False, "NumberOfBuckets": 0, "SortColumns": [], "StoredAsSubDirectories": False}


def require_table(tree: Tree, scope: Scope, database: str, name: str) -> Node:
    """The document of a table; names mind no case."""
    parent = require_database(tree, scope, database)
    found = tree.get(parent.id, KIND, name.lower())
    if found is None:
        raise EntityNotFoundException(f"Table {name} not found.")
    return found


def get_table(rooms: Rooms, scope: Scope, database: str, name: str) -> dict[str, Any]:
    """A table as it is now."""
    with rooms.catalog.read() as tree:
        return require_table(tree, scope, database, name).body


def get_tables(
    rooms: Rooms, scope: Scope, database: str, pattern: str = "", after: str = ""
) -> Iterator[dict[str, Any]]:
    """The tables whose names fit the pattern, by name, from the one after a name on."""
    fits: Callable[[Sequence[str]], list[str]] = matcher(pattern) if pattern else list
    while True:
        with rooms.catalog.read() as tree:
            parent = require_database(tree, scope, database)
            found = tree.children(parent.id, KIND, after=after, limit=_PAGE)
        fitting = set(fits([node.name for node in found]))
        yield from (node.body for node in found if node.name in fitting)
        if len(found) < _PAGE:
            return
        after = found[-1].name


def create_table(
    rooms: Rooms,
    scope: Scope,
    database: str,
    input_: dict[str, Any],
    *,
    partition_indexes: Sequence[dict[str, Any]] = (),
    creator: str = "",
) -> dict[str, Any]:
    """A new table; its first version is 0."""
    now = float(int(rooms.clock.now()))
    with rooms.catalog.write() as tree:
        parent = require_database(tree, scope, database)
        body = _body(scope, parent.name, input_, {"CreateTime": now, "UpdateTime": now, "VersionId": "0"})
        if creator:
            body["CreatedBy"] = creator
        if tree.get(parent.id, KIND, body["Name"]):
            raise AlreadyExistsException("Table already exists.")
        add_indexes(tree, tree.add(parent.id, KIND, body["Name"], body), partition_indexes)
    return body


def update_table(
    rooms: Rooms,
    scope: Scope,
    database: str,
    input_: dict[str, Any],
    *,
    skip_archive: bool = False,
    version: str = "",
) -> dict[str, Any]:
    """Make a table what the input says; what it was is kept as a version unless that is skipped.

    Refused where the table isn't of the version any more that the caller saw, if one is given.
    """
    with rooms.catalog.write() as tree:
        node = require_table(tree, scope, database, input_["Name"])
        old = node.body
        if version and version != old["VersionId"]:
            raise ConcurrentModificationException("Update table failed due to concurrent modifications.")
        if not skip_archive:
            tree.add(node.id, VERSION_KIND, old["VersionId"].zfill(_DIGITS), old)
        kept: dict[str, Any] = {name: old[name] for name in ("CreateTime", "CreatedBy") if name in old}
        kept |= {"UpdateTime": float(int(rooms.clock.now())), "VersionId": str(int(old["VersionId"]) + 1)}
        node.body = _body(scope, old["DatabaseName"], input_, kept)
        tree.store(node)
    return node.body


def delete_table(rooms: Rooms, scope: Scope, database: str, name: str) -> None:
    """Remove a table, its versions and its partitions."""
    with rooms.catalog.write() as tree:
        tree.remove(require_table(tree, scope, database, name))


def get_table_version(rooms: Rooms, scope: Scope, database: str, name: str, version: str) -> dict[str, Any]:
    """A table as it was; "LATEST" is what it is now."""
    with rooms.catalog.read() as tree:
        node = require_table(tree, scope, database, name)
        if version in ("LATEST", node.body["VersionId"]):
            return node.body
        return require_version(tree, node, version).body


def get_table_versions(rooms: Rooms, scope: Scope, database: str, name: str) -> list[dict[str, Any]]:
    """A table as it is and as it was, the newest first."""
    with rooms.catalog.read() as tree:
        node = require_table(tree, scope, database, name)
        archived = tree.children(node.id, VERSION_KIND)
    return [node.body, *(old.body for old in reversed(archived))]


def delete_table_version(rooms: Rooms, scope: Scope, database: str, name: str, version: str) -> None:
    """Forget what a table was; what it is can't be forgotten."""
    with rooms.catalog.write() as tree:
        node = require_table(tree, scope, database, name)
        if version == node.body["VersionId"]:
            raise InvalidInputException(
                f"Version {version} is what table {name} is now: only older ones can be deleted."
            )
        tree.remove(require_version(tree, node, version))


def require_version(tree: Tree, table: Node, version: str) -> Node:
    """An older version of a table."""
    if not (version.isascii() and version.isdecimal()):
        raise InvalidInputException(f"VersionId {version!r} is not a number.")
    found = tree.get(table.id, VERSION_KIND, version.zfill(_DIGITS))
    if found is None:
        raise EntityNotFoundException("Version not found.")
    return found


def describe_storage(input_: dict[str, Any]) -> dict[str, Any]:
    """What a table or partition says of its files, with what AWS adds; refused where it names a registered schema."""
    descriptor = input_.get("StorageDescriptor")
    if descriptor is None:
        return {}
    refuse(descriptor, "SchemaReference")
    return {"StorageDescriptor": {**_DESCRIPTOR, **descriptor}}


def _body(scope: Scope, database: str, input_: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    refuse(input_, "TargetTable", "FederatedTable", "ViewDefinition")
    keys = [key["Name"].lower() for key in input_.get("PartitionKeys") or ()]
    if len(set(keys)) < len(keys):
        raise InvalidInputException(f"PartitionKeys names a key twice: {', '.join(keys)}.")
    return {
        "Retention": 0,
        **input_,
        **describe_storage(input_),
        "Name": input_["Name"].lower(),
        "DatabaseName": database,
        "IsRegisteredWithLakeFormation": False,
        "IsMultiDialectView": False,
        "CatalogId": scope.account,
        **kept,
    }
