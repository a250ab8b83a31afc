"""What deliveries reach of the other services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clary.delivery import Host
from clary.delivery.scope import Scope
from clary.services.s3 import inside as objects

if TYPE_CHECKING:
    from clary.store.metrics import Datum
    from clary.wire import Rooms


def host(rooms: Callable[[], Rooms]) -> Host:
    """The callables, each looking the rooms up when it is called: a reset replaces them."""

    def put_object(bucket: str, key: str, path: Path) -> None:
        objects.put_object_file(rooms(), bucket, key, path)

    def object_exists(bucket: str, key: str) -> bool:
        return objects.first_key(rooms(), bucket, key) == key

    def append_log(scope: Scope, group: str, stream: str, events: Sequence[tuple[float, str]]) -> None:
        rooms().logs.append(*scope, group, stream, events)

    def put_metrics(scope: Scope, namespace: str, data: Sequence[Datum]) -> None:
        rooms().metrics.put(*scope, namespace, data)

    def later(*_: object) -> Any:
        raise NotImplementedError

    return Host(
        put_object=put_object,
        object_exists=object_exists,
        append_log=append_log,
        put_metrics=put_metrics,
        columns=later,
        invoke=later,
        post=later,
        shards=later,
        place_of=later,
        read=later,
        when_changed=later,
    )
