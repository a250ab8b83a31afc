"""What queries ask of the house: callables that `app.py` fills, so that they know no AWS service."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from clary.queries.spec import Scope


class StoredObject(Protocol):
    """What a listing says of an object."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Desk:
    """The callables; they raise ServiceError as the service would."""

    table: Callable[[Scope, str, str, str], dict[str, Any] | None]
    """(scope, catalog, database, name): the Glue table; None where there is none."""
    databases: Callable[[Scope, str], list[str] | None]
    """(scope, catalog): the names of its databases; None where there is no such catalog."""
    tables: Callable[[Scope, str], Iterable[dict[str, Any]]]
    """(scope, database): its Glue tables; none where there is no such database."""
    partitions: Callable[[Scope, str, str], Iterable[dict[str, Any]]]
    """(scope, database, table): its partitions."""
    list_objects: Callable[[str, str], Iterable[StoredObject]]
    """(bucket, prefix): the objects, in the order of their keys."""
    fetch_object: Callable[[str, str, Path], None]
    """(bucket, key, target): the object's bytes as a read-only file at `target`, by hard link where possible."""
    invoke: Callable[[Scope, str, bytes], bytes]
    """(scope, Lambda function, payload): what it answered."""
    federated: Callable[[Scope, str], dict[str, str] | None]
    """(scope, catalog): {"kind": "postgresql" | "mysql" | "sqlite", "url": ...}, SQLite's an object's s3://bucket/key;
    None for a catalog of another kind."""
