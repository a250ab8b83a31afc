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
