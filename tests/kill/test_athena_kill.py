"""`clary serve` killed again and again during INSERT INTO: each insert is there wholly and once, or not at all.

`KILLS=50 pytest tests/kill/test_athena_kill.py` kills it as often as that.
"""

import os
import random
import time

import pytest
from botocore.exceptions import BotoCoreError

from tests.main_job import wait_until

KILLS, SEED = int(os.environ.get("KILLS", "4")), 11

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * KILLS)]

BUCKET, ROWS, PARTITIONS = "inserted", 2_000, 3
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
OUTPUT = {"OutputLocation": f"s3://{BUCKET}/results/"}


def test_inserts_are_whole(server):
    s3, athena = server.client("s3"), server.client("athena")
    s3.create_bucket(Bucket=BUCKET)

    def start(statement):
        answer = athena.start_query_execution(QueryString=statement, ResultConfiguration=OUTPUT)
        return answer["QueryExecutionId"]

    def state(id_):
        return athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"]["State"]

    def rows(statement):
        id_ = start(statement)
        wait_until(lambda: state(id_) in ENDED, f"{statement} goes on")
        answer = athena.get_query_results(QueryExecutionId=id_)["ResultSet"]["Rows"]
        return [[field["VarCharValue"] for field in row["Data"]] for row in answer[1:]]

    def listed(prefix):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    start("CREATE DATABASE IF NOT EXISTS default")
    start(
        "CREATE EXTERNAL TABLE t (batch int, n bigint) PARTITIONED BY (p bigint) STORED AS PARQUET "
        f"LOCATION 's3://{BUCKET}/t/'"
    )
    started, moments = {}, random.Random(SEED)
    assert rows("SELECT 1 AS n") == [["1"]]  # the processes of queries are warm
    for number in range(KILLS):
        for batch in (2 * number, 2 * number + 1):
            started[batch] = start(
                f"INSERT INTO t SELECT {batch}, n, n % {PARTITIONS} FROM UNNEST(sequence(1, {ROWS})) AS u(n)"
            )
        known = len(listed("t/"))
        if moments.random() < 0.5:  # among the objects of an insert
            wait_until(lambda known=known: len(listed("t/")) > known, "nothing is inserted")
        else:
            time.sleep(moments.random() * 0.8)
        server.kill()
        with pytest.raises(BotoCoreError):
            athena.list_query_executions()
        server.start()
        for key in listed("t/"):  # whatever is to be seen is whole
            content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            assert (content[:4], content[-4:]) == (b"PAR1", b"PAR1"), (number, key)
    for batch, id_ in started.items():
        wait_until(lambda id_=id_: state(id_) in ENDED, f"insert {batch} goes on", 60)
        assert state(id_) == "SUCCEEDED", athena.get_query_execution(QueryExecutionId=id_)
    found = rows("SELECT batch, count(*) AS rows, count(DISTINCT n) AS once FROM t GROUP BY batch ORDER BY batch")
    assert found == [[str(batch), str(ROWS), str(ROWS)] for batch in sorted(started)]
    wait_until(lambda: not list((server.folder / "queries").glob("????????-*")), "a query's files stay")
