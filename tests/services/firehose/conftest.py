"""A Firehose whose clock a test moves, and delivery streams that go to a bucket of the test's."""

import itertools
from contextlib import ExitStack

import pytest

from clary.access import Access
from clary.clock import Clock, MovedClock

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

    def refused(self, operation, **request):
        """The code and the message of a refusal."""
        with pytest.raises(self.client.exceptions.ClientError) as caught:
            getattr(self.client, operation)(**request)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]


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
