"""What jobs and endpoints ask of the house: callables that `app.py` fills, so that they know no AWS service."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from clary.store.metrics import Datum


class Scope(NamedTuple):
    """Whose logs and metrics these are."""

    account: str
    region: str


class ObjectInfo(Protocol):
    """What a listing says of an object."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def etag(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Host:
    """The callables. Those that reach a store raise ServiceError (NoSuchBucket, NoSuchKey ...) as the service would."""

    list_objects: Callable[[str, str], Iterator[ObjectInfo]]
    """(bucket, prefix): the objects, in the order of their keys."""
    fetch_object: Callable[[str, str, Path], None]
    """(bucket, key, target): the object's bytes as a read-only file at `target`, by hard link where possible."""
    put_object: Callable[[str, str, Path], None]
    """(bucket, key, path): durable when it returns; `path` stays the caller's."""
    delete_object: Callable[[str, str], None]
    """(bucket, key): gone when it returns, whether or not it was there."""
    append_log: Callable[[Scope, str, str, Sequence[tuple[float, str]], int], None]
    """(scope, group, stream, (time, line) pairs, position in the source file, stored in the same transaction)."""
    log_position: Callable[[Scope, str, str], int]
    """(scope, group, stream): the position last stored, 0 where none was."""
    put_metrics: Callable[[Scope, str, Sequence["Datum"], str], None]
    """(scope, namespace, data, source): the n-th datum of a source is stored once, however often it is put."""
    state_changed: Callable[[str, dict[str, Any]], None]
    """(job or endpoint id, what changed): must be idempotent, it is repeated after a restart."""
    credentials: Callable[[str, str], dict[str, str]]
    """(account, role ARN): AWS_* variables of temporary keys, and AWS_ENDPOINT_URL."""
    alarm_state: Callable[[Scope, str], str] = lambda scope, name: ""  # noqa: ARG005
    """(scope, name): OK, ALARM or INSUFFICIENT_DATA; "" for no such alarm."""
