"""Streams, their settings, tags, policies and metrics."""

import time

import pytest


def test_a_stream_lives_and_goes(kinesis, make_stream, refused):
    stream = make_stream(shards=2, Tags={"team": "belts"})
    kinesis.get_waiter("stream_exists").wait(StreamName=stream.name)
    described = kinesis.describe_stream(StreamARN=stream.arn)["StreamDescription"]
    assert described["StreamARN"] == stream.arn
    assert described["StreamStatus"] == "ACTIVE"
    assert described["RetentionPeriodHours"] == 24
    assert described["EncryptionType"] == "NONE"
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert [shard["ShardId"] for shard in described["Shards"]] == ["shardId-000000000000", "shardId-000000000001"]
    assert refused("create_stream", StreamName=stream.name, ShardCount=1) == (
        "ResourceInUseException",
        f"Stream {stream.name} under account 000000000000 already exists.",
    )
    assert stream.name in kinesis.list_streams(Limit=1000)["StreamNames"]
    kinesis.delete_stream(StreamName=stream.name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=stream.name)
    assert refused("put_record", StreamName=stream.name, PartitionKey="k", Data=b"") == (
        "ResourceNotFoundException",
        f"Stream {stream.name} under account 000000000000 not found.",
    )


def test_a_new_stream_of_an_old_name_is_empty(kinesis, stream, refused):
    stream.put(("k", b"old"))
    iterator = stream.iterator()
    kinesis.delete_stream(StreamName=stream.name)
    kinesis.create_stream(StreamName=stream.name, ShardCount=1)
    assert stream.read() == []
    assert refused("get_records", ShardIterator=iterator)[0] == "ResourceNotFoundException"


def test_a_time_of_creation_tells_a_stream_from_an_earlier_one(kinesis, stream, refused):
    summary = kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"]
    arn, made = summary["StreamARN"], summary["StreamCreationTimestamp"]
    assert kinesis.list_shards(StreamName=stream.name, StreamCreationTimestamp=made)["Shards"]
    assert kinesis.list_stream_consumers(StreamARN=arn, StreamCreationTimestamp=made)["Consumers"] == []
    earlier = made.timestamp() - 60
    gone = "ResourceNotFoundException"
    assert refused("list_shards", StreamName=stream.name, StreamCreationTimestamp=earlier)[0] == gone
    assert refused("list_stream_consumers", StreamARN=arn, StreamCreationTimestamp=earlier)[0] == gone


def test_modes(kinesis, make_stream, refused):
    stream = make_stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert len(stream.shards()) == 4
    count = {"StreamName": stream.name, "TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"}
    assert refused("update_shard_count", **count)[0] == "ValidationException"
    kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    kinesis.update_shard_count(**count)
    limits = kinesis.describe_limits()
    assert limits["OpenShardCount"] >= 8
    code, message = refused("create_stream", StreamName="much", ShardCount=10_001)
    assert code == "LimitExceededException"
    assert "Number of additional shards that would have resulted from this request: 10001." in message


def test_retention(kinesis, stream, refused):
    def hours(operation, hours):
        return refused(f"{operation}_stream_retention_period", StreamName=stream.name, RetentionPeriodHours=hours)[1]

    assert hours("increase", 23) == (
        "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."
    )
    assert hours("increase", 8761).startswith("Maximum allowed retention period is 8760 hours.")
    assert "Use IncreaseRetentionPeriod API." in hours("decrease", 48)
    kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=8760)
    assert "Use DecreaseRetentionPeriod API." in hours("increase", 48)


def test_names_and_arns(stream, refused):
    assert refused("describe_stream")[1] == "Either StreamARN or StreamName must be specified."
    arn = stream.arn.replace("us-east-1", "eu-west-1")
    assert refused("describe_stream", StreamARN=arn)[0] == "ResourceNotFoundException"
    assert refused("describe_stream", StreamARN=stream.arn, StreamName="other")[0] == "InvalidArgumentException"


def test_streams_are_listed_by_pages(kinesis, make_stream):
    names = sorted(make_stream().name for _ in range(3))
    page = kinesis.list_streams(ExclusiveStartStreamName=names[0], Limit=1)
    assert (page["StreamNames"], page["HasMoreStreams"]) == ([names[1]], True)
    found = [name for page in kinesis.get_paginator("list_streams").paginate(Limit=1) for name in page["StreamNames"]]
    assert [name for name in found if name in names] == names


