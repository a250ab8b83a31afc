"""Putting and getting records."""

from datetime import UTC, datetime, timedelta
from hashlib import md5
from itertools import pairwise

import pytest

MIB = 1024 * 1024
ODD = 'a\n"b",\r\u2028\x85%d\\'


def test_records_come_back_in_order_with_growing_numbers(kinesis, stream):
    put = [kinesis.put_record(StreamName=stream.name, PartitionKey="ü", Data=b"%d" % n) for n in range(3)]
    put += stream.put(("a", b"3"), (ODD, bytes(range(256))))
    answer = kinesis.get_records(ShardIterator=stream.iterator(), StreamARN=stream.arn)
    found = answer["Records"]
    assert [record["Data"] for record in found] == [b"0", b"1", b"2", b"3", bytes(range(256))]
    assert [record["PartitionKey"] for record in found] == ["ü", "ü", "ü", "a", ODD]
    numbers = [int(record["SequenceNumber"]) for record in found]
    assert numbers == sorted(set(numbers)) == [int(row["SequenceNumber"]) for row in put]
    [shard] = stream.shards()
    assert int(shard["SequenceNumberRange"]["StartingSequenceNumber"]) < numbers[0]
    assert abs(datetime.now(UTC) - found[0]["ApproximateArrivalTimestamp"]) < timedelta(seconds=60)
    assert answer["MillisBehindLatest"] == 0


def test_hash_keys_choose_the_shard(kinesis, make_stream):
    stream = make_stream(shards=3)
    bounds = [
        (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
        for shard in stream.shards()
    ]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == 2**128 - 1
    assert all(high + 1 == low for (_, high), (low, _) in pairwise(bounds))
    for key, row in zip("abcdefgh", stream.put(*((key, b"") for key in "abcdefgh")), strict=True):
        low, high = bounds[int(row["ShardId"][-12:])]
        assert low <= int(md5(key.encode()).hexdigest(), 16) <= high
    answer = kinesis.put_record(
        StreamName=stream.name, PartitionKey="a", ExplicitHashKey=str(bounds[2][0]), Data=b"there"
    )
    assert answer["ShardId"] == "shardId-000000000002"
    assert b"there" in stream.read(2)


def test_five_kinds_of_iterators(kinesis, stream):
    rows = stream.put(*(("k", b"%d" % n) for n in range(4)))
    number = rows[2]["SequenceNumber"]
    assert stream.read(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == [b"2", b"3"]
    assert stream.read(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number) == [b"3"]
    latest = stream.iterator(kind="LATEST")
    stream.put(("k", b"4"))
    assert [row["Data"] for row in kinesis.get_records(ShardIterator=latest)["Records"]] == [b"4"]
    records = kinesis.get_records(ShardIterator=stream.iterator(), Limit=2)
    assert [row["Data"] for row in records["Records"]] == [b"0", b"1"]
    after = kinesis.get_records(ShardIterator=records["NextShardIterator"])
    assert [row["Data"] for row in after["Records"]] == [b"2", b"3", b"4"]
    assert after["Records"][0]["SequenceNumber"] == number


def test_what_an_iterator_cannot_be(stream, make_stream, refused):
    def asked(**options):
        return refused("get_shard_iterator", **{"StreamName": stream.name, "ShardId": "shardId-0", **options})

    code, message = asked(ShardIteratorType="AT_SEQUENCE_NUMBER")
    assert code == "InvalidArgumentException"
    assert message.endswith("Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber.")
    code, message = asked(ShardIteratorType="LATEST", StartingSequenceNumber="5")
    assert message.endswith("Request specified LATEST and also a StartingSequenceNumber.")
    assert "no timestamp parameter" in asked(ShardIteratorType="AT_TIMESTAMP")[1]
    future = datetime.now(UTC) + timedelta(hours=1)
    assert "cannot be greater" in asked(ShardIteratorType="AT_TIMESTAMP", Timestamp=future)[1]
    other = make_stream(shards=2)
    row = other.put(*((str(n), b"") for n in range(20)))
    foreign = next(r["SequenceNumber"] for r in row if r["ShardId"].endswith("1"))
    code, message = asked(ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=foreign)
    assert message == (
        "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard "
        "with shardId-000000000000"
    )
    assert asked(ShardId="shardId-7", ShardIteratorType="LATEST") == (
        "ResourceNotFoundException",
        f"Shard shardId-000000000007 in stream {stream.name} under account 000000000000 does not exist",
    )
    assert asked(ShardId="2.14E4", ShardIteratorType="LATEST")[1].startswith("Could not find shard 2.14E4 in stream")
    assert refused("get_records", ShardIterator="bogus") == (
        "InvalidArgumentException",
        "Invalid ShardIterator: 'bogus' is none that GetShardIterator or GetRecords gave.",
    )


def test_sizes_that_are_refused(kinesis, make_stream, refused):
    stream = make_stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})

    def one(size):
        return {"StreamName": stream.name, "PartitionKey": "k", "Data": bytes(size)}

    kinesis.put_record(**one(MIB - 1))
    code, message = refused("put_record", **one(MIB))
    assert code == "ValidationException"
    assert "less than or equal to 1048576" in message
    kinesis.update_max_record_size(StreamARN=stream.arn, MaxRecordSizeInKiB=2048)
    kinesis.put_record(**one(MIB))
    rows = [{"PartitionKey": "k", "Data": b""}] * 501
    assert refused("put_records", StreamName=stream.name, Records=rows)[0] == "ValidationException"
    rows = [{"PartitionKey": "k", "Data": bytes(MIB)}] * 11
    assert refused("put_records", StreamName=stream.name, Records=rows) == (
        "InvalidArgumentException",
        "Records size exceeds 10 MB limit",
    )
    code, message = refused("put_records", StreamName=stream.name, Records=[{"Data": b""}])
    assert "'records.1.member.partitionKey' failed to satisfy constraint: Member must not be null" in message


