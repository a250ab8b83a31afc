"""The databases of a catalog."""

from collections.abc import Iterator, Mapping
from typing import Any

from clary.jobs.host import Scope
from clary.services.glue.errors import AlreadyExistsException, EntityNotFoundException, InvalidInputException, refuse
from clary.services.glue.tags import drop_tags, set_tags
from clary.store.catalog import Node, Tree
from clary.wire import Rooms

KIND = "database"
_PAGE = 100
_EVERYBODY = [{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]


def require_database(tree: Tree, scope: Scope, name: str) -> Node:
    """The document of a database; names mind no case."""
    found = tree.get(tree.root(*scope), KIND, name.lower())
    if found is None:
        raise EntityNotFoundException(f"Database {name} not found.")
    return found


def get_database(rooms: Rooms, scope: Scope, name: str) -> dict[str, Any]:
    """A database."""
    with rooms.catalog.read() as tree:
        return require_database(tree, scope, name).body


def get_databases(rooms: Rooms, scope: Scope, after: str = "") -> Iterator[dict[str, Any]]:
    """All databases by name, from the one after a name on."""
    while True:
        with rooms.catalog.read() as tree:
            found = tree.children(tree.root(*scope), KIND, after=after, limit=_PAGE)
        yield from (node.body for node in found)
        if len(found) < _PAGE:
            return
        after = found[-1].name


def create_database(
    rooms: Rooms, scope: Scope, input_: dict[str, Any], tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A new database."""
    body = _body(scope, input_, float(int(rooms.clock.now())))
    with rooms.catalog.write() as tree:
        root = tree.make_root(*scope)
        if tree.get(root, KIND, body["Name"]):
            raise AlreadyExistsException("Database already exists.")
        tree.add(root, KIND, body["Name"], body)
        set_tags(tree, scope, KIND, body["Name"], tags or {})
    return body


def update_database(rooms: Rooms, scope: Scope, name: str, input_: dict[str, Any]) -> dict[str, Any]:
    """Replace what is said of a database; its name stays."""
    if input_["Name"].lower() != name.lower():
        raise InvalidInputException("Database cannot be renamed")
    with rooms.catalog.write() as tree:
        node = require_database(tree, scope, name)
        node.body = _body(scope, input_, node.body["CreateTime"])
        tree.store(node)
    return node.body


def delete_database(rooms: Rooms, scope: Scope, name: str) -> None:
    """Remove a database, its tables and its functions."""
    with rooms.catalog.write() as tree:
        tree.remove(require_database(tree, scope, name))
        drop_tags(tree, scope, KIND, name.lower())


def _body(scope: Scope, input_: dict[str, Any], created: float) -> dict[str, Any]:
    refuse(input_, "TargetDatabase", "FederatedDatabase")
    permissions = input_.get("CreateTableDefaultPermissions", _EVERYBODY)
    if permissions not in ([], _EVERYBODY):
        raise InvalidInputException(
            "CreateTableDefaultPermissions is not supported by Clary, but for ALL to IAM_ALLOWED_PRINCIPALS: "
            "there is no Lake Formation that would mind them."
        )
    return {
        **input_,
        "Name": input_["Name"].lower(),
        "CreateTime": created,
        "CreateTableDefaultPermissions": permissions,
        "CatalogId": scope.account,
    }