def test_tags(kinesis, stream, refused):
    kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"a": "1", "b": ""})
    kinesis.tag_resource(ResourceARN=stream.arn, Tags={"c": "3"})
    page = kinesis.list_tags_for_stream(StreamName=stream.name, Limit=2)
    assert page["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    assert page["HasMoreTags"]
    kinesis.remove_tags_from_stream(StreamName=stream.name, TagKeys=["a"])
    kinesis.untag_resource(ResourceARN=stream.arn, TagKeys=["b"])
    assert kinesis.list_tags_for_resource(ResourceARN=stream.arn)["Tags"] == [{"Key": "c", "Value": "3"}]
    many = {str(number): "" for number in range(50)}
    code, message = refused("add_tags_to_stream", StreamName=stream.name, Tags=many)
    assert code == "InvalidArgumentException"
    assert "cannot have more than 50 tags" in message
    assert "invalid characters" in refused("add_tags_to_stream", StreamName=stream.name, Tags={"a*": ""})[1]


def test_policies(kinesis, stream, refused):
    policy = '{"Version": "2012-10-17", "Statement": []}'
    kinesis.put_resource_policy(ResourceARN=stream.arn, Policy=policy)
    assert kinesis.get_resource_policy(ResourceARN=stream.arn)["Policy"] == policy
    kinesis.delete_resource_policy(ResourceARN=stream.arn)
    assert kinesis.get_resource_policy(ResourceARN=stream.arn)["Policy"] == "{}"
    assert refused("put_resource_policy", ResourceARN=stream.arn, Policy="{")[0] == "InvalidArgumentException"


def test_encryption_is_kept_and_told(kinesis, stream, refused):
    key = {"StreamName": stream.name, "KeyId": "alias/aws/kinesis"}
    kinesis.start_stream_encryption(**key, EncryptionType="KMS")
    for described in (
        kinesis.describe_stream(StreamName=stream.name)["StreamDescription"],
        kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"],
    ):
        assert (described["EncryptionType"], described["KeyId"]) == ("KMS", "alias/aws/kinesis")
    record = {"Data": b"x", "PartitionKey": "k"}
    assert kinesis.put_record(StreamName=stream.name, **record)["EncryptionType"] == "KMS"
    assert kinesis.put_records(StreamName=stream.name, Records=[record])["EncryptionType"] == "KMS"
    assert refused("start_stream_encryption", **key, EncryptionType="NONE")[0] == "InvalidArgumentException"
    kinesis.stop_stream_encryption(**key, EncryptionType="KMS")
    described = kinesis.describe_stream(StreamName=stream.name)["StreamDescription"]
    assert (described["EncryptionType"], "KeyId" in described) == ("NONE", False)


def test_what_a_stream_counts(moved_server):
    kinesis, cloudwatch = moved_server.client("kinesis"), moved_server.client("cloudwatch")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    answer = kinesis.enable_enhanced_monitoring(StreamName="s", ShardLevelMetrics=["IncomingBytes", "OutgoingRecords"])
    assert answer["CurrentShardLevelMetrics"] == []
    kinesis.put_records(StreamName="s", Records=[{"PartitionKey": "k", "Data": b"12345"}] * 3)
    iterator = kinesis.get_shard_iterator(StreamName="s", ShardId="shardId-0", ShardIteratorType="TRIM_HORIZON")
    kinesis.get_records(ShardIterator=iterator["ShardIterator"])
    moved_server.store_measurements()

    def total(metric, **dimensions):
        now = moved_server.clock.now()
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Kinesis",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in {"StreamName": "s", **dimensions}.items()],
            StartTime=now - 600,
            EndTime=now + 60,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    assert total("IncomingRecords") == total("GetRecords.Records") == 3
    assert total("IncomingBytes") == 15
    assert total("PutRecords.SuccessfulRecords") == 3
    assert total("IncomingBytes", ShardId="shardId-000000000000") == 15
    assert total("IncomingRecords", ShardId="shardId-000000000000") == 0
    answer = kinesis.disable_enhanced_monitoring(StreamName="s", ShardLevelMetrics=["ALL"])
    assert answer["DesiredShardLevelMetrics"] == []


def test_a_consumer_is_pushed_what_comes(kinesis, stream, refused):
    stream.put(("k", b"one"))
    consumer = kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="c")["Consumer"]
    assert consumer["ConsumerStatus"] == "ACTIVE"
    again = {"StreamARN": stream.arn, "ConsumerName": "c"}
    assert refused("register_stream_consumer", **again)[0] == "ResourceInUseException"
    assert refused("delete_stream", StreamName=stream.name)[0] == "ResourceInUseException"
    described = kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"]
    assert described["StreamARN"] == stream.arn
    assert [row["ConsumerName"] for row in kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]] == ["c"]

    start = {"Type": "TRIM_HORIZON"}
    subscription = {"ConsumerARN": consumer["ConsumerARN"], "ShardId": "shardId-000000000000"}
    events = iter(kinesis.subscribe_to_shard(**subscription, StartingPosition=start)["EventStream"])
    assert refused("subscribe_to_shard", **subscription, StartingPosition=start)[0] == "ResourceInUseException"
    first = next(events)["SubscribeToShardEvent"]
    assert [record["Data"] for record in first["Records"]] == [b"one"]
    before = time.monotonic()
    stream.put(("k", b"two"))
    second = next(event for event in pushed(events) if event["Records"])
    assert [record["Data"] for record in second["Records"]] == [b"two"]
    assert time.monotonic() - before < 4
    number = second["ContinuationSequenceNumber"]
    kinesis.split_shard(StreamName=stream.name, ShardToSplit="shardId-0", NewStartingHashKey=str(2**127))
    last = list(pushed(events))[-1]
    assert len(last["ChildShards"]) == 2
    assert stream.read(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number) == []
    kinesis.deregister_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    assert refused("describe_stream_consumer", **again)[0] == "ResourceNotFoundException"


def pushed(events):
    for event in events:
        yield event["SubscribeToShardEvent"]


def test_all_forms_of_one_refusal(kinesis):
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.list_stream_consumers(StreamARN="arn:aws:kinesis:us-east-1:000000000000:stream/none")
