"""What readers inside the server see of a stream."""

import threading

import pytest

from clary.errors import ServiceError
from clary.services.kinesis import inside


def test_a_reader_inside_reads_on_where_it_was_and_goes_on_with_the_children(server, kinesis, make_stream):
    stream, rooms = make_stream(), server.house.rooms
    stream.put(*[(f"k{number}", b"%d" % number) for number in range(5)])
    place = inside.place_of(rooms, stream.arn, 0, "TRIM_HORIZON")
    first = inside.read(rooms, stream.arn, 0, place, 3, 1 << 20)
    rest = inside.read(rooms, stream.arn, 0, first.at, 100, 1 << 20)
    assert [bytes(record.Data) for record in first.records + rest.records] == [b"0", b"1", b"2", b"3", b"4"]
    assert (first.behind >= 0, rest.behind, rest.ended) == (True, 0, False)
    assert inside.read(rooms, stream.arn, 0, rest.at, 100, 1 << 20).records == []
    assert inside.place_of(rooms, stream.arn, 0, "LATEST") == rest.at
    kinesis.split_shard(StreamName=stream.name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    parent, low, high = inside.shards_of(rooms, stream.arn)
    assert inside.read(rooms, stream.arn, 0, rest.at, 100, 1 << 20).ended
    assert (parent.closed, low.closed, low.parents, high.parents) == (True, False, [parent.id], [parent.id])


@pytest.mark.parametrize(
    ("index", "most", "room", "expected"),
    [
        (0, 3, 10**9, ["a1", "a2", "b1"]),
        (0, 2, 10**9, ["a1", "a2"]),
        (2, 2, 10**9, ["a2", "b1"]),
        (0, 9, 24, ["a1", "a2"]),  # keys and data of a batch of two are 24 bytes
        (0, 9, 35, ["a1", "a2"]),
        (0, 9, 36, ["a1", "a2", "b1"]),
        (4, 9, 12, ["b2"]),
        (4, 9, 5, ["b2"]),  # the first in any case
        (1, 1, 0, ["a1"]),
    ],
)
def test_a_reader_gets_as_many_as_it_has_room_for(server, make_stream, index, most, room, expected):
    stream, rooms = make_stream(), server.house.rooms
    for letter in "ab":
        stream.put(*[(f"{letter}{number}", b"\xff" * 10) for number in (1, 2)])
    found = inside.read(rooms, stream.arn, 0, index, most, room)
    assert [record.PartitionKey for record in found.records] == expected
    assert (found.at, found.size) == ((index or 1) + len(expected), 12 * len(expected))


def test_large_answers_are_whole_json(kinesis, make_stream):
    stream, keys = make_stream(), ["plain", 'quote"', "back\\slash", "zwölf", "line\nbreak", "\U0001f600"]
    for size in (0, 1, 2, 3, 30_000, 110_000):
        stream.put(*[(key, bytes([size % 251]) * size) for key in keys])
    records = kinesis.get_records(ShardIterator=stream.iterator())["Records"]
    assert [(record["PartitionKey"], record["Data"]) for record in records] == [
        (key, bytes([size % 251]) * size) for size in (0, 1, 2, 3, 30_000, 110_000) for key in keys
    ]
    numbers = [int(record["SequenceNumber"]) for record in records]
    assert numbers == sorted(set(numbers))


def test_a_reader_inside_is_woken_by_records(server, make_stream):
    stream, rooms, woken = make_stream(), server.house.rooms, threading.Event()
    (shard,) = inside.shards_of(rooms, stream.arn)
    rooms.changes.call_once(shard.key, "test", woken.set)
    stream.put(("k", b"x"))
    assert woken.wait(10)


def test_what_is_no_stream_is_refused(server):
    with pytest.raises(ServiceError, match="is not the ARN of a stream"):
        inside.check(server.house.rooms, "arn:aws:s3:::bucket")
    with pytest.raises(ServiceError, match="Stream none under account 000000000000 not found"):
        inside.check(server.house.rooms, "arn:aws:kinesis:us-east-1:000000000000:stream/none")
