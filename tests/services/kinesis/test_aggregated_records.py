"""Records that the Kinesis Producer Library packs into one stay whole, and consumers can split them."""

from base64 import b64encode

from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records


def test_what_a_producer_packs_a_consumer_unpacks(kinesis, stream):
    aggregator = RecordAggregator()
    for number in range(100):
        aggregator.add_user_record(f"belt-{number % 7}", b'{"n": %d}' % number)
    key, _, packed = aggregator.clear_and_get().get_contents()
    kinesis.put_record(StreamName=stream.name, PartitionKey=key, Data=packed)
    [record] = kinesis.get_records(ShardIterator=stream.iterator())["Records"]
    assert record["Data"] == packed
    as_lambda_has_it = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": record["SequenceNumber"],
            "partitionKey": record["PartitionKey"],
            "approximateArrivalTimestamp": 0,
            "data": b64encode(record["Data"]),
        }
    }
    split = [found["kinesis"] for found in deaggregate_records([as_lambda_has_it])]
    assert [found["partitionKey"] for found in split] == [f"belt-{number % 7}" for number in range(100)]
