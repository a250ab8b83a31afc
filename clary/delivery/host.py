"""What deliveries ask of the house: callables that `app.py` fills, so that they know no AWS service."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from clary.delivery.plan import Conversion
from clary.delivery.records import Record
from clary.delivery.scope import Scope


class Column(NamedTuple):
    """A column of a table, its type as Hive writes it."""

    name: str
    type: str


class Shard(NamedTuple):
    """A part of the stream that records are read from; `parents` are those it was made of."""

    number: int
    id: str
    parents: list[str]
    stream: str
    """The stream's own id: another one of the same name has another."""


class Stretch(NamedTuple):
    """Records of a shard, where to read on, and whether the shard ended there."""

    records: list[Record]
    at: int
    ended: bool


class Answer(NamedTuple):
    """What a function answered; `error` is empty where it did its work."""

    payload: bytes
    error: str


class Posted(NamedTuple):
    """What an HTTP endpoint answered."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Host:
    """The callables. Those that reach a service raise ServiceError as the service would."""

    put_object: Callable[[str, str, Path], None]
    """(bucket, key, path): durable when it returns; `path` stays the caller's."""
    object_exists: Callable[[str, str], bool]
    """(bucket, key): whether there is such an object; False where there is no such bucket."""
    append_log: Callable[[Scope, str, str, Sequence[tuple[float, str]]], None]
    """(scope, group, stream, (time, line) pairs)."""
    count: Callable[[Scope, str, Mapping[str, tuple[float, str]]], None]
    """(scope, delivery stream, values with their units by metric)."""
    columns: Callable[[Scope, Conversion], list[Column]]
    """(scope, conversion): the columns of the table's version."""
    invoke: Callable[[Scope, str, bytes], Answer]
    """(scope, function ARN, payload): blocks until the function has answered."""
    post: Callable[[str, dict[str, str], bytes], Posted]
    """(url, headers, body); OSError where there is no answer."""
    hang_up: Callable[[], None]
    """End the posts that are under way."""
    shards: Callable[[str], list[Shard]]
    """(stream ARN): its shards, parents before their children."""
    place_of: Callable[[str, int, str], int]
    """(stream ARN, shard, TRIM_HORIZON or LATEST): the place to begin at."""
    read: Callable[[str, Shard, int, int], Stretch]
    """(stream ARN, shard, place, room): records of about so many bytes from a place on."""
    when_changed: Callable[[str, Shard, str, Callable[[], None]], None]
    """(stream ARN, shard, name, call): have something called once, quickly, when the shard gets records or ends."""
    when_created: Callable[[str, str, Callable[[], None]], None]
    """(stream ARN, name, call): have something called once, quickly, when there is such a stream."""
