"""`clary serve` killed while functions handle events: each that was accepted is handled, each record of a stream too.

`KILLS=50 pytest tests/kill/test_lambda_kill.py` kills it as often as that.
"""

import io
import json
import os
import random
import threading
import time
import zipfile

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.main_job import wait_until

KILLS, SEED = int(os.environ.get("KILLS", "2")), 5
ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
SOURCE = """
import base64, boto3
s3 = boto3.client("s3")
def handler(event, context):
    names = [event["name"]] if "name" in event else [
        base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]
    ]
    for name in names:
        s3.put_object(Bucket="seen", Key=name, Body=b"")
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 20 * KILLS)]


class Sender(threading.Thread):
    """Sends numbered events, or records, until it is stopped; notes those that were accepted."""

    def __init__(self, name, send):
        super().__init__()
        self.name_, self.send, self.accepted, self.stopped = name, send, [], False

    def run(self):
        number = 0
        while not self.stopped:
            number += 1
            try:
                self.send(f"{self.name_}-{number:05d}")
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
                continue
            self.accepted.append(f"{self.name_}-{number:05d}")
            time.sleep(0.02)


def seen(s3):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="seen")
    return {row["Key"] for page in pages for row in page.get("Contents", [])}


def test_what_was_accepted_is_handled(server):
    moments, code = random.Random(SEED), io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", SOURCE)
    functions, kinesis, s3 = (server.client(name) for name in ("lambda", "kinesis", "s3"))
    s3.create_bucket(Bucket="seen")
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Role=ROLE, Handler="index.handler", Code={"ZipFile": code.getvalue()}
    )
    kinesis.create_stream(StreamName="s", ShardCount=2)
    arn = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
    functions.create_event_source_mapping(
        FunctionName="f", EventSourceArn=arn, StartingPosition="TRIM_HORIZON", BatchSize=10
    )
    senders = [
        Sender(
            "event",
            lambda name: functions.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps({"name": name})),
        ),
        Sender("record", lambda name: kinesis.put_record(StreamName="s", PartitionKey=name, Data=name.encode())),
    ]
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        time.sleep(moments.uniform(1.0, 3.0))  # while it is busy: no state is waited for
        server.kill()
        server.start()
    time.sleep(0.5)
    for sender in senders:
        sender.stopped = True
        sender.join(60)
    accepted = {name for sender in senders for name in sender.accepted}
    assert len(accepted) > 20
    wait_until(lambda: accepted <= seen(s3), "an event is missing", seconds=90)
