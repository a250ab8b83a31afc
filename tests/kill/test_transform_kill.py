"""`clary serve` killed in the middle of a transform: it goes on, every output is whole, nothing is doubled or stuck.

`KILLS=50 pytest tests/kill/test_transform_kill.py` kills it as often as that.
"""

import os
import random
import time

import pytest

from tests.kill.test_kill import alive
from tests.main_job import ROLE, XGBOOST, MainJob, labelled_rows, wait_until
from tests.transform.transform_desk import TransformDesk, as_lines

KILLS = int(os.environ.get("KILLS", "3"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * KILLS)]

OBJECTS, ROWS = 5 * KILLS + 5, 300
PAYLOAD = b"".join(b"%d,%d,0.5\n" % (number % 7 - 3, number % 5) for number in range(ROWS))


@pytest.fixture
def desk(server):
    desk = TransformDesk(server.client, "kept")
    desk.s3.create_bucket(Bucket=desk.bucket)
    desk.put("train/part-0.csv", labelled_rows())
    data = MainJob(server.client, desk.bucket).train("model")["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": XGBOOST, "ModelDataUrl": data}
    desk.sagemaker.create_model(ModelName="xgb", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    for number in range(OBJECTS):
        desk.put(f"in/{number:02}.csv", PAYLOAD)
    return desk


def begin(desk, name):
    """Enough small requests that it takes a few seconds."""
    desk.begin(name, "in/", BatchStrategy="SingleRecord", count=2, processing={"JoinSource": "Input"})


def check(desk, name):
    """The outputs that are there are whole."""
    outputs = desk.outputs(name)
    for output in outputs.values():
        rows = as_lines(output)
        assert [row.rpartition(",")[0] for row in rows] == PAYLOAD.decode().splitlines()
    assert len(set(outputs.values())) <= 1
    return outputs


def count(desk):
    """How many outputs there are."""
    return desk.s3.list_objects_v2(Bucket=desk.bucket, Prefix="out/job/")["KeyCount"]


@pytest.mark.parametrize("seed", [0, 1])
def test_it_goes_on_with_what_was_not_done(server, desk, seed):
    chance = random.Random(seed)
    begin(desk, "job")
    for number in range(KILLS):
        wait_until(lambda least=5 * number: count(desk) >= least, "it never went on")
        time.sleep(chance.uniform(0.0, 0.2))  # a moment like any other
        server.kill()
        server.start()
        check(desk, "job")
    job = desk.finish("job")
    assert (job["TransformJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert set(check(desk, "job")) == {f"{number:02}.csv.out" for number in range(OBJECTS)}
    assert len(desk.log_of("job")) == 4
    wait_until(lambda: not list((server.folder / "transforms").iterdir()), "its folder was left")


def test_a_stop_outlives_the_server(server, desk):
    begin(desk, "job")
    wait_until(lambda: desk.outputs("job"), "it never began")
    desk.sagemaker.stop_transform_job(TransformJobName="job")
    server.kill()
    server.start()
    assert desk.finish("job")["TransformJobStatus"] == "Stopped"
    check(desk, "job")


def test_ctrl_c_leaves_no_process_and_the_next_server_goes_on(server, desk):
    begin(desk, "job")
    wait_until(lambda: desk.outputs("job"), "it never began")
    processes = server.processes()
    said = server.stop()
    assert not [pid for pid in processes if alive(pid)]
    assert "Traceback" not in said
    server.start()
    job = desk.finish("job")
    assert (job["TransformJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert len(check(desk, "job")) == OBJECTS
