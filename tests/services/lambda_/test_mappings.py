"""Event source mappings: what of a stream's records reaches a function, in which order, and how often."""

import base64
import itertools
import json
import time

import pytest

from clary.services.kinesis.get_records import Found
from clary.services.lambda_ import mapping_reader
from clary.services.lambda_.mapping_batch import Batch, Segment
from clary.services.lambda_.mapping_record import mapping_key
from tests.main_job import wait_until

_names = itertools.count()

# Prints each event, and fails as its variables have it.
WRITER = """
    import base64, json, os
    def handler(event, context):
        data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
        bad = [record["kinesis"]["sequenceNumber"] for record in event["Records"]
               if base64.b64decode(record["kinesis"]["data"]).decode() in os.environ.get("BAD", "").split(",")]
        print(json.dumps({"data": data, "event": event}))
        if bad and os.environ.get("REPORT"):
            return {"batchItemFailures": [{"itemIdentifier": bad[0]}]}
        if bad:
            raise ValueError("bad record")
"""


class Feed:
    """A stream, a function that notes what it gets, and the mapping between them."""

    def __init__(self, rooms, aws, client, make_function, shards=1, environment=None, **options):
        self.rooms, self.client, self.kinesis = rooms, client, aws("kinesis")
        self.name = f"lambda-feed-{next(_names)}"
        self.kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        self.arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{self.name}"
        self.function = make_function(WRITER, Timeout=60, Environment={"Variables": environment or {}})
        self.options = {"StartingPosition": "TRIM_HORIZON", **options}

    def connect(self):
        answer = self.client.create_event_source_mapping(
            EventSourceArn=self.arn, FunctionName=self.function.name, **self.options
        )
        self.uuid = answer["UUID"]
        return answer

    def put(self, *data, key="k"):
        rows = [{"Data": str(row).encode(), "PartitionKey": key} for row in data]
        assert self.kinesis.put_records(StreamName=self.name, Records=rows)["FailedRecordCount"] == 0

    def events(self):
        """The events so far, each with its data."""
        self.rooms.functions.logbook.flush()
        lines = self.rooms.logs.filter("000000000000", "us-east-1", f"/aws/lambda/{self.function.name}")
        return [json.loads(line.message) for line in lines if line.message.startswith('{"data"')]

    def batches(self):
        """The data of each event so far."""
        return [found["data"] for found in self.events()]

    def received(self, count):
        """All data, once there are so many."""
        return wait_until(lambda: len(found := list(itertools.chain(*self.batches()))) >= count and found)

    def state(self):
        return self.client.get_event_source_mapping(UUID=self.uuid)


@pytest.fixture
def make_feed(server, aws, client, make_function):
    made = []

    def make(**options):
        made.append(Feed(server.house.rooms, aws, client, make_function, **options))
        return made[-1]

    yield make
    for feed in made:
        for row in client.list_event_source_mappings(EventSourceArn=feed.arn)["EventSourceMappings"]:
            client.delete_event_source_mapping(UUID=row["UUID"])
        feed.kinesis.delete_stream(StreamName=feed.name)


