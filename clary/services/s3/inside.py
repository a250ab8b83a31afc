"""What other rooms may do with objects: list, fetch, put, delete. They act for the owner of the bucket."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from clary.errors import ServiceError
from clary.services.s3 import checksums
from clary.services.s3.errors import MethodNotAllowed, NoSuchBucket, NoSuchKey, NoSuchVersion
from clary.services.s3.event import announcing, by_the_server
from clary.services.s3.object_lock import lock_written
from clary.services.s3.ownership import check_version_id
from clary.services.s3.properties import DEFAULT_TYPE, check_key
from clary.store.deletion import Target
from clary.store.incoming import Content, Incoming
from clary.store.object_rows import Found
from clary.store.objects import New, NoObject
from clary.wire import Rooms
from clary.wire.checksums import Checksum

_PUT = "ObjectCreated:Put"
_AT_ONCE = 4  # files that are hashed and synced


class ObjectInfo(NamedTuple):
    """An object as a listing shows it; the ETag is unquoted, `modified` in seconds since the epoch."""

    key: str
    size: int
    etag: str
    modified: float


def list_objects(rooms: Rooms, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
    """All objects whose keys begin with the prefix, by key; raises NoSuchBucket."""
    if rooms.objects.buckets.get(bucket) is None:
        raise NoSuchBucket(bucket)
    after = ""
    while True:
        page = rooms.objects.list(bucket, prefix=prefix, after=after)
        for item in page.objects:
            yield ObjectInfo(item.key, item.size, item.etag, item.modified)
        if not page.last:
            return
        after = page.last


def bucket_exists(rooms: Rooms, bucket: str) -> bool:
    """Whether there is a bucket of that name."""
    return rooms.objects.buckets.get(bucket) is not None


def first_key(rooms: Rooms, bucket: str, prefix: str) -> str | None:
    """The first of all keys that begin with the prefix (the prefix itself, if it is one); None where none does."""
    found = rooms.objects.list(bucket, prefix=prefix, limit=1).objects
    return found[0].key if found else None


def fetch_object(rooms: Rooms, bucket: str, key: str, target: Path) -> None:
    """Put an object's bytes at `target`, which must not exist: a read-only file; raises NoSuchBucket, NoSuchKey."""
    try:
        rooms.objects.fetch(bucket, key, target)
    except NoObject:
        if rooms.objects.buckets.get(bucket) is None:
            raise NoSuchBucket(bucket) from None
        raise NoSuchKey(key) from None


def read_object(rooms: Rooms, bucket: str, key: str, most: int, version: str = "") -> tuple[bytes, str]:
    """The bytes and content type of an object, or of a version of it.

    Raises NoSuchBucket, NoSuchKey, NoSuchVersion, EntityTooLarge for more than `most`.
    """

    def choose(found: Found) -> tuple[int, int]:
        if found.bucket is None:
            raise NoSuchBucket(bucket)
        if found.object is None and found.marker and version:
            raise MethodNotAllowed("GetObject", version)
        if found.object is None:
            raise NoSuchVersion(key, version) if version else NoSuchKey(key)
        if found.object.size > most:
            size = found.object.size
            raise ServiceError(f"The object has {size} bytes, more than {most}.", code="EntityTooLarge", status=400)
        return 0, found.object.size

    with rooms.objects.open(bucket, key, choose, check_version_id(version) if version else "") as opened:
        return b"".join(opened.blocks()), opened.object.details.get("ContentType", "")


def put_object_file(rooms: Rooms, bucket: str, key: str, path: Path, *, content_type: str = DEFAULT_TYPE) -> None:
    """Store a copy of the file as an object, durable when this returns; raises NoSuchBucket."""
    with path.open("rb") as file:
        _put(rooms, bucket, key, iter(lambda: file.read(1 << 20), b""), content_type)


def put_object_bytes(rooms: Rooms, bucket: str, key: str, body: bytes, *, content_type: str = DEFAULT_TYPE) -> None:
    """The same, for bytes."""
    _put(rooms, bucket, key, [body], content_type)


@contextmanager
def taking_files(rooms: Rooms, files: Sequence[tuple[str, str, Path]]) -> Iterator[Callable[[], None]]:
    """Take the files for the bytes of the objects of these buckets and keys, without a copy: nobody may write to them.

    They are hashed, and durable, when the block begins. What it is given makes them objects, all at once, and raises
    NoSuchBucket. The files stay where they are.
    """
    runnings = [Checksum(checksums.DEFAULT) for _ in files]

    def take(incoming: Incoming, file: tuple[str, str, Path]) -> Content:
        incoming.take(file[2])
        return incoming.finish()

    def put() -> None:
        news = [
            _new(rooms, bucket, key, content, running, DEFAULT_TYPE)
            for (bucket, key, _), content, running in zip(files, contents, runnings, strict=True)
        ]
        rooms.objects.put_all(news, announcing(rooms, by_the_server(rooms), _PUT))

    with ExitStack() as stack:
        incomings = [stack.enter_context(rooms.objects.incoming([running])) for running in runnings]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="taking files") as pool:
            contents = list(pool.map(take, incomings, files))  # one is hashed while another is synced
        yield put


def _put(rooms: Rooms, bucket: str, key: str, blocks: Iterable[bytes], content_type: str) -> None:
    running = Checksum(checksums.DEFAULT)
    with rooms.objects.incoming([running]) as incoming:
        for block in blocks:
            incoming.write([block])
        new = _new(rooms, bucket, key, incoming.finish(), running, content_type)
        rooms.objects.put_all([new], announcing(rooms, by_the_server(rooms), _PUT))


def _new(rooms: Rooms, bucket: str, key: str, content: Content, running: Checksum, content_type: str) -> New:
    check_key(key)
    checksum = checksums.object_checksum(running.name, running.base64())
    details: dict[str, Any] = {"ContentType": content_type, "Metadata": {}, "Checksum": checksum}

    def check(found: Found) -> None:
        if found.bucket is None:
            raise NoSuchBucket(bucket)
        lock_written(found.bucket, details, rooms.clock.now())

    return New(bucket, key, content, details, check)


def delete_object(rooms: Rooms, bucket: str, key: str) -> None:
    """Delete an object, if there is one."""
    removed = announcing(rooms, by_the_server(rooms), "ObjectRemoved")
    target = Target(key)
    rooms.objects.delete(bucket, [target], lambda *_: [target], removed)
