"""The objects that a crawl looks at: which, and their bytes."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from clary.errors import ServiceError
from clary.services.glue.crawler_globs import compile_globs
from clary.services.s3 import inside as objects
from clary.services.s3.errors import NoSuchBucket, NoSuchKey
from clary.services.s3.inside import ObjectInfo
from clary.store.object_rows import Found
from clary.wire import Rooms

_FOLDER_MARK = "_$folder$"


class Place(NamedTuple):
    """Where a crawl looks. `root` ends in a slash, or is "", or is the key of the one object."""

    bucket: str
    root: str
    exclusions: tuple[str, ...] = ()
    sample: int = 0

    @property
    def url(self) -> str:
        """As the location of a table."""
        return f"s3://{self.bucket}/{self.root}"


def find_place(rooms: Rooms, bucket: str, prefix: str, exclusions: Sequence[str] = (), sample: int = 0) -> Place:
    """The place of an include path, which may name a folder without its slash, or one object."""
    if prefix and not prefix.endswith("/") and objects.first_key(rooms, bucket, prefix) != prefix:
        prefix += "/"
    return Place(bucket, prefix, tuple(exclusions), sample)


def list_files(rooms: Rooms, place: Place) -> Iterator[ObjectInfo]:
    """The objects of a place that hold rows: none that is empty, hidden (as Hive hides files) or left out."""
    excluded = compile_globs(place.exclusions)
    whole = place.root and not place.root.endswith("/")
    for info in objects.list_objects(rooms, place.bucket, place.root):
        if whole and info.key != place.root:
            continue
        path = info.key[info.key.rfind("/") + 1 :] if whole else info.key[len(place.root) :]
        if info.size and not _is_hidden(path) and not excluded(path):
            yield info


def _is_hidden(path: str) -> bool:
    return path.endswith(("/", _FOLDER_MARK)) or any(part[:1] in ("_", ".") for part in path.split("/"))


def choose_samples(files: Sequence[ObjectInfo], count: int) -> set[str]:
    """The keys of so many files of each folder, spread over it; of all for 0."""
    if not count:
        return {file.key for file in files}
    folders = defaultdict(list)
    for file in files:
        folders[file.key[: file.key.rfind("/") + 1]].append(file.key)
    return {keys[len(keys) * number // count] for keys in folders.values() for number in range(count)}


def reader_of(rooms: Rooms, bucket: str, key: str) -> Callable[[int, int], bytes]:
    """`read(start, length)` of an object; it gives less where the object became shorter, or is gone."""

    def read(start: int, length: int) -> bytes:
        def choose(found: Found) -> tuple[int, int]:
            if found.bucket is None:
                raise NoSuchBucket(bucket)
            if found.object is None:
                raise NoSuchKey(key)
            first = min(start, found.object.size)
            return first, min(length, found.object.size - first)

        with suppress(ServiceError), rooms.objects.open(bucket, key, choose) as opened:
            return b"".join(opened.blocks())
        return b""

    return read
