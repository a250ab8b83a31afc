"""Members that ask for what Clary doesn't do yet. What asks for nothing is accepted; the rest is refused by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class NotDone(NamedTuple):
    """A member (a dotted path; lists on the way are walked) and what it would ask for."""

    path: str
    what: str
    harmless: tuple[Any, ...] = ()
    """Values that ask for nothing, beside false, 0 and empty ones."""


def refuse(request: Mapping[str, Any], rows: Sequence[NotDone], error: Callable[[str, str], Exception]) -> None:
    """Raise the error of the first member, and what it asks for, that asks for something that is not done."""
    for row in rows:
        for name, value in _values(request, row.path.split("."), ""):
            if value not in row.harmless and not asks_for_nothing(value):
                raise error(name, row.what)


def asks_for_nothing(value: Any) -> bool:
    """Whether a value is false, 0 or empty, through and through."""
    if isinstance(value, Mapping):
        return all(asks_for_nothing(part) for part in value.values())
    if isinstance(value, list | tuple):
        return all(asks_for_nothing(part) for part in value)
    return not value


def _values(value: Any, path: list[str], name: str) -> list[tuple[str, Any]]:
    """Every value that a path leads to, with the name of its place: `Containers[1].Mode`."""
    if not path:
        return [(name, value)]
    if isinstance(value, list):
        return [found for index, part in enumerate(value) for found in _values(part, path, f"{name}[{index}]")]
    if not isinstance(value, Mapping) or path[0] not in value:
        return []
    return _values(value[path[0]], path[1:], f"{name}.{path[0]}".lstrip("."))
