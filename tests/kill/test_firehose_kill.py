"""`clary serve` killed again and again while it delivers: no acknowledged record is missing in S3, none is doubled.

`KILLS=50 SEED=7 pytest tests/kill/test_firehose_kill.py` kills it as often as that, at other moments.
"""

import collections
import io
import os
import random
import threading
import time

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.main_job import wait_until
from tests.services.firehose.conftest import ROLE

KILLS, SEED = int(os.environ.get("KILLS", "3")), int(os.environ.get("SEED", "11"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 20 * KILLS)]

BUCKET = "delivered"
LINES, COLUMNS = "lines", "columns"


class Producer(threading.Thread):
    """Puts numbered records until it is stopped; goes on with other numbers after an answer that never came."""

    def __init__(self, server, stream):
        super().__init__()
        self.firehose, self.stream, self.acknowledged, self.stopped = server.client("firehose"), stream, set(), False

    def run(self):
        sent = 0
        while not self.stopped:
            numbers = range(sent, sent + 50)
            sent += 50
            rows = [{"Data": b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * 400)} for number in numbers]
            try:
                answer = self.firehose.put_record_batch(DeliveryStreamName=self.stream, Records=rows)
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
                continue
            if "FailedPutCount" not in answer:  # boto3 takes an answer that a kill has cut off for an empty one
                continue
            assert answer["FailedPutCount"] == 0
            self.acknowledged.update(numbers)


def place(prefix, **more):
    return {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{BUCKET}", "Prefix": f"{prefix}/", **more}


def create(server):
    """A stream of lines and one of Parquet, both delivering as soon as they can."""
    server.client("s3").create_bucket(Bucket=BUCKET)
    glue = server.client("glue")
    glue.create_database(DatabaseInput={"Name": "lake"})
    columns = [{"Name": "n", "Type": "bigint"}, {"Name": "pad", "Type": "string"}]
    glue.create_table(DatabaseName="lake", TableInput={"Name": "rows", "StorageDescriptor": {"Columns": columns}})
    conversion = {
        "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "lake", "TableName": "rows"},
        "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
    }
    for name, size, more in (
        (LINES, 1, {}),
        (COLUMNS, 64, {"DataFormatConversionConfiguration": conversion}),
    ):
        hints = {"SizeInMBs": size, "IntervalInSeconds": 0}
        server.client("firehose").create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=place(name, BufferingHints=hints, **more)
        )


def delivered(s3, prefix):
    """How often each number is in the objects."""
    found = collections.Counter()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/"):
        for item in page.get("Contents", []):
            body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
            if prefix == COLUMNS:
                found.update(pq.read_table(io.BytesIO(body)).column("n").to_pylist())
            else:
                found.update(int(line[5 : line.index(b",")]) for line in body.splitlines())
    return found


def test_no_record_is_lost_or_doubled(server):
    moments = random.Random(SEED)
    create(server)
    producers = [Producer(server, name) for name in (LINES, COLUMNS)]
    for producer in producers:
        producer.start()
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.2, 2.5))  # while it is busy: no state is waited for
        server.kill()
        server.start()
    time.sleep(0.5)
    for producer in producers:
        producer.stopped = True
        producer.join(60)
    s3 = server.client("s3")
    for producer in producers:
        assert len(producer.acknowledged) > 50 * KILLS
        wait_until(
            lambda producer=producer: producer.acknowledged <= delivered(s3, producer.stream).keys(),
            "a record is lost",
            90,
        )
        assert set(delivered(s3, producer.stream).values()) == {1}
    assert "Traceback" not in server.stop()
