"""`clary serve` killed again and again during PutRecords: no acknowledged record is missing, none is doubled.

`KILLS=50 pytest tests/kill/test_stream_kill.py` kills it as often as that.
"""

import os
import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.kill.killed_server import Server

KILLS, SEED, PRODUCERS, SHARDS = int(os.environ.get("KILLS", "3")), 11, 3, 4

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 20 * KILLS)]


@pytest.fixture
def server(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    server = Server(tmp_path, CLARY_KINESIS_LIMITS="false")
    yield server
    server.close()


class Producer(threading.Thread):
    """Puts numbered records until it is stopped; goes on with other numbers after an answer that never came."""

    def __init__(self, server, name):
        super().__init__()
        self.kinesis, self.name_, self.acknowledged, self.stopped = server.client("kinesis"), name, {}, False

    def run(self):
        sent = 0
        while not self.stopped:
            data = [f"{self.name_}-{sent + n}" for n in range(50)]
            sent += len(data)
            rows = [{"PartitionKey": item, "Data": item.encode() + bytes(500)} for item in data]
            try:
                answer = self.kinesis.put_records(StreamName="kept", Records=rows)
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
                continue
            if "Records" not in answer:  # boto3 takes an answer that a kill has cut off for an empty one
                continue
            for item, row in zip(data, answer["Records"], strict=True):
                self.acknowledged[item] = row["SequenceNumber"]


def records_of(kinesis, shard):
    """Everything in a shard, as (data, sequence number)."""
    iterator = kinesis.get_shard_iterator(StreamName="kept", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator, found = iterator["ShardIterator"], []
    while True:
        answer = kinesis.get_records(ShardIterator=iterator)
        found += [(row["Data"].rstrip(b"\0").decode(), row["SequenceNumber"]) for row in answer["Records"]]
        iterator = answer["NextShardIterator"]
        if not answer["Records"] and not answer["MillisBehindLatest"]:
            return found


def test_no_acknowledged_record_is_missing_or_doubled(server):
    moments = random.Random(SEED)
    server.client("kinesis").create_stream(StreamName="kept", ShardCount=SHARDS)
    producers = [Producer(server, f"p{number}") for number in range(PRODUCERS)]
    for producer in producers:
        producer.start()
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.1, 1.5))  # while it is busy: no state is waited for
        server.kill()
        server.start()
    time.sleep(0.5)
    for producer in producers:
        producer.stopped = True
        producer.join(60)
    kinesis = server.client("kinesis")
    found = [row for number in range(SHARDS) for row in records_of(kinesis, f"shardId-{number:012d}")]
    acknowledged = {item: number for producer in producers for item, number in producer.acknowledged.items()}
    assert len(acknowledged) > 50 * KILLS
    assert len({data for data, _ in found}) == len(found)
    assert len({number for _, number in found}) == len(found)
    assert acknowledged.items() <= dict(found).items()
