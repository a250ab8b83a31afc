"""Checkpoints that follow a job to S3 and back, and spot jobs that are interrupted and go on."""

import math
import time

import pytest
from job_house import House, arn, make_spec, read_all

from clary.errors import ServiceError
from clary.jobs import sync
from clary.jobs.spec import CheckpointSpec
from clary.jobs.spot import describe_times, time_left

FOLDER = CheckpointSpec(uri="s3://out/checkpoints/mine/")
SPOT = {"spot": True, "max_wait_seconds": 600, "checkpoints": FOLDER, "stop_grace": 20.0}

COUNT = """
import os, pathlib, signal, sys, time
folder = pathlib.Path("/opt/ml/checkpoints")
done = max([int(path.name) for path in folder.iterdir()], default=0)
print(f"from {done}")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
for number in range(done + 1, 6):
    (folder / "draft.sagemaker-ignore").write_text(f"state {number}")
    (folder / "draft.sagemaker-ignore").rename(folder / str(number))
    if number > 1:
        (folder / str(number - 1)).unlink()
    print(number)
    while number == 3 and done == 0:
        time.sleep(0.01)
pathlib.Path("/opt/ml/model/m").write_text(f"{number} from {done}")
"""
HANG = "import time; print('here', flush=True); time.sleep(600)"


@pytest.fixture
def house(tmp_path, warm, monkeypatch):
    monkeypatch.setattr(sync, "LOOK_SECONDS", 0.0)
    house = House(tmp_path, warm, job_cores=2, job_memory_gib=8.0, checkpoint_seconds=0.05)
    house.buckets.put("out", ".keep")
    yield house
    house.close()


def wait_until(seen, what):
    limit = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


def saved(house, prefix="checkpoints/mine/"):
    return {
        row.key[len(prefix) :]: house.buckets.get("out", row.key) for row in house.buckets.list_objects("out", prefix)
    }


def said(house, name):
    """All lines of all attempts."""
    return [event.message for stream in house.streams(name) for event in read_all(house.logs, stream)]


def test_checkpoints_go_to_s3_while_the_job_runs_and_come_back_to_the_next(house):
    house.jobs.submit(make_spec("first", COUNT, checkpoints=FOLDER))
    wait_until(lambda: saved(house) == {"3": b"state 3"}, "the checkpoint never came")
    house.jobs.stop(arn("first"))
    assert house.end("first")["SecondaryStatus"] == "Stopped"
    house.buckets.put("out", "checkpoints/mine/3", "a stranger's state 3")
    house.jobs.submit(make_spec("second", COUNT, checkpoints=FOLDER))
    assert house.end("second")["SecondaryStatus"] == "Completed"
    assert house.lines("second") == ["from 3", "4", "5"]
    assert saved(house) == {"5": b"state 5"}


def test_a_program_may_change_what_was_brought_and_never_the_store_itself(house):
    house.buckets.put("out", "checkpoints/mine/deep/log", "old")
    code = """
import json
config = json.load(open("/opt/ml/input/config/checkpointconfig.json"))
print(sorted(config.items()))
open(config["LocalPath"] + "/deep/log", "a").write(" new")
"""
    for name, path in (("inside", "/opt/ml/checkpoints"), ("deep", "/opt/ml/a/b/"), ("outside", "/tmp/states")):
        spec = CheckpointSpec(uri=f"s3://out/checkpoints/{name}", path=path)
        house.buckets.put("out", f"checkpoints/{name}/deep/log", "old")
        house.jobs.submit(make_spec(name, code, checkpoints=spec))
    for name in ("inside", "deep", "outside"):
        assert house.end(name)["SecondaryStatus"] == "Completed", house.end(name)
        assert saved(house, f"checkpoints/{name}/") == {"deep/log": b"old new"}
    assert saved(house) == {"deep/log": b"old"}
    assert house.lines("outside") == ["[('LocalPath', '/tmp/states'), ('S3Uri', 's3://out/checkpoints/outside')]"]


