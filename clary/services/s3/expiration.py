"""What lifecycle rules do: objects, versions, delete markers and uploads go once their time has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any

from clary.services.s3 import lifecycle
from clary.services.s3.event import announcing, by_the_server
from clary.services.s3.object_lock import is_locked
from clary.store.deletion import Target
from clary.store.object_rows import Bucket, Object
from clary.store.uploads import NoUpload

if TYPE_CHECKING:
    from clary.store.version_list import Listed
    from clary.wire import Rooms

LOOK_SECONDS = 3600.0  # AWS looks once a day
_NAME = "s3 lifecycle"
_BATCH = 500  # deletions in one transaction: others write in between


def watch(rooms: Rooms) -> None:
    """Look at the rules from now on, again and again."""
    rooms.background.run_later(_NAME, lambda: _look(rooms), LOOK_SECONDS)


def expire(rooms: Rooms) -> None:
    """Do what the rules of all buckets ask for at this moment."""
    for bucket in rooms.objects.buckets.every():
        if lifecycle.enabled_rules(bucket):
            _expire_objects(rooms, bucket)
            _abort_uploads(rooms, bucket)


def _look(rooms: Rooms) -> None:
    try:
        expire(rooms)
    finally:
        watch(rooms)


def _expire_objects(rooms: Rooms, bucket: Bucket) -> None:
    now = rooms.clock.now()
    doomed: dict[Target, Object] = {}
    for versions in _by_key(rooms, bucket):
        doomed.update(_doomed(bucket, versions, now))
        if len(doomed) >= _BATCH:
            _delete(rooms, bucket, doomed)
            doomed = {}
    if doomed:
        _delete(rooms, bucket, doomed)


def _by_key(rooms: Rooms, bucket: Bucket) -> Iterator[list[Listed]]:
    """All versions of each key, newest first."""

    def pages() -> Iterator[Listed]:
        place = ("", "")
        while True:
            page = rooms.objects.list_versions(bucket.name, after=place[0], after_version=place[1])
            yield from page.items
            place = page.last
            if not place[0]:
                return

    for _, versions in groupby(pages(), key=lambda item: item.key):
        yield list(versions)


def _doomed(bucket: Bucket, versions: list[Listed], now: float) -> Iterator[tuple[Target, Object]]:
    """What of one key is to go: (what to delete, what is expected to be there)."""
    newest = versions[0].object
    gone: set[str] = set()
    for place, (version, newer) in enumerate(zip(versions[1:], versions, strict=False)):
        if _is_outdated(bucket, version.object, newer.object.modified, place, now):
            gone.add(version.object.version)
            yield Target(newest.key, version.object.version), version.object
    if newest.is_marker:
        if len(gone) == len(versions) - 1 and _is_idle(bucket, newest, now):
            yield Target(newest.key, newest.version), newest
    elif (expiry := lifecycle.expiry_of(bucket, newest)) and expiry.at <= now:
        yield Target(newest.key), newest


def _is_outdated(bucket: Bucket, item: Object, superseded: float, newer: int, now: float) -> bool:
    """Whether a version that is not the current one has been so for long enough, and enough newer ones are kept."""
    if is_locked(item, now):
        return False
    for rule in lifecycle.enabled_rules(bucket):
        asked = rule.get("NoncurrentVersionExpiration")
        if not asked or newer < asked.get("NewerNoncurrentVersions", 0) or not lifecycle.covers(rule, item):
            continue
        if lifecycle.days_after(superseded, asked["NoncurrentDays"]) <= now:
            return True
    return False


def _is_idle(bucket: Bucket, marker: Object, now: float) -> bool:
    """Whether a delete marker that hides nothing any more is to go."""
    for rule in lifecycle.enabled_rules(bucket):
        asked: dict[str, Any] = rule.get("Expiration", {})
        if asked and lifecycle.covers(rule, marker):
            if asked.get("ExpiredObjectDeleteMarker"):
                return True
            if "Days" in asked and lifecycle.days_after(marker.modified, asked["Days"]) <= now:
                return True
    return False


def _delete(rooms: Rooms, bucket: Bucket, doomed: dict[Target, Object]) -> None:
    """Delete what is still what was looked at: somebody may have written meanwhile, or locked it."""

    def choose(owner: Bucket | None, found: dict[Target, Object]) -> list[Target]:  # noqa: ARG001
        now = rooms.clock.now()
        same = [target for target, item in found.items() if _identity(item) == _identity(doomed[target])]
        return [target for target in same if not (target.version and is_locked(found[target], now))]

    announce = announcing(rooms, by_the_server(rooms), "LifecycleExpiration")
    rooms.objects.delete(bucket.name, doomed, choose, announce)


def _identity(item: Object) -> tuple[str, str]:
    return item.id, item.version


def _abort_uploads(rooms: Rooms, bucket: Bucket) -> None:
    now = rooms.clock.now()
    for upload in rooms.objects.uploads.list(bucket.name):
        if (expiry := lifecycle.abort_of(bucket, upload)) and expiry.at <= now:
            with suppress(NoUpload):  # completed or aborted meanwhile
                rooms.objects.uploads.abort(upload.id, lambda _: None)