def test_hash_keys_and_orders_that_are_refused(kinesis, stream, refused):
    def asked(**options):
        return refused("put_record", **{"StreamName": stream.name, "PartitionKey": "k", "Data": b"", **options})

    assert asked(ExplicitHashKey=str(2**128)) == (
        "InvalidArgumentException",
        f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {2**128}",
    )
    assert asked(SequenceNumberForOrdering="5")[1] == (
        f"ExclusiveMinimumSequenceNumber 5 used in PutRecord on stream {stream.name} under account 000000000000 "
        "is invalid."
    )
    # What the service itself was recorded to refuse and to take.
    for digits in (
        "20000000000000000000000000000000000000000000003",
        "30000000000000000000000000000000000000000000001",
        "1ffffffffff7fffffffffffffff000000000007fffffff2",
        "20000000000800000000000000000000000000000000002",
        "2ffffffffff7fffffffffffffff000000000007fffffff2",
    ):
        assert asked(SequenceNumberForOrdering=str(int(digits, 16)))[0] == "InvalidArgumentException"
    for digits in (
        "20000000000000000000000000000000000000000000002",
        "20000000000000000000000000000000000000800000002",
    ):
        taken = asked(SequenceNumberForOrdering=str(int(digits, 16)), DryRun=True)
        assert taken[0] == "DryRunOperationException"
    number = kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"a")["SequenceNumber"]
    after = kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"b", SequenceNumberForOrdering=number)[
        "SequenceNumber"
    ]
    assert int(after) > int(number)
    assert stream.read() == [b"a", b"b"]


def test_a_shard_throttles(kinesis, make_stream, refused):
    stream = make_stream(shards=2)
    rows = [row for _ in range(5) for row in stream.put(*(("same", b"x") for _ in range(500)))]
    failed = [row for row in rows if "ErrorCode" in row]
    assert 0 < len(failed) < len(rows)
    shard = next(row["ShardId"] for row in rows if "ShardId" in row)
    assert failed[0] == {
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": f"Rate exceeded for shard {shard} in stream {stream.name} under account 000000000000.",
    }
    place = stream.iterator(int(shard[-12:]))
    with pytest.raises(kinesis.exceptions.ProvisionedThroughputExceededException):
        for _ in range(30):
            kinesis.get_records(ShardIterator=place, Limit=1)


def test_an_iterator_expires_and_records_grow_old(moved_server):
    kinesis, clock = moved_server.client("kinesis"), moved_server.clock
    kinesis.create_stream(StreamName="s", ShardCount=1)
    name = {"StreamName": "s", "ShardId": "shardId-000000000000"}

    def iterator(**options):
        return kinesis.get_shard_iterator(**name, **{"ShardIteratorType": "TRIM_HORIZON", **options})["ShardIterator"]

    def data(place):
        return [row["Data"] for row in kinesis.get_records(ShardIterator=place)["Records"]]

    for number in range(4):
        kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"%d" % number)
        clock.move(3600 * 8)
    assert data(iterator()) == [b"1", b"2", b"3"]
    place = iterator(ShardIteratorType="AT_TIMESTAMP", Timestamp=clock.now() - 3600 * 16 + 1)
    behind = kinesis.get_records(ShardIterator=iterator(), Limit=1)
    assert behind["MillisBehindLatest"] == 24 * 3600 * 1000
    assert data(place) == [b"3"]
    clock.move(301)
    with pytest.raises(kinesis.exceptions.ExpiredIteratorException) as caught:
        data(place)
    assert "tolerated delay of 300000 milliseconds" in str(caught.value)
    kinesis.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=48)
    assert data(iterator()) == [b"0", b"1", b"2", b"3"]  # nothing was deleted yet
    moved_server.trim()
    clock.move(3600 * 24 * 3)
    moved_server.trim()
    assert data(iterator()) == []
    assert kinesis.put_record(StreamName="s", PartitionKey="k", Data=b"4")
    assert data(iterator()) == [b"4"]
    assert len(list((moved_server.folder / "streams").glob("*/*/*.log"))) == 1


def test_lifted_limits(moved_server):
    kinesis = moved_server.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    for _ in range(3):
        rows = [{"PartitionKey": "k", "Data": bytes(2048)}] * 500
        assert kinesis.put_records(StreamName="s", Records=rows)["FailedRecordCount"] == 0


def test_a_long_value_does_not_hide_what_would_be_right(stream, refused):
    records = [{"Data": b"x", "PartitionKey": "k"}] * 501
    code, message = refused("put_records", StreamName=stream.name, Records=records)
    assert (code, len(message) < 1500) == ("ValidationException", True)
    assert message.endswith(
        "at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"
    )
