"""A Firehose whose clock a test moves, and delivery streams that go to a bucket of the test's."""

import itertools
import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from clary.access import Access
from clary.clock import Clock, MovedClock
from clary.services.firehose import store_measurements

_numbers = itertools.count()
ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


class Firehose:
    """A server of its own, its clock standing still, and clients of it."""

    def __init__(self, server, clock):
        self.server, self.clock = server, clock
        self.client, self.s3 = server.client("firehose"), server.client("s3")
        self.bucket = f"lake-{next(_numbers)}"
        self.s3.create_bucket(Bucket=self.bucket)

    @property
    def deliveries(self):
        return self.server.house.rooms.delivery

    def place(self, **more):
        """What every destination in S3 has."""
        return {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{self.bucket}", **more}

    def create(self, name=None, *, stream=None, **destination):
        """A delivery stream into the bucket; its name."""
        name = name or f"hose-{next(_numbers)}"
        options = {"DeliveryStreamName": name, **(stream or {})}
        self.client.create_delivery_stream(ExtendedS3DestinationConfiguration=self.place(**destination), **options)
        return name

    def put(self, name, *data):
        """Put records; all must be taken."""
        for start in range(0, len(data), 500):
            rows = [{"Data": item if isinstance(item, bytes) else item.encode()} for item in data[start : start + 500]]
            assert self.client.put_record_batch(DeliveryStreamName=name, Records=rows)["FailedPutCount"] == 0

    def pass_time(self, seconds=900):
        """Let time pass and deliver what is due then."""
        self.clock.move(seconds)
        self.deliveries.deliver_due()

    def objects(self, prefix=""):
        """All objects of the bucket, by key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def only(self, prefix=""):
        """The only object's key and bytes."""
        [(key, body)] = self.objects(prefix).items()
        return key, body

    def measured(self, name, metric, statistic="Sum"):
        """What CloudWatch has of a delivery stream in the last hour; None for nothing."""
        store_measurements(self.server.house.rooms)
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        points = self.server.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Firehose",
            MetricName=metric,
            Dimensions=[{"Name": "DeliveryStreamName", "Value": name}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=[statistic],
        )["Datapoints"]
        return points[0][statistic] if points else None

    def logged(self, name):
        """What the log that `logging(name)` asks for tells, as (code, message)."""
        where = logging(name)["CloudWatchLoggingOptions"]
        found = self.server.client("logs").get_log_events(
            logGroupName=where["LogGroupName"], logStreamName=where["LogStreamName"], startFromHead=True
        )
        lines = [json.loads(event["message"]) for event in found["events"]]
        return [(line["errorCode"], line["message"]) for line in lines]

    def refused(self, operation, **request):
        """The code and the message of a refusal."""
        with pytest.raises(self.client.exceptions.ClientError) as caught:
            getattr(self.client, operation)(**request)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]


def logging(name):
    """The option of a destination that tells its problems in a log."""
    where = {"LogGroupName": f"/aws/kinesisfirehose/{name}", "LogStreamName": "DestinationDelivery"}
    return {"CloudWatchLoggingOptions": {"Enabled": True, **where}}


@pytest.fixture(scope="session")
def moved_house(tmp_path_factory):
    """One server for all these tests."""
    from clary import server
    from clary.app import House
    from clary.config import Settings
    from tests.conftest import running

    clock = MovedClock(NOON)
    settings = Settings(port=0, data_dir=tmp_path_factory.mktemp("firehose") / "data", kinesis_limits=False)
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "House", lambda settings: House(settings, clock))
            found = stack.enter_context(running(settings))
        rooms = found.house.rooms
        rooms.access = Access(found.settings, rooms.records, Clock())  # boto3 signs by the time of day
        yield found, clock


@pytest.fixture
def firehose(moved_house):
    server, clock = moved_house
    clock.time = max(NOON, clock.time)
    found = Firehose(server, clock)
    yield found
    client = found.client
    for name in client.list_delivery_streams(Limit=1000)["DeliveryStreamNames"]:
        client.delete_delivery_stream(DeliveryStreamName=name)


@pytest.fixture
def table(firehose):
    """The client of Glue, and the database of a table of conveyor belts."""
    glue = firehose.server.client("glue")
    name = f"db{next(_numbers)}"
    glue.create_database(DatabaseInput={"Name": name})
    columns = {"belt_id": "int", "belt_temp": "double", "at": "timestamp", "tags": "map<string,int>"}
    storage = {"Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()]}
    glue.create_table(DatabaseName=name, TableInput={"Name": "belts", "StorageDescriptor": storage})
    return glue, name


def conversion(database, *, output=None, read=None, **schema):
    """The options of a destination that converts by the table."""
    return {
        "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
        "DataFormatConversionConfiguration": {
            "Enabled": True,
            "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": database, "TableName": "belts", **schema},
            "InputFormatConfiguration": {"Deserializer": read or {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": output or {"ParquetSerDe": {}}},
        },
    }
