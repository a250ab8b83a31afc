"""`clary serve` killed during crawls: the crawler is READY again, its crawl FAILED, and the next one mends everything.

`KILLS=50 pytest tests/kill/test_crawler_kill.py` kills it as often as that.
"""

import os
import random
import time

import pytest

from tests.main_job import wait_until

KILLS, SEED, PARTITIONS = int(os.environ.get("KILLS", "2")), 5, 150

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * KILLS)]


def test_a_killed_crawl_is_mended_by_the_next(server):
    glue, s3, random_ = server.client("glue"), server.client("s3"), random.Random(SEED)
    s3.create_bucket(Bucket="lake")
    glue.create_database(DatabaseInput={"Name": "lake"})
    glue.create_crawler(
        Name="crawler", Role="r", DatabaseName="lake", Targets={"S3Targets": [{"Path": "s3://lake/t/"}]}
    )

    def put(columns):
        for number in range(PARTITIONS):
            body = "{" + ",".join(f'"c{column}":{number}' for column in range(columns)) + "}\n"
            s3.put_object(Bucket="lake", Key=f"t/k={number:04d}/a.json", Body=body)

    def state():
        return glue.get_crawler(Name="crawler")["Crawler"]

    def crawl():
        glue.start_crawler(Name="crawler")
        return wait_until(lambda: state()["State"] == "READY" and state()["LastCrawl"], "it never ended", 120)

    put(3)
    began = time.monotonic()
    assert crawl()["Status"] == "SUCCEEDED"
    took = time.monotonic() - began
    for kill in range(KILLS):
        put(4 + kill)
        glue.start_crawler(Name="crawler")
        time.sleep(random_.random() * took)
        was = state()["State"]
        server.kill()
        server.start()
        crawler = state()
        assert crawler["State"] == "READY"
        if was == "RUNNING" and crawler["LastCrawl"]["Status"] == "FAILED":
            assert crawler["LastCrawl"]["ErrorMessage"].startswith("The server ended during the crawl.")
        assert crawl()["Status"] == "SUCCEEDED"
        table = glue.get_table(DatabaseName="lake", Name="t")["Table"]
        assert len(table["StorageDescriptor"]["Columns"]) == 4 + kill
        pages = glue.get_paginator("get_partitions").paginate(DatabaseName="lake", TableName="t")
        partitions = [partition for page in pages for partition in page["Partitions"]]
        assert len(partitions) == PARTITIONS
        assert {len(partition["StorageDescriptor"]["Columns"]) for partition in partitions} == {4 + kill}
    server.stop()
