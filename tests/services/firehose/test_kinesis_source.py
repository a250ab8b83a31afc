"""Delivery streams that read a Kinesis stream: from its end on, through its resharding, packed records taken apart."""

import itertools

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from clary.delivery.aggregated import unpack
from clary.delivery.records import Record
from tests.main_job import wait_until
from tests.services.firehose.conftest import ROLE

_numbers = itertools.count()


class Belts:
    """A Kinesis stream."""

    def __init__(self, client):
        self.client, self.name = client, f"belts-{next(_numbers)}"
        client.create_stream(StreamName=self.name, ShardCount=2)
        self.arn = client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]["StreamARN"]

    def put(self, *data):
        rows = [{"PartitionKey": str(number), "Data": item} for number, item in enumerate(data)]
        assert self.client.put_records(StreamName=self.name, Records=rows)["FailedRecordCount"] == 0


@pytest.fixture
def belts(firehose):
    found = Belts(firehose.server.client("kinesis"))
    yield found
    found.client.delete_stream(StreamName=found.name)


def source(belts):
    return {
        "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": belts.arn, "RoleARN": ROLE},
    }


def delivered(firehose):
    return sorted(b"".join(firehose.objects().values()).split())


def test_what_comes_into_the_stream_is_delivered_once(firehose, belts):
    belts.put(b"before\n")
    name = firehose.create(stream=source(belts), BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 60})
    described = firehose.client.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    assert described["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"] == belts.arn
    belts.put(*[b"first-%d\n" % number for number in range(20)])
    firehose.pass_time(59)
    assert delivered(firehose) == []
    firehose.pass_time(1)
    assert len(delivered(firehose)) == 20
    belts.put(b"second\n")
    firehose.pass_time(60)
    firehose.pass_time(60)
    assert sorted({*delivered(firehose)}) == delivered(firehose)
    assert b"second" in delivered(firehose)
    assert b"before" not in delivered(firehose)
    assert firehose.refused("put_record", DeliveryStreamName=name, Record={"Data": b"x"}) == (
        "InvalidSourceException",
        "This operation is not permitted on KinesisStreamAsSource delivery stream type.",
    )


def test_shards_may_be_split_and_merged(firehose, belts):
    firehose.create(stream=source(belts), BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 60})
    belts.put(*[b"a%d\n" % number for number in range(10)])
    belts.client.update_shard_count(StreamName=belts.name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    belts.put(*[b"b%d\n" % number for number in range(10)])
    firehose.pass_time(60)
    belts.client.update_shard_count(StreamName=belts.name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    belts.put(*[b"c%d\n" % number for number in range(10)])
    firehose.pass_time(60)
    assert delivered(firehose) == sorted(f"{letter}{n}".encode() for letter in "abc" for n in range(10))


def test_many_records_are_delivered_batch_by_batch(firehose, belts):
    firehose.create(stream=source(belts), BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    for start in range(30):
        belts.put(*[b"%03d-%03d " % (start, n) + b"x" * 10_000 + b"\n" for n in range(10)])
    firehose.deliveries.deliver_due()
    early = [word for word in delivered(firehose) if not word.startswith(b"x")]
    assert 200 <= len(early) < 300
    firehose.pass_time(900)
    words = [word for word in delivered(firehose) if not word.startswith(b"x")]
    assert words == sorted(b"%03d-%03d" % (start, n) for start in range(30) for n in range(10))


def packed(*data):
    aggregator = RecordAggregator()
    for number, item in enumerate(data):
        aggregator.add_user_record(f"key-{number}", item)
    return aggregator.clear_and_get().get_contents()[2]


def test_packed_records_are_taken_apart(firehose, belts):
    firehose.create(stream=source(belts))
    belts.put(packed(b"one\n", b"two\n"), b"three\n")
    firehose.pass_time()
    assert delivered(firehose) == [b"one", b"three", b"two"]


def test_unpacking():
    data = packed(b"one", b"", b"three")
    found = unpack(Record(data, 5, "k", "s", "shard"))
    assert [(row.data, row.key, row.sub, row.sequence) for row in found] == [
        (b"one", "key-0", 0, "s"),
        (b"", "key-1", 1, "s"),
        (b"three", "key-2", 2, "s"),
    ]
    for damaged in (data[:-1] + b"x", data[:4], data[:4] + bytes(40), b"plain"):
        assert unpack(Record(damaged, 5)) == [Record(damaged, 5)]


def test_a_source_that_is_wrong_is_refused(firehose, belts):
    request = {"DeliveryStreamName": "wrong", "ExtendedS3DestinationConfiguration": firehose.place()}
    missing = source(belts)
    missing["KinesisStreamSourceConfiguration"]["KinesisStreamARN"] += "-not"
    assert firehose.refused("create_delivery_stream", **request, **missing)[0] == "ResourceNotFoundException"
    only = {"DeliveryStreamType": "KinesisStreamAsSource"}
    assert firehose.refused("create_delivery_stream", **request, **only)[0] == "InvalidArgumentException"


def test_a_source_that_goes_and_comes_back_is_read_from_its_beginning(firehose, belts):
    name = firehose.create(stream=source(belts))
    belts.put(b"lost with its stream\n")
    belts.client.delete_stream(StreamName=belts.name)
    firehose.pass_time()
    belts.client.create_stream(StreamName=belts.name, ShardCount=2)
    belts.put(b"again\n", b"and again\n")
    firehose.deliveries.deliver_due()
    firehose.pass_time()
    assert delivered(firehose) == [b"again", b"again", b"and"]
    assert name in firehose.client.list_delivery_streams()["DeliveryStreamNames"]


def test_a_source_that_comes_back_is_read_at_once(firehose, belts):
    firehose.create(stream=source(belts), BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0})
    belts.client.delete_stream(StreamName=belts.name)
    firehose.deliveries.deliver_due()
    belts.client.create_stream(StreamName=belts.name, ShardCount=1)
    belts.put(b"again\n")
    wait_until(lambda: delivered(firehose) == [b"again"], "the new stream is not read", 5)
