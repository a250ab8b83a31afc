"""Tags: of databases, connections, and what other modules add to TAGGED."""

from collections.abc import Callable, Mapping
from typing import Any

from clary.jobs.host import Scope
from clary.names import parse_arn
from clary.services.glue.errors import EntityNotFoundException, InvalidInputException
from clary.store.catalog import Tree
from clary.wire import Call, Rooms, operation

KIND = "tags"
_MOST = 50


def _in_the_catalog(kind: str) -> Callable[[Rooms, Scope, str], bool]:
    def exists(rooms: Rooms, scope: Scope, name: str) -> bool:
        with rooms.catalog.read() as tree:
            return tree.get(tree.root(*scope), kind, name) is not None

    return exists


TAGGED = {kind: _in_the_catalog(kind) for kind in ("database", "connection")}
"""By the kind in an ARN: whether there is a resource of that name; other modules add theirs."""


@operation
def tag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set tags of what an ARN names."""
    kind, name = _resource(call, request)
    with call.rooms.catalog.write() as tree:
        set_tags(tree, Scope(call.account, call.region), kind, name, request["TagsToAdd"])
    return {}


@operation
def untag_resource(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags of what an ARN names."""
    kind, name = _resource(call, request)
    with call.rooms.catalog.write() as tree:
        node = tree.get(tree.root(call.account, call.region), KIND, f"{kind}/{name}")
        if node:
            node.body = {key: value for key, value in node.body.items() if key not in request["TagsToRemove"]}
            tree.store(node)
    return {}


@operation
def get_tags(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of what an ARN names."""
    kind, name = _resource(call, request)
    with call.rooms.catalog.read() as tree:
        node = tree.get(tree.root(call.account, call.region), KIND, f"{kind}/{name}")
    return {"Tags": node.body if node else {}}


def set_tags(tree: Tree, scope: Scope, kind: str, name: str, tags: Mapping[str, str]) -> None:
    """Give a resource more tags; refused when they become too many or a key is AWS's own."""
    if not tags:
        return
    check_tags(tags)
    root = tree.make_root(*scope)
    node = tree.get(root, KIND, f"{kind}/{name}") or tree.add(root, KIND, f"{kind}/{name}", {})
    node.body = {**node.body, **tags}
    if len(node.body) > _MOST:
        raise InvalidInputException(f"{kind} {name} would have {len(node.body)} tags: {_MOST} are the most.")
    tree.store(node)


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse keys that are AWS's own."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise InvalidInputException("Tag keys must not begin with aws:, which is reserved.")


def drop_tags(tree: Tree, scope: Scope, kind: str, name: str) -> None:
    """Forget the tags of a resource that goes."""
    node = tree.get(tree.root(*scope), KIND, f"{kind}/{name}")
    if node:
        tree.remove(node)


def _resource(call: Call, request: dict[str, Any]) -> tuple[str, str]:
    text = request["ResourceArn"]
    arn = parse_arn(text)
    kind, _, name = arn.resource.partition("/") if arn else ("", "", "")
    if arn is None or arn.service != "glue" or kind not in TAGGED:
        raise InvalidInputException(f"{text} is not the ARN of a resource that has tags: one of {', '.join(TAGGED)}.")
    here = arn.account == call.account and arn.region == call.region
    if not here or not TAGGED[kind](call.rooms, Scope(call.account, call.region), name):
        raise EntityNotFoundException(f"{kind.capitalize()} {name} not found.")
    return kind, name
