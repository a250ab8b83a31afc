"""Processing jobs in the job room: inputs and outputs at paths of their own, the message, how each way to end ends."""

import gzip
import json
import os
import time

import pytest
from job_house import arn, make_spec

from clary.jobs import ChannelSpec, sync
from clary.jobs.spec import OutputSpec

OUT = OutputSpec(path="processing/out", uri="s3://out/result/")


def given(name, uri, path, **more):
    return ChannelSpec(name=name, uri=uri, path=f"processing/{path}", **more)


def process(house, name, code, *channels, outputs=(OUT,), **more):
    house.jobs.submit(make_spec(name, code, *channels, kind="processing", outputs=list(outputs), **more))


def results(house):
    """What is in the output's place, by key."""
    keys = [key for key in house.buckets.keys("out") if key.startswith("result/")]
    return {key.removeprefix("result/"): house.buckets.get("out", key) for key in keys}


def test_the_tree_is_that_of_the_containers(house):
    house.buckets.put("in", "data/deep/a.csv", "1,2")
    house.buckets.put("in", "code/run.py", "print()")
    code = """
import json, os
for folder, _, files in sorted(os.walk("/opt/ml")):
    print(folder, sorted(files))
print(open("/opt/ml/config/resourceconfig.json").read(), open("/opt/ml/config/processingjobconfig.json").read())
print(json.dumps({name: value for name, value in os.environ.items() if "JOB" in name}))
"""
    channels = [given("code", "s3://in/code/run.py", "input/code"), given("data", "s3://in/data", "input")]
    process(house, "tree", code, *channels, configuration={"What": "was asked"})
    assert house.end("tree")["SecondaryStatus"] == "Completed"
    assert house.lines("tree") == [
        "/opt/ml []",
        "/opt/ml/config ['processingjobconfig.json', 'resourceconfig.json']",
        "/opt/ml/output []",
        "/opt/ml/processing []",
        "/opt/ml/processing/input []",
        "/opt/ml/processing/input/code ['run.py']",
        "/opt/ml/processing/input/deep ['a.csv']",
        "/opt/ml/processing/out []",
        '{"current_host": "algo-1", "hosts": ["algo-1"]} {"What": "was asked"}',
        json.dumps({"PROCESSING_JOB_NAME": "tree", "PROCESSING_JOB_ARN": arn("tree")}),
    ]
    assert results(house) == {}


def test_inputs_may_be_changed_and_the_objects_stay(house):
    house.buckets.put("in", "data/a", "mine")
    code = """
import os
path = "/opt/ml/processing/in/a"
open(path, "w").write("yours")
os.rename(path, "/opt/ml/processing/in/b")
os.link("/opt/ml/processing/in/b", "/opt/ml/processing/out/b")
os.makedirs("/opt/ml/processing/out/deep/empty")
open("/opt/ml/processing/out/deep/c", "w").write("new")
os.symlink("/etc/passwd", "/opt/ml/processing/out/link")
"""
    process(house, "change", code, given("data", "s3://in/data/", "in"))
    assert house.end("change")["SecondaryStatus"] == "Completed"
    assert house.buckets.get("in", "data/a") == b"mine"
    assert results(house) == {"b": b"yours", "deep/c": b"new"}


def test_a_continuous_output_is_there_while_the_job_runs(house, monkeypatch):
    monkeypatch.setattr(sync, "LOOK_SECONDS", 0.05)
    outputs = [
        OutputSpec(path="processing/now", uri="s3://out/result/now", continuous=True),
        OutputSpec(path="processing/later", uri="s3://out/result/later"),
    ]
    code = """
import time
for folder in ("now", "later"):
    open(f"/opt/ml/processing/{folder}/a", "w").write("first")
time.sleep(100)
"""
    process(house, "stream", code, outputs=outputs)
    limit = time.monotonic() + 30
    while not results(house):
        assert time.monotonic() < limit
        time.sleep(0.02)
    assert results(house) == {"now/a": b"first"}
    house.jobs.stop(arn("stream"))
    assert house.end("stream")["SecondaryStatus"] == "Stopped"
    assert results(house) == {"now/a": b"first", "later/a": b"first"}


def test_pipes_stand_beside_the_local_path_and_gzip_is_undone(house):
    house.buckets.put("in", "data/a", gzip.compress(b"one"))
    house.buckets.put("in", "data/b", gzip.compress(b"two"))
    code = "for epoch in (0, 1): print(open(f'/opt/ml/processing/deep/data_{epoch}').read())"
    process(house, "piped", code, given("rows", "s3://in/data/", "deep/data", mode="Pipe", compression="Gzip"))
    assert house.end("piped")["SecondaryStatus"] == "Completed"
    assert house.lines("piped") == ["onetwo", "onetwo"]


@pytest.mark.parametrize("what", ["os.symlink('/opt/ml/processing/other', path)", "open(path, 'w')"])
def test_what_a_job_puts_in_the_place_of_a_pipe_is_not_written_to(house, what):
    house.buckets.put("in", "data/a", b"x" * (3 << 20))  # more than a pipe holds, so the feeder waits
    code = f"""
import os, time
path = "/opt/ml/processing/data_1"
open("/opt/ml/processing/other", "w")
with open("/opt/ml/processing/data_0") as file:
    while not os.path.exists(path):
        time.sleep(0.01)
    os.unlink(path)
    {what}
    file.read()
time.sleep(100)
"""
    process(house, "swapped", code, given("rows", "s3://in/data/", "data", mode="Pipe"))
    end = house.end("swapped")
    assert end["SecondaryStatus"] == "Failed"
    assert end["FailureReason"].startswith("ClientError: Data download failed:channel 'data'")


