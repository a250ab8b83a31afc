"""`clary serve` killed again and again over the queue of an asynchronous endpoint: no request is lost or half done."""

import random
import sqlite3
from contextlib import closing

import pytest
from botocore.exceptions import BotoCoreError

from clary.services.sagemaker import async_requests
from tests.main_job import wait_until
from tests.services.sagemaker_runtime.test_invoke_endpoint import boosted
from tests.services.sagemaker_runtime.test_invoke_endpoint_async import IMAGE, ROLE, ask, configure

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAME, KILLS, REQUESTS, SEED = "async-killed", 4, 8, 11


def test_no_request_is_lost(server):
    s3, sagemaker, runtime = (server.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime"))
    s3.create_bucket(Bucket=NAME)
    s3.put_object(Bucket=NAME, Key="model.tar.gz", Body=boosted(0))
    row = b"0.5,0.1,0.2\n"
    s3.put_object(Bucket=NAME, Key="in/row", Body=row * 5_000, ContentType="text/csv")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{NAME}/model.tar.gz"}
    sagemaker.create_model(ModelName=NAME, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    configure(sagemaker, NAME)
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)

    def status():
        return sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"]

    wait_until(lambda: status() == "InService", "it never served")

    def outputs():
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=NAME, Prefix="out/")
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}

    moments, accepted = random.Random(SEED), []
    for number in range(KILLS):
        accepted += [ask(runtime, NAME, Accept="text/csv")["OutputLocation"] for _ in range(REQUESTS)]
        wanted = min(len(accepted), len(outputs()) + moments.randrange(4))
        wait_until(lambda wanted=wanted: len(outputs()) >= wanted, "nothing is answered")
        server.kill()
        with pytest.raises(BotoCoreError):
            ask(runtime, NAME)
        server.start()
        assert status() == "InService", number
    keys = {location.removeprefix(f"s3://{NAME}/") for location in accepted}
    wait_until(lambda: keys <= set(outputs()), "a request is lost", 60)
    assert len(set(outputs().values())) == 1  # each of them is whole
    assert s3.list_objects_v2(Bucket=NAME, Prefix="failed/")["KeyCount"] == 0
    wait_until(lambda: left(server) == 0, "a request is done, but not forgotten")


def left(server):
    """How many requests the server has."""
    with closing(sqlite3.connect(f"file:{server.folder / 'state.db'}?mode=ro", uri=True)) as database:
        [count] = database.execute("SELECT count(*) FROM records WHERE kind = ?", [async_requests.KIND]).fetchone()
    return count
