"""What deliveries reach of the other services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clary.delivery import Host
from clary.delivery.host import Answer, Column, Shard, Stretch
from clary.delivery.plan import Conversion
from clary.delivery.records import Record
from clary.delivery.scope import Scope
from clary.errors import ServiceError
from clary.services.firehose import measurements
from clary.services.firehose.post import hang_up, post
from clary.services.firehose.schema import columns_of
from clary.services.kinesis import inside as kinesis
from clary.services.lambda_ import inside as functions
from clary.services.s3 import inside as objects

_MOST_RECORDS = 10_000

if TYPE_CHECKING:
    from clary.services.kinesis.get_records import Found
    from clary.wire import Rooms


def host(rooms: Callable[[], Rooms]) -> Host:
    """The callables, each looking the rooms up when it is called: a reset replaces them."""

    def put_object(bucket: str, key: str, path: Path) -> None:
        with _failing_as("S3"):
            objects.put_object_file(rooms(), bucket, key, path)

    def object_exists(bucket: str, key: str) -> bool:
        return objects.first_key(rooms(), bucket, key) == key

    def append_log(scope: Scope, group: str, stream: str, events: Sequence[tuple[float, str]]) -> None:
        rooms().logs.append(*scope, group, stream, events)

    def count(scope: Scope, stream: str, values: Mapping[str, tuple[float, str]]) -> None:
        measurements.count(rooms(), scope, stream, values)

    def columns(scope: Scope, conversion: Conversion) -> list[Column]:  # noqa: ARG001
        return columns_of(rooms(), conversion)

    def invoke(scope: Scope, arn: str, payload: bytes) -> Answer:
        answer = functions.invoke(rooms(), scope, arn, payload)
        return Answer(answer.payload, answer.error)

    def shards(arn: str) -> list[Shard]:
        with _failing_as("Kinesis"):
            found = kinesis.shards_of(rooms(), arn)
        return [Shard(shard.number, shard.id, shard.parents, shard.stream) for shard in found]

    def place_of(arn: str, shard: int, position: str) -> int:
        return kinesis.place_of(rooms(), arn, shard, position)

    def read(arn: str, shard: Shard, place: int, room: int) -> Stretch:
        with _failing_as("Kinesis"):
            found = kinesis.read(rooms(), arn, shard.number, place, _MOST_RECORDS, room)
        return Stretch([_record(row, shard) for row in found.records], found.at, found.ended)

    def when_changed(arn: str, shard: Shard, name: str, call: Callable[[], None]) -> None:
        kinesis.when_changed(rooms(), arn, shard.stream, shard.number, name, call)

    def when_created(arn: str, name: str, call: Callable[[], None]) -> None:
        kinesis.when_created(rooms(), arn, name, call)

    return Host(
        put_object=put_object,
        object_exists=object_exists,
        append_log=append_log,
        count=count,
        columns=columns,
        invoke=invoke,
        post=post,
        hang_up=hang_up,
        shards=shards,
        place_of=place_of,
        read=read,
        when_changed=when_changed,
        when_created=when_created,
    )


def _record(row: Found, shard: Shard) -> Record:
    arrival = round(row.ApproximateArrivalTimestamp * 1000)
    return Record(row.Data, arrival, row.PartitionKey, row.SequenceNumber, shard.id)


@contextmanager
def _failing_as(service: str) -> Iterator[None]:
    """Give a service's refusals the codes that Firehose's logs have for them: S3.NoSuchBucket."""
    try:
        yield
    except ServiceError as problem:
        code = f"{service}.{problem.code.removesuffix('Exception')}"
        raise ServiceError(problem.message, code=code, status=problem.status) from None