def test_several_hosts_share_one_prefix(house):
    code = """
import json, os
host = json.load(open("/opt/ml/input/config/resourceconfig.json"))["current_host"]
print(sorted(os.listdir("/opt/ml/checkpoints")))
open(f"/opt/ml/checkpoints/{host}", "w").write(host)
os.remove("/opt/ml/checkpoints/old") if host == "algo-2" else None
"""
    house.buckets.put("out", "checkpoints/mine/old", "x")
    house.jobs.submit(make_spec("hosts", code, checkpoints=FOLDER, instance_count=2))
    assert house.end("hosts")["SecondaryStatus"] == "Completed"
    assert house.lines("hosts", "algo-1") == house.lines("hosts", "algo-2") == ["['old']"]
    assert saved(house) == {"algo-1": b"algo-1", "algo-2": b"algo-2"}


def test_a_store_that_refuses_for_a_moment_costs_the_job_nothing(house, monkeypatch):
    class Refused(ServiceError):
        code, status = "InternalError", 500

    refusals = []
    put = house.buckets.put_object

    def put_later(bucket, key, path):
        if "checkpoints/" in key and len(refusals) < 3:
            refusals.append(key)
            raise Refused("not now")
        put(bucket, key, path)

    object.__setattr__(house.jobs._house.host, "put_object", put_later)
    monkeypatch.setattr("clary.jobs.life.RETRY_SECONDS", 0.01)
    code = "open('/opt/ml/checkpoints/a', 'w').write('a')"
    house.jobs.submit(make_spec("refused", code, checkpoints=FOLDER))
    assert house.end("refused")["SecondaryStatus"] == "Completed"
    assert len(refusals) == 3
    assert saved(house) == {"a": b"a"}


def test_a_bucket_that_is_not_there_fails_the_job_before_it_starts(house):
    house.jobs.submit(make_spec("lost", HANG, checkpoints=CheckpointSpec(uri="s3://nowhere/x")))
    assert house.end("lost")["FailureReason"].startswith("ClientError: Data download failed:NoSuchBucket")


def test_an_interrupted_job_goes_on_from_its_checkpoints(house):
    house.jobs.submit(make_spec("spot", COUNT, **SPOT))
    wait_until(lambda: "3" in said(house, "spot"), "the job never came to 3")
    assert house.jobs.interrupt(arn("spot"))
    end = house.end("spot")
    first, second = ["Starting", "Downloading", "Training"], ["Starting", "Downloading", "Training", "Uploading"]
    assert house.statuses("spot") == [*first, "Interrupted", *second, "Completed"]
    assert said(house, "spot") == ["from 0", "1", "2", "3", "from 3", "4", "5"]
    assert saved(house) == {"5": b"state 5"}
    assert end["BillableTimeInSeconds"] == math.ceil(0.3 * end["TrainingTimeInSeconds"])
    assert not house.jobs.interrupt(arn("spot"))
    wait_until(lambda: not list((house.folder / "jobs").glob("*/attempt-*")), "an attempt was left")


def test_who_does_not_go_in_time_is_killed(house):
    code = "import signal; signal.signal(signal.SIGTERM, lambda *_: print('no')); " + HANG
    house.jobs.submit(make_spec("deaf", code, **SPOT))
    wait_until(lambda: "here" in said(house, "deaf"), "the job never began")
    assert house.jobs.interrupt(arn("deaf"), grace=0.2)
    wait_until(lambda: said(house, "deaf").count("here") == 2, "it never came back")
    house.jobs.interrupt(arn("deaf"), grace=0.2)
    house.jobs.stop(arn("deaf"))
    assert house.end("deaf")["SecondaryStatus"] == "Stopped"
    assert house.statuses("deaf").count("Interrupted") == 1


def test_only_spot_jobs_are_interrupted(house):
    house.jobs.submit(make_spec("firm", HANG))
    house.wait_for("firm", "Training")
    assert not house.jobs.interrupt(arn("firm"))
    assert not house.jobs.interrupt(arn("nobody"))


def test_a_job_on_demand_takes_the_room_of_a_spot_job_and_gives_it_back(house):
    house.jobs.submit(make_spec("spot", COUNT, **SPOT, cores=2))
    wait_until(lambda: "3" in said(house, "spot"), "the job never came to 3")
    house.jobs.submit(make_spec("firm", HANG, cores=1))
    house.wait_for("spot", "Interrupted")
    house.wait_for("firm", "Training")
    assert house.statuses("spot")[-1] == "Interrupted"
    house.jobs.stop(arn("firm"))
    assert house.end("spot")["SecondaryStatus"] == "Completed"