def test_records_reach_the_function_in_order_in_lambdas_event(make_feed, client):
    feed = make_feed(BatchSize=4)
    feed.put(*range(10))
    created = feed.connect()
    assert (created["State"], created["LastProcessingResult"]) == ("Creating", "No records processed")
    assert created["FunctionArn"] == feed.function.arn
    assert created["EventSourceMappingArn"].endswith(f":event-source-mapping:{feed.uuid}")
    assert feed.received(10) == [str(number) for number in range(10)]
    assert [len(batch) for batch in feed.batches()] == [4, 4, 2]
    record = feed.events()[0]["event"]["Records"][0]
    kinesis = record.pop("kinesis")
    assert record == {
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{kinesis['sequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/ClaryExecutionRole",
        "awsRegion": "us-east-1",
        "eventSourceARN": feed.arn,
    }
    assert kinesis.pop("approximateArrivalTimestamp") == pytest.approx(time.time(), abs=120)
    assert kinesis == {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": "k",
        "sequenceNumber": kinesis["sequenceNumber"],
        "data": base64.b64encode(b"0").decode(),
    }
    feed.put("later")
    assert feed.received(11)[-1] == "later"
    wait_until(lambda: feed.state()["LastProcessingResult"] == "OK")
    assert feed.state()["State"] == "Enabled"


def test_latest_begins_behind_what_is_there(make_feed):
    feed = make_feed(StartingPosition="LATEST")
    feed.put("before")
    feed.connect()
    feed.put("after")
    assert feed.received(1) == ["after"]


def test_a_timestamp_begins_with_what_came_then_or_later(make_feed):
    feed = make_feed()
    feed.put("before")
    (row,) = feed.kinesis.get_records(
        ShardIterator=feed.kinesis.get_shard_iterator(
            StreamName=feed.name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    )["Records"]
    time.sleep(0.01)  # arrivals are told by the millisecond
    feed.put("after")
    moment = row["ApproximateArrivalTimestamp"].timestamp() + 0.001
    feed.options = {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": moment}
    feed.connect()
    assert feed.received(1) == ["after"]


def test_a_stream_that_is_made_anew_is_read_from_its_beginning(make_feed):
    feed = make_feed()
    feed.connect()
    feed.put(*range(5))
    feed.received(5)
    feed.kinesis.delete_stream(StreamName=feed.name)
    feed.kinesis.create_stream(StreamName=feed.name, ShardCount=1)
    feed.put("new")
    assert feed.received(6)[-1] == "new"


def test_a_disabled_mapping_reads_on_where_it_was(make_feed, client, server):
    feed = make_feed()
    feed.connect()
    feed.put("a")
    assert feed.received(1) == ["a"]
    assert client.update_event_source_mapping(UUID=feed.uuid, Enabled=False)["State"] == "Disabling"
    key = mapping_key("000000000000", "us-east-1", feed.uuid)
    wait_until(lambda: not any(feed.uuid in name.name for name in server.house.rooms.functions.readers))
    feed.put("b")
    assert mapping_reader.look(server.house.rooms, key) is None
    assert feed.state()["State"] == "Disabled"
    assert client.update_event_source_mapping(UUID=feed.uuid, Enabled=True, BatchSize=7)["State"] == "Enabling"
    assert feed.received(2) == ["a", "b"]
    assert feed.state()["BatchSize"] == 7


def test_children_are_read_after_their_parents(make_feed):
    feed = make_feed(BatchSize=1)
    feed.put(*range(5))
    feed.kinesis.split_shard(StreamName=feed.name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    feed.put(*range(5, 10))
    feed.connect()
    assert feed.received(10) == [str(number) for number in range(10)]
    shards = [row["event"]["Records"][0]["eventID"].partition(":")[0][-1] for row in feed.events()]
    assert shards[:5] == ["0"] * 5
    assert len(set(shards[5:])) == 1
    feed.kinesis.update_shard_count(StreamName=feed.name, TargetShardCount=1, ScalingType="UNIFORM_SCALING")
    feed.put("merged")
    assert feed.received(11)[-1] == "merged"


def test_a_failing_batch_is_tried_again_and_then_told_to_a_bucket(make_feed, aws):
    bucket = f"lambda-failures-{next(_names)}"
    aws("s3").create_bucket(Bucket=bucket)
    target = {"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}}
    feed = make_feed(environment={"BAD": "2"}, MaximumRetryAttempts=1, DestinationConfig=target)
    feed.put(1, 2, 3)
    feed.connect()
    (row,) = wait_until(lambda: aws("s3").list_objects_v2(Bucket=bucket).get("Contents"))
    assert row["Key"].startswith(f"aws/lambda/{feed.uuid}/shardId-000000000000/20")
    told = json.loads(aws("s3").get_object(Bucket=bucket, Key=row["Key"])["Body"].read())
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 2
    assert told["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert told["KinesisBatchInfo"]["batchSize"] == 3
    assert told["KinesisBatchInfo"]["streamArn"] == feed.arn
    assert len(told["payload"]["Records"]) == 3
    assert feed.batches() == [["1", "2", "3"], ["1", "2", "3"]]
    feed.put("next")
    assert feed.received(7)[-1] == "next"


def test_what_is_too_old_is_told_to_the_bucket_and_never_given(make_feed, aws, server):
    bucket = f"lambda-old-{next(_names)}"
    aws("s3").create_bucket(Bucket=bucket)
    target = {"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}}
    feed = make_feed(MaximumRecordAgeInSeconds=60, DestinationConfig=target)
    feed.connect()
    rooms = server.house.rooms
    mapping = rooms.records.get(mapping_key("000000000000", "us-east-1", feed.uuid))
    now = rooms.clock.now()
    records = [Found("1", now - 100, b"old", "k"), Found("2", now, b"fresh", "k")]
    batch = Batch(rooms, "shardId-000000000000", [Segment(records)])
    batch.step(mapping)
    assert batch.next_record == "2"
    (row,) = aws("s3").list_objects_v2(Bucket=bucket)["Contents"]
    told = json.loads(aws("s3").get_object(Bucket=bucket, Key=row["Key"])["Body"].read())
    assert (told["requestContext"]["condition"], told["KinesisBatchInfo"]["endSequenceNumber"]) == (
        "RecordAgeExceeded",
        "1",
    )
    assert "responseContext" not in told
    batch.step(mapping)
    assert (batch.segments, feed.batches()) == ([], [["fresh"]])


def test_bisecting_isolates_the_bad_record(make_feed):
    feed = make_feed(environment={"BAD": "5"}, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    feed.put(*range(8))
    feed.connect()
    wait_until(lambda: feed.batches().count(["5"]) == 2 and feed.batches()[-1] == ["6", "7"])
    assert feed.batches() == [
        [str(number) for number in range(8)],
        ["0", "1", "2", "3"],
        ["4", "5", "6", "7"],
        ["4", "5"],
        ["4"],
        ["5"],
        ["5"],
        ["6", "7"],
    ]


def test_a_function_reports_where_it_failed(make_feed):
    feed = make_feed(
        environment={"BAD": "2", "REPORT": "1"},
        MaximumRetryAttempts=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    feed.put(0, 1, 2, 3)
    feed.connect()
    feed.put(4)
    feed.received(7)
    wait_until(lambda: feed.batches()[-1][-1] == "4")
    assert feed.batches()[0][:3] == ["0", "1", "2"]
    assert feed.batches()[1][0] == "2"  # what came before was handled


def test_filters_let_through_what_fits(make_feed):
    pattern = {"data": {"kind": ["a", {"prefix": "b"}], "size": [{"numeric": [">", 1, "<=", 5]}]}}
    feed = make_feed(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    rows = [("a", 2), ("bb", 5), ("c", 3), ("a", 1), ("a", 6)]
    feed.put(*(json.dumps({"kind": kind, "size": size}) for kind, size in rows), "no json", "[" * 5000)
    feed.connect()
    found = [json.loads(row) for row in feed.received(2)]
    assert found == [{"kind": "a", "size": 2}, {"kind": "bb", "size": 5}]


def test_several_batches_of_a_shard_run_at_a_time_a_key_in_order(make_feed):
    feed = make_feed(ParallelizationFactor=3, BatchSize=2)
    for number in range(6):
        for key in "abc":
            feed.put(f"{key}{number}", key=key)
    feed.connect()
    found = feed.received(18)
    assert sorted(found) == sorted(f"{key}{number}" for key in "abc" for number in range(6))
    for key in "abc":
        assert [row for row in found if row[0] == key] == [f"{key}{number}" for number in range(6)]


def test_what_can_not_be_done_is_refused_by_name(make_feed, refused):
    feed = make_feed()
    whole = {"EventSourceArn": feed.arn, "FunctionName": feed.function.name, "StartingPosition": "LATEST"}
    for changes, told in (
        ({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"}, "EventSourceArn asks for SQS queues"),
        ({"EventSourceArn": "arn:aws:s3:::b"}, "Unrecognized event source."),
        ({"EventSourceArn": feed.arn + "x"}, f"Stream not found: {feed.arn}x"),
        ({"FunctionName": "nobody"}, "Function does not exist"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPositionTimestamp must be given"),
        ({"TumblingWindowInSeconds": 5}, "TumblingWindowInSeconds asks for tumbling windows"),
        ({"MaximumRecordAgeInSeconds": 5}, "Member must be -1 or have value greater than or equal to 60"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}}}, "are buckets."),
        ({"FilterCriteria": {"Filters": [{"Pattern": "["}]}}, "Invalid filter pattern definition."),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"a": [{"cidr": "x"}]}'}]}}, "does not know the rule 'cidr'"),
    ):
        code, message = refused("create_event_source_mapping", **{**whole, **changes})
        assert (code, told in message) == ("InvalidParameterValueException", True), message
    del whole["StartingPosition"]
    assert "'startingPosition' failed" in refused("create_event_source_mapping", **whole)[1]
    feed.connect()
    code, message = refused("create_event_source_mapping", **whole, StartingPosition="LATEST")
    assert code == "ResourceConflictException"
    assert message.endswith(f"Please update or delete the existing mapping with UUID {feed.uuid}")
    unknown = {"UUID": "00000000-0000-0000-0000-000000000000"}
    for operation in ("get_event_source_mapping", "delete_event_source_mapping", "update_event_source_mapping"):
        assert refused(operation, **unknown) == (
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        )
