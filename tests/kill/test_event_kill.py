"""`clary serve` killed again and again while objects are written: no object that is there goes without its event.

`KILLS=50 pytest tests/kill/test_event_kill.py` kills it as often as that.
"""

import json
import os
import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.main_job import wait_until

KILLS, SEED = int(os.environ.get("KILLS", "3")), 5
GROUP = {"logGroupName": "/aws/events/s3", "logStreamName": "events"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 20 * KILLS)]


class Writer(threading.Thread):
    """Puts numbered objects until it is stopped."""

    def __init__(self, server, name):
        super().__init__()
        self.s3, self.prefix, self.acknowledged, self.stopped = server.client("s3"), name, set(), False

    def run(self):
        number = 0
        while not self.stopped:
            key = f"{self.prefix}/{number}"
            number += 1
            try:
                self.s3.put_object(Bucket="events", Key=key, Body=b"x")
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
                continue
            self.acknowledged.add(key)


def keys_of(s3):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="events")
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def told_of(logs):
    """The keys that events tell of, as often as they do."""
    found, position = [], {}
    while True:
        answer = logs.get_log_events(**GROUP, startFromHead=True, **position)
        found += [json.loads(event["message"])["detail"]["object"]["key"] for event in answer["events"]]
        if answer["nextForwardToken"] == position.get("nextToken"):
            return found
        position = {"nextToken": answer["nextForwardToken"]}


def test_every_object_that_is_there_has_its_event(server):
    moments = random.Random(SEED)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="events")
    s3.put_bucket_notification_configuration(
        Bucket="events", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    writers = [Writer(server, f"w{number}") for number in range(3)]
    for writer in writers:
        writer.start()
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.1, 1.5))  # while it is busy: no state is waited for
        server.kill()
        server.start()
    time.sleep(0.5)
    for writer in writers:
        writer.stopped = True
        writer.join(60)
    acknowledged = set().union(*(writer.acknowledged for writer in writers))
    there = keys_of(s3)
    assert len(acknowledged) > 20 * KILLS
    assert acknowledged <= there
    wait_until(lambda: there <= set(told_of(server.client("logs"))), "an event never came")
    told = told_of(server.client("logs"))
    assert set(told) == there  # no event of what isn't there
    assert len(told) - len(there) <= 50 * KILLS  # at least once: what a kill caught on its way comes again
