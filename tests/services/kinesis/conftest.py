"""A Kinesis of the running server, and streams that go when a test ends."""

import itertools
import time
from contextlib import suppress

import pytest

from clary.access import Access
from clary.clock import Clock, MovedClock

_numbers = itertools.count()


@pytest.fixture(scope="session")
def kinesis(aws):
    return aws("kinesis")


class Stream:
    """One stream, as a test uses it."""

    def __init__(self, kinesis, name):
        self.kinesis, self.name = kinesis, name
        self.arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"

    def put(self, *records):
        """Records of (key, data); the rows of the answer."""
        rows = [{"PartitionKey": key, "Data": data} for key, data in records]
        return self.kinesis.put_records(StreamName=self.name, Records=rows)["Records"]

    def shards(self, **options):
        return self.kinesis.list_shards(StreamName=self.name, **options)["Shards"]

    def iterator(self, shard=0, kind="TRIM_HORIZON", **options):
        return self.kinesis.get_shard_iterator(
            StreamName=self.name, ShardId=f"shardId-{shard:012d}", ShardIteratorType=kind, **options
        )["ShardIterator"]

    def read(self, shard=0, kind="TRIM_HORIZON", **options):
        """The data of a shard from a place on, by one GetRecords."""
        answer = self.kinesis.get_records(ShardIterator=self.iterator(shard, kind, **options))
        return [record["Data"] for record in answer["Records"]]


@pytest.fixture
def make_stream(kinesis):
    made = []

    def make(shards=1, **options):
        name = f"stream-{next(_numbers)}"
        mode = options.get("StreamModeDetails", {}).get("StreamMode")
        options |= {} if mode == "ON_DEMAND" else {"ShardCount": shards}
        kinesis.create_stream(StreamName=name, **options)
        made.append(name)
        return Stream(kinesis, name)

    yield make
    for name in made:
        with suppress(kinesis.exceptions.ResourceNotFoundException):
            kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


@pytest.fixture
def stream(make_stream):
    return make_stream()


@pytest.fixture
def refused(kinesis):
    """`refused("get_records", ShardIterator="x")`: the code and the message of the refusal."""

    def call(operation, **request):
        with pytest.raises(kinesis.exceptions.ClientError) as caught:
            getattr(kinesis, operation)(**request)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


@pytest.fixture
def moved_server(tmp_path, monkeypatch):
    """A server of the test's own whose clock stands still, the limits of shards lifted."""
    from clary import server
    from clary.app import House
    from clary.config import Settings
    from clary.services.kinesis import store_measurements
    from clary.services.kinesis.life import trim
    from tests.conftest import running

    clock = MovedClock(time.time())
    monkeypatch.setattr(server, "House", lambda settings: House(settings, clock))
    with running(Settings(port=0, data_dir=tmp_path / "data", kinesis_limits=False)) as found:
        rooms = found.house.rooms
        rooms.access = Access(found.settings, rooms.records, Clock())  # boto3 signs by the time of day
        found.clock, found.folder = clock, tmp_path / "data"
        found.trim = lambda: trim(rooms)
        found.store_measurements = lambda: store_measurements(rooms)
        yield found
