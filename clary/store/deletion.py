"""Deleting many objects or versions in somebody's transaction."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import sqlalchemy as sa

from clary.store import object_rows as rows
from clary.store import versions
from clary.store.object_rows import NULL, Bucket, Object


class Target(NamedTuple):
    """What to delete: a key, which in a bucket with versions puts a delete marker, or one version for good."""

    key: str
    version: str = ""


class Removed(NamedTuple):
    """What a deletion did: the version that is gone for good, and the delete marker that was put."""

    object: Object | None
    marker: Object | None


Choose = Callable[[Bucket | None, dict[Target, Object]], Collection[Target]]
Done = tuple[dict[Target, Removed], list[str]]


def delete(
    connection: sa.Connection,
    bucket: Bucket | None,
    targets: Collection[Target],
    choose: Choose,
    make_marker: Callable[[Bucket, str], Object],
) -> Done:
    """Delete what `choose` wants deleted, given what exists; returns what was done and the files to go."""
    if bucket is None:
        choose(None, {})
        return {}, []
    if not bucket.versioning:
        return _delete_current(connection, bucket, targets, choose)
    return _delete_versions(connection, bucket, targets, choose, make_marker)


def _delete_current(connection: sa.Connection, bucket: Bucket, targets: Collection[Target], choose: Choose) -> Done:
    """In a bucket without versions: as few statements as there can be for a thousand keys."""
    there = rows.find_objects(connection, bucket.name, {target.key for target in targets})
    found = {target: there[target.key] for target in targets if target.key in there and target.version in ("", NULL)}
    doomed = {target.key: target for target in choose(bucket, found) if target in found}
    rows.delete_objects(connection, bucket.name, doomed)
    gone = rows.drop_parts(connection, [there[key].id for key in doomed])
    return {target: Removed(there[key], None) for key, target in doomed.items()}, gone


def _delete_versions(
    connection: sa.Connection,
    bucket: Bucket,
    targets: Collection[Target],
    choose: Choose,
    make_marker: Callable[[Bucket, str], Object],
) -> Done:
    """In a bucket with versions, one after the other: what is current changes on the way."""
    found: dict[Target, Object] = {}
    for target in targets:
        _, there, marker = versions.find(connection, bucket.name, *target)
        item = there or (marker if target.version else None)
        if item is not None:
            found[target] = item
    done: dict[Target, Removed] = {}
    gone: list[str] = []
    for target in choose(bucket, found):
        current = rows.find_object(connection, bucket.name, target.key).object
        if not target.version:
            marker = make_marker(bucket, target.key)
            gone += versions.delete(connection, current, marker)
            done[target] = Removed(None, marker)
        elif target in found:
            is_current = current is not None and current.version == target.version
            gone += versions.remove(connection, found[target], current=is_current)
            done[target] = Removed(found[target], None)
    return done, gone
