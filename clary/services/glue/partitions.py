"""The partitions of a table."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any
from zlib import crc32

import msgspec

from clary.errors import ServiceError
from clary.jobs.host import Scope
from clary.services.glue.errors import AlreadyExistsException, EntityNotFoundException, InvalidInputException
from clary.services.glue.partition_expression import compile_expression
from clary.services.glue.tables import describe_storage, require_table
from clary.store.catalog import Node, Tree
from clary.wire import Rooms

KIND = "partition"
_PAGE = 1000
_MOST_BYTES = 2500  # as much as an index of Postgres takes
_Wanted = Callable[[list[str]], bool]


def name_of(values: Sequence[str]) -> str:
    """What a partition's document is called: its values as JSON."""
    return msgspec.json.encode(values).decode()


def already_exists() -> AlreadyExistsException:
    """There is such a partition."""
    return AlreadyExistsException("Partition already exists.")


def not_found() -> EntityNotFoundException:
    """There is no such partition."""
    return EntityNotFoundException("Cannot find partition.")


def require_partition(tree: Tree, table: Node, values: Sequence[str]) -> Node:
    """The document of a partition."""
    found = tree.get(table.id, KIND, name_of(values))
    if found is None:
        raise not_found()
    return found


def get_partition(rooms: Rooms, scope: Scope, database: str, table: str, values: Sequence[str]) -> dict[str, Any]:
    """The partition of these values."""
    with rooms.catalog.read() as tree:
        return require_partition(tree, require_table(tree, scope, database, table), values).body


def get_some_partitions(
    rooms: Rooms, scope: Scope, database: str, table: str, wanted: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    """Those of these values that there are."""
    names = list(dict.fromkeys(name_of(values) for values in wanted))
    with rooms.catalog.read() as tree:
        found = tree.some(require_table(tree, scope, database, table).id, KIND, names)
    return [found[name].body for name in names if name in found]


def get_partitions(
    rooms: Rooms,
    scope: Scope,
    database: str,
    table: str,
    expression: str = "",
    *,
    after: str = "",
    segment: tuple[int, int] | None = None,
    page: int = _PAGE,
) -> Iterator[dict[str, Any]]:
    """The partitions that an expression holds for, by values; of a segment (number, of how many) only its own.

    `after` is the name_of() of the values to go on after; `page` is how many are read at once.
    """
    while True:
        with rooms.catalog.read() as tree:
            node = require_table(tree, scope, database, table)
            found = _read(tree, node, _wanted(node.body, expression, segment), after, page)
        yield from (partition.body for partition in found)
        if len(found) < page:
            return
        after = found[-1].name


def _read(tree: Tree, table: Node, wanted: _Wanted | None, after: str, limit: int) -> list[Node]:
    if wanted is None:
        return tree.children(table.id, KIND, after=after, limit=limit)
    # The names tell the values: only of those that are wanted is the document read.
    decode = msgspec.json.Decoder(list[str]).decode
    names = tree.names(table.id, KIND, after=after)
    chosen = list(islice((name for name in names if wanted(decode(name))), limit))
    found = tree.some(table.id, KIND, chosen)
    return [found[name] for name in chosen]


def _wanted(table: dict[str, Any], expression: str, segment: tuple[int, int] | None) -> _Wanted | None:
    holds = compile_expression(expression, table.get("PartitionKeys") or []) if expression.strip() else None
    if segment is None:
        return holds
    number, total = segment
    return lambda values: _share(values, total) == number and (holds is None or holds(values))


def _share(values: list[str], total: int) -> int:
    return crc32(name_of(values).encode()) % total


def create_partitions(
    rooms: Rooms, scope: Scope, database: str, table: str, inputs: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """New partitions; the answer is those of the inputs that existed already, or came twice: they are left alone."""
    with rooms.catalog.write() as tree:
        node = require_table(tree, scope, database, table)
        now = float(int(rooms.clock.now()))
        bodies = [_body(scope, node.body, input_, now) for input_ in inputs]
        taken = set(tree.some(node.id, KIND, [name_of(body["Values"]) for body in bodies]))
        fresh: dict[str, dict[str, Any]] = {}
        refused = []
        for input_, body in zip(inputs, bodies, strict=True):
            name = name_of(body["Values"])
            if name in taken or name in fresh:
                refused.append(input_)
            else:
                fresh[name] = body
        tree.add_all(node.id, KIND, fresh)
    return refused


def update_partition(
    rooms: Rooms, scope: Scope, database: str, table: str, values: Sequence[str], input_: dict[str, Any]
) -> None:
    """Make a partition what the input says, which may give it other values."""
    with rooms.catalog.write() as tree:
        _update(tree, scope, require_table(tree, scope, database, table), values, input_)


def update_partitions(
    rooms: Rooms, scope: Scope, database: str, table: str, entries: Sequence[tuple[Sequence[str], dict[str, Any]]]
) -> list[tuple[Sequence[str], ServiceError]]:
    """The same for many, by their values; the answer is those that could not be updated, and why."""
    failed = []
    with rooms.catalog.write() as tree:
        node = require_table(tree, scope, database, table)
        for values, input_ in entries:
            try:
                _update(tree, scope, node, values, input_)
            except ServiceError as error:
                failed.append((values, error))
    return failed


def _update(tree: Tree, scope: Scope, table: Node, values: Sequence[str], input_: dict[str, Any]) -> None:
    partition = require_partition(tree, table, values)
    body = _body(scope, table.body, {"Values": list(values), **input_}, partition.body["CreationTime"])
    name = name_of(body["Values"])
    if name != partition.name and tree.get(table.id, KIND, name):
        raise already_exists()
    partition.name, partition.body = name, body
    tree.store(partition)


def delete_partitions(
    rooms: Rooms, scope: Scope, database: str, table: str, values_list: Sequence[Sequence[str]]
) -> list[Sequence[str]]:
    """Remove partitions; the answer is the values that there was no partition of."""
    with rooms.catalog.write() as tree:
        node = require_table(tree, scope, database, table)
        found = tree.some(node.id, KIND, [name_of(values) for values in values_list])
        for partition in found.values():
            tree.remove(partition)
    return [values for values in values_list if found.pop(name_of(values), None) is None]


def _body(scope: Scope, table: dict[str, Any], input_: dict[str, Any], created: float) -> dict[str, Any]:
    if len(input_.get("Values") or ()) != len(table.get("PartitionKeys") or ()):
        raise InvalidInputException("The number of partition keys do not match the number of partition values")
    size = len(name_of(input_.get("Values") or ()).encode())
    if size > _MOST_BYTES:
        raise InvalidInputException(f"The values of a partition have {size} bytes as JSON: {_MOST_BYTES} are the most.")
    return {
        **input_,
        **describe_storage(input_),
        "DatabaseName": table["DatabaseName"],
        "TableName": table["Name"],
        "CreationTime": created,
        "CatalogId": scope.account,
    }
