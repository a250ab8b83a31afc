"""Splitting and merging shards, and what ListShards makes of it."""

import threading
from itertools import pairwise

HALF = 2**127


def test_a_split_closes_the_parent_and_its_readers_go_on_with_the_children(kinesis, stream, refused):
    stream.put(("k", b"before"))
    code, message = refused("split_shard", StreamName=stream.name, ShardToSplit="shardId-0", NewStartingHashKey="1")
    assert code == "InvalidArgumentException"
    assert "is not both greater than one plus the shard's StartingHashKey 0" in message
    kinesis.split_shard(StreamName=stream.name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(HALF))
    parent, low, high = stream.shards()
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert (low["ParentShardId"], high["ParentShardId"]) == (parent["ShardId"], parent["ShardId"])
    assert low["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(HALF - 1)}
    assert high["HashKeyRange"] == {"StartingHashKey": str(HALF), "EndingHashKey": str(2**128 - 1)}
    row = kinesis.put_record(StreamName=stream.name, PartitionKey="k", ExplicitHashKey="5", Data=b"after")
    assert row["ShardId"] == low["ShardId"]
    assert int(row["SequenceNumber"]) > int(low["SequenceNumberRange"]["StartingSequenceNumber"])
    assert int(row["SequenceNumber"]) > int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    answer = kinesis.get_records(ShardIterator=stream.iterator())
    assert [record["Data"] for record in answer["Records"]] == [b"before"]
    assert "NextShardIterator" not in answer
    assert [child["ShardId"] for child in answer["ChildShards"]] == [low["ShardId"], high["ShardId"]]
    assert answer["ChildShards"][0]["ParentShards"] == [parent["ShardId"]]
    assert stream.read(1) == [b"after"]
    split = {"StreamName": stream.name, "ShardToSplit": "shardId-0", "NewStartingHashKey": "9"}
    assert refused("split_shard", **split)[0] == "ResourceInUseException"


def test_neighbours_merge(kinesis, make_stream, refused):
    stream = make_stream(shards=3)
    pair = {"StreamName": stream.name, "ShardToMerge": "shardId-0", "AdjacentShardToMerge": "shardId-2"}
    assert refused("merge_shards", **pair)[1].endswith("are not an adjacent pair of shards eligible for merging")
    kinesis.merge_shards(**{**pair, "AdjacentShardToMerge": "shardId-1"})
    shards = stream.shards(ShardFilter={"Type": "AT_LATEST"})
    assert [shard["ShardId"][-1] for shard in shards] == ["2", "3"]
    assert (shards[1]["ParentShardId"][-1], shards[1]["AdjacentParentShardId"][-1]) == ("0", "1")
    assert shards[1]["HashKeyRange"]["StartingHashKey"] == "0"
    assert kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"]["OpenShardCount"] == 2


def test_shard_counts_divide_the_hash_keys_evenly(kinesis, make_stream, refused):
    stream = make_stream(shards=2)
    for target in (3, 5, 4, 2):
        answer = kinesis.update_shard_count(
            StreamName=stream.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
        assert answer["TargetShardCount"] == target
        ranges = sorted(
            (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
            for shard in stream.shards(ShardFilter={"Type": "AT_LATEST"})
        )
        assert [low for low, _ in ranges] == [2**128 // target * number for number in range(target)]
        assert all(high + 1 == low for (_, high), (low, _) in pairwise(ranges))
        assert ranges[-1][1] == 2**128 - 1
    count = {"StreamName": stream.name, "ScalingType": "UNIFORM_SCALING"}
    assert refused("update_shard_count", TargetShardCount=5, **count) == (
        "InvalidArgumentException",
        "UpdateShardCount cannot scale up over double your current open shard count. "
        "Current open shard count: 2 Target shard count: 5",
    )


def test_nothing_is_lost_while_shards_split_under_a_producer(kinesis, make_stream):
    stream = make_stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    put, done = [], threading.Event()

    def produce():
        while not done.is_set():
            rows = stream.put(*((str(len(put) + n), b"%d" % (len(put) + n)) for n in range(20)))
            put.extend(row["SequenceNumber"] for row in rows)

    producer = threading.Thread(target=produce)
    producer.start()
    for shard in ("shardId-0", "shardId-1", "shardId-4", "shardId-5"):
        found = kinesis.list_shards(StreamName=stream.name)["Shards"][int(shard[-1])]["HashKeyRange"]
        middle = (int(found["StartingHashKey"]) + int(found["EndingHashKey"])) // 2
        kinesis.split_shard(StreamName=stream.name, ShardToSplit=shard, NewStartingHashKey=str(middle))
    done.set()
    producer.join(30)
    data = [item for number in range(12) for item in stream.read(number)]
    assert sorted(map(int, data)) == list(range(len(put)))
    assert len(set(put)) == len(put) > 0


def test_shards_are_listed_by_pages_and_filters(kinesis, make_stream, refused):
    stream = make_stream(shards=5)
    page = kinesis.list_shards(StreamARN=stream.arn, MaxResults=3)
    rest = kinesis.list_shards(NextToken=page["NextToken"])
    assert [shard["ShardId"][-1] for shard in page["Shards"] + rest["Shards"]] == list("01234")
    assert "NextToken" not in rest
    after = stream.shards(ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000003"})
    assert [shard["ShardId"][-1] for shard in after] == ["4"]
    assert len(stream.shards(ShardFilter={"Type": "AT_TRIM_HORIZON"})) == 5
    assert len(stream.shards(ExclusiveStartShardId="shardId-000000000001")) == 3
    assert refused("list_shards")[1] == "Either NextToken or StreamName should be provided."
    assert refused("list_shards", StreamName=stream.name, NextToken=page["NextToken"])[0] == "InvalidArgumentException"
    described = kinesis.describe_stream(StreamName=stream.name, Limit=2)["StreamDescription"]
    assert (len(described["Shards"]), described["HasMoreShards"]) == (2, True)


def test_filters_by_time_and_shards_that_expire(moved_server):
    kinesis, clock = moved_server.client("kinesis"), moved_server.clock
    kinesis.create_stream(StreamName="s", ShardCount=1)
    born = clock.now()
    clock.move(3600)
    kinesis.split_shard(StreamName="s", ShardToSplit="shardId-0", NewStartingHashKey=str(HALF))

    clock.move(10)

    def listed(**shard_filter):
        found = kinesis.list_shards(StreamName="s", ShardFilter=shard_filter)["Shards"]
        return "".join(shard["ShardId"][-1] for shard in found)

    assert listed(Type="AT_TIMESTAMP", Timestamp=born + 60) == "0"
    assert listed(Type="FROM_TIMESTAMP", Timestamp=born + 3601) == "12"
    assert listed(Type="FROM_TIMESTAMP", Timestamp=born) == "012"
    assert listed(Type="AT_TRIM_HORIZON") == "0"
    assert listed(Type="FROM_TRIM_HORIZON") == "012"
    clock.move(24 * 3600)
    assert listed(Type="FROM_TRIM_HORIZON") == "12"