@pytest.mark.parametrize("again", [False, True])
def test_a_job_that_waits_for_too_long_ends(house, again):
    """One that never had room, and one that was interrupted."""
    spec = make_spec("late", HANG, **{**SPOT, "max_wait_seconds": 1}, cores=2)
    if again:
        house.jobs.submit(spec)
        house.wait_for("late", "Training")
    house.jobs.submit(make_spec("firm", HANG, cores=2))
    if not again:
        house.jobs.submit(spec)
    end = house.end("late")
    assert house.statuses("late")[-2:] == ["Stopping", "MaxWaitTimeExceeded"]
    assert ("Interrupted" in house.statuses("late")) == again == ("BillableTimeInSeconds" in end)


def test_a_job_that_runs_when_its_wait_is_over_ends_too(house):
    house.jobs.submit(make_spec("late", HANG, **{**SPOT, "max_wait_seconds": 1}))
    end = house.end("late")
    assert house.statuses("late")[-2:] == ["Stopping", "MaxWaitTimeExceeded"]
    assert end["StatusMessage"] == "Training job wait time exceeded MaxWaitTimeInSeconds provided"


def test_one_that_is_stopped_while_it_waits_again_stops(house):
    house.jobs.submit(make_spec("spot", HANG, **SPOT, cores=2))
    house.wait_for("spot", "Training")
    house.jobs.submit(make_spec("firm", HANG, cores=2))
    house.wait_for("spot", "Interrupted")
    house.jobs.stop(arn("spot"))
    assert house.end("spot")["SecondaryStatus"] == "Stopped"


def told(*rows):
    return [{"status": status, "change": {"Time": moment}} for status, moment in rows]


def test_what_the_limits_and_the_bill_count():
    spec = make_spec("times", "", spot=True, max_seconds=100, max_wait_seconds=300)
    entries = told(("Starting", 0.0), ("Pending", 0.0))
    assert time_left(spec, entries, 50.0) == (100.0, "MaxRuntimeExceeded")
    assert time_left(spec, entries, 250.0) == (50.0, "MaxWaitTimeExceeded")
    assert describe_times(spec, entries, 300.0, 0.3) == {}
    entries += told(("Downloading", 60.0), ("Training", 61.0), ("Interrupted", 100.0))
    assert time_left(spec, entries, 180.0) == (60.0, "MaxRuntimeExceeded")
    entries += told(("Starting", 200.0), ("Downloading", 200.0))
    assert time_left(spec, entries, 200.0) == (60.0, "MaxRuntimeExceeded")
    assert describe_times(spec, entries, 220.0, 0.3) == {
        "TrainingEndTime": 220.0,
        "TrainingTimeInSeconds": 60,
        "BillableTimeInSeconds": 18,
    }


def test_a_machine_that_is_lost_while_it_is_to_be_left_is_an_interruption(house):
    code = "import signal; signal.signal(signal.SIGTERM, lambda *_: print('no')); " + HANG
    house.jobs.submit(make_spec("lost", code, **SPOT))
    wait_until(lambda: "here" in said(house, "lost"), "the job never began")
    house.jobs.interrupt(arn("lost"), grace=600)
    wait_until(lambda: "no" in said(house, "lost"), "it never heard")
    house.jobs._lives[arn("lost")].kill()
    wait_until(lambda: said(house, "lost").count("here") == 2, "it never came back")
    house.jobs.stop(arn("lost"))
    house.jobs._lives[arn("lost")].kill()
    assert house.statuses("lost")[:5] == ["Starting", "Downloading", "Training", "Interrupted", "Starting"]


def test_what_a_dying_server_left_of_a_job_that_had_ended_is_removed(house):
    house.jobs.submit(make_spec("ended", "pass"))
    house.end("ended")
    (folder,) = (house.folder / "jobs").iterdir()
    wait_until(lambda: not list(folder.glob("attempt-*")), "an attempt was left")
    (folder / "attempt-1").mkdir()
    house.jobs.recover()
    assert not list(folder.glob("attempt-*"))
