"""The user-defined functions of a database."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from clary.jobs.host import Scope
from clary.services.glue.databases import require_database
from clary.services.glue.errors import AlreadyExistsException, EntityNotFoundException, InvalidInputException
from clary.services.glue.expressions import matcher
from clary.store.catalog import Node, Tree
from clary.wire import Rooms

KIND = "function"


def require_function(tree: Tree, scope: Scope, database: str, name: str) -> Node:
    """The document of a function; names mind no case."""
    found = tree.get(require_database(tree, scope, database).id, KIND, name.lower())
    if found is None:
        raise EntityNotFoundException(f"Function {name} not found.")
    return found


def get_function(rooms: Rooms, scope: Scope, database: str, name: str) -> dict[str, Any]:
    """A function."""
    with rooms.catalog.read() as tree:
        return require_function(tree, scope, database, name).body


def get_functions(rooms: Rooms, scope: Scope, database: str, pattern: str) -> Iterator[dict[str, Any]]:
    """The functions of a database, or of all ("" names none), whose names fit the pattern."""
    fits: Callable[[Sequence[str]], list[str]] = matcher(pattern)
    with rooms.catalog.read() as tree:
        root = tree.root(*scope)
        parents = [require_database(tree, scope, database)] if database else tree.children(root, "database")
        for parent in parents:
            found = tree.children(parent.id, KIND)
            fitting = set(fits([node.name for node in found]))
            yield from (node.body for node in found if node.name in fitting)


def create_function(
    rooms: Rooms, scope: Scope, database: str, input_: dict[str, Any], owner: str = ""
) -> dict[str, Any]:
    """A new function."""
    if not input_.get("FunctionName"):
        raise InvalidInputException("FunctionName must not be null.")
    with rooms.catalog.write() as tree:
        parent = require_database(tree, scope, database)
        body = _body(scope, parent.name, input_, float(int(rooms.clock.now())))
        body.setdefault("OwnerName", owner)
        if tree.get(parent.id, KIND, body["FunctionName"]):
            raise AlreadyExistsException("Function already exists.")
        tree.add(parent.id, KIND, body["FunctionName"], body)
    return body


def update_function(rooms: Rooms, scope: Scope, database: str, name: str, input_: dict[str, Any]) -> None:
    """Make a function what the input says; its name stays."""
    if input_.get("FunctionName", name).lower() != name.lower():
        raise InvalidInputException(f"Function {name} cannot be renamed to {input_['FunctionName']}.")
    with rooms.catalog.write() as tree:
        node = require_function(tree, scope, database, name)
        kept = {"FunctionName": name, "OwnerName": node.body["OwnerName"]}
        node.body = _body(scope, node.body["DatabaseName"], {**kept, **input_}, node.body["CreateTime"])
        tree.store(node)


def delete_function(rooms: Rooms, scope: Scope, database: str, name: str) -> None:
    """Remove a function."""
    with rooms.catalog.write() as tree:
        tree.remove(require_function(tree, scope, database, name))


def _body(scope: Scope, database: str, input_: dict[str, Any], created: float) -> dict[str, Any]:
    name = input_["FunctionName"].lower()
    kept = {"FunctionName": name, "DatabaseName": database, "CreateTime": created, "CatalogId": scope.account}
    return {"ResourceUris": [], **input_, **kept}