def test_hosts_share_inputs_by_key_and_each_uploads(house):
    for number in range(3):
        house.buckets.put("in", f"data/{number}", str(number))
    code = """
import json, os, socket
me = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
mine = sorted(os.listdir("/opt/ml/processing/in"))
print(mine, [socket.gethostbyname(name)[:4] for name in ("algo-1", "algo-2")])
open(f"/opt/ml/processing/out/{me}", "w").write(" ".join(mine))
open("/opt/ml/output/message", "w").write(me + ";")
"""
    channel = given("data", "s3://in/data/", "in", distribution="ShardedByS3Key")
    process(house, "shared", code, channel, instance_count=2, network_isolation=True)
    end = house.end("shared")
    assert (end["SecondaryStatus"], end["ExitMessage"]) == ("Completed", "algo-1;algo-2;")
    assert results(house) == {"algo-1": b"0 2", "algo-2": b"1"}
    process(house, "torn", "open('/opt/ml/output/message', 'wb').write(bytes([226, 130, 172] * 999))", instance_count=2)
    assert house.end("torn")["ExitMessage"] == "€" * 341
    assert house.lines("shared", "algo-1") == ["['0', '2'] ['127.', '127.']"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"done", "done"),
        (b"", None),
        ("€".encode() * 1000, "€" * 341),
        (json.dumps({"rows": 3}).encode(), '{"rows": 3}'),
    ],
)
def test_the_message_is_the_first_kibibyte(house, written, message):
    process(house, "message", f"open('/opt/ml/output/message', 'wb').write({written!r})")
    assert house.end("message").get("ExitMessage") == message


def test_a_failed_job_keeps_its_outputs_and_its_message(house):
    code = """
import sys
open("/opt/ml/processing/out/part", "w").write("half")
open("/opt/ml/output/message", "w").write("no column x")
sys.exit(3)
"""
    process(house, "failed", code)
    end = house.end("failed")
    assert (end["SecondaryStatus"], end["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 3")
    assert end["ExitMessage"] == "no column x"
    assert results(house) == {"part": b"half"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "open('/opt/ml/output/message', 'wb').write(b'\\xff' * 9)",
            "ClientError: The exit message in /opt/ml/output/message is not UTF-8 encoded",
        ),
        (
            "open(b'/opt/ml/processing/out/\\xff', 'wb')",
            "ClientError: '\\udcff' can't be the key of an object: keys are UTF-8, of 1024 bytes at most",
        ),
        ("import os; os.abort()", "AlgorithmError: the program was ended by SIGABRT, exit code: 134"),
    ],
)
def test_each_way_to_fail_says_what_it_was(house, code, reason):
    process(house, "bad", code)
    end = house.end("bad")
    assert (end["SecondaryStatus"], end["FailureReason"]) == ("Failed", reason)


def test_an_output_that_can_not_be_read_is_named(house):
    """Root may read everything, so its server uploads it."""
    process(house, "locked", "import os; open('/opt/ml/processing/out/a', 'w'); os.chmod('/opt/ml/processing/out', 0)")
    end = house.end("locked")
    if os.geteuid():
        assert "Artifact upload failed:[Errno 13] Permission denied: 'out'" in end["FailureReason"]
    else:
        assert (end["SecondaryStatus"], results(house)) == ("Completed", {"a": b""})


def test_inputs_that_are_missing_or_collide_are_named(house):
    house.buckets.put("in", "one/a", "1")
    house.buckets.put("in", "two/a/b", "2")
    process(house, "missing", "", given("data", "s3://in/nothing/", "in"))
    assert 'No S3 objects found under S3 URL "s3://in/nothing/"' in house.end("missing")["FailureReason"]
    inputs = [given("one", "s3://in/one/", "in"), given("two", "s3://in/two/", "in")]
    process(house, "collide", "", *inputs)
    assert house.end("collide")["FailureReason"] == (
        "ClientError: Data download failed:'two/a/b' stands where another input has something: a/b"
    )


def test_a_job_without_outputs_that_prints_much_ends_well(house):
    code = "line = 'x' * 999\nfor _ in range(10_000): print(line)"
    process(house, "loud", code, outputs=())
    assert house.end("loud")["SecondaryStatus"] == "Completed"
    assert len(house.lines("loud")) == 10_000


def test_a_missing_bucket_fails_the_job(house):
    code = "open('/opt/ml/processing/out/a', 'w').write('x')"
    process(house, "nowhere", code, outputs=[OutputSpec(path="processing/out", uri="s3://nowhere/x")])
    assert house.end("nowhere")["FailureReason"] == (
        "ClientError: Artifact upload failed:NoSuchBucket: The specified bucket does not exist"
    )


def test_the_longest_runtime_stops_the_job(house):
    process(house, "slow", "import time; time.sleep(100)", max_seconds=1)
    assert house.end("slow")["SecondaryStatus"] == "MaxRuntimeExceeded"
