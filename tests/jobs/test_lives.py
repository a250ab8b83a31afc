"""Whole lives of jobs: real programs under real supervisors in real sandboxes."""

import gzip
import io
import json
import tarfile
import threading
import time

import pytest
from job_house import House, make_spec, pipe

from clary.errors import ValidationException
from clary.jobs import ChannelSpec, MetricSpec
from clary.jobs.feeder import wrap_record
from clary.jobs.life import Life

FILE = ChannelSpec(name="train", uri="s3://in/data/", content_type="text/csv")


def unpack(house, key):
    with tarfile.open(fileobj=io.BytesIO(house.buckets.get("out", key))) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isreg()}


def test_a_job_goes_through_all_states_and_leaves_its_model(house):
    house.buckets.put("in", "data/a.csv", "1,2\n")
    house.buckets.put("in", "data/sub/b.csv", "3,4\n")
    code = """
import glob
rows = [open(path).read() for path in sorted(glob.glob("/opt/ml/input/data/train/**/*.csv", recursive=True))]
print("loss=0.5"); print("loss=0.25")
open("/opt/ml/model/weights", "w").write("".join(rows))
"""
    metrics = [MetricSpec("train:loss", r"loss=(\S+)")]
    house.jobs.submit(make_spec("whole", code, FILE, metrics=metrics))
    end = house.end("whole")
    assert house.statuses("whole") == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert [change["StatusMessage"] for change in house.changes("whole")] == [
        "Starting the training job",
        "Downloading input data",
        "Training image download completed. Training in progress.",
        "Uploading generated training model",
        "Training job completed",
    ]
    times = [change["Time"] for change in house.changes("whole")]
    assert times == sorted(times)
    assert end["ModelArtifacts"] == {"S3ModelArtifacts": "s3://out/models/whole/output/model.tar.gz"}
    assert unpack(house, "models/whole/output/model.tar.gz") == {"weights": b"1,2\n3,4\n"}
    assert house.lines("whole") == ["loss=0.5", "loss=0.25"]
    (last,) = end["FinalMetricDataList"]
    assert (last["MetricName"], last["Value"]) == ("train:loss", 0.25)
    assert end["BillableTimeInSeconds"] == 1
    assert end["TrainingEndTime"] == end["Time"]
    assert house.values("train:loss", "whole") == [0.5, 0.25]
    house.jobs.forget(make_spec("whole", "").id)
    assert not list((house.folder / "jobs").iterdir())


def test_the_tree_and_the_environment_are_those_of_the_containers(house):
    house.buckets.put("in", "data/a.csv", "1")
    code = """
import json, os, socket
config = {name: json.load(open(f"/opt/ml/input/config/{name}.json"))
          for name in ("hyperparameters", "inputdataconfig", "resourceconfig")}
print(json.dumps([config, dict(os.environ), socket.gethostname(), sorted(os.listdir("/opt/ml"))]))
for folder in ("model", "output/data", "checkpoints", "code"):
    open(f"/opt/ml/{folder}/x", "w").close()
try:
    os.chmod("/opt/ml/input/data/train/a.csv", 0o666)
except OSError as problem:
    print(problem.strerror)
"""
    channels = [FILE, ChannelSpec(name="fast", uri="s3://in/data", mode="FastFile")]
    house.jobs.submit(
        make_spec(
            "tree",
            code,
            *channels,
            hyperparameters={"k": "10"},
            environment={"MINE": "1"},
            instance_type="ml.c5.xlarge",
        )
    )
    assert house.end("tree")["SecondaryStatus"] == "Completed"
    first, second = house.lines("tree")
    config, environment, hostname, folders = json.loads(first)
    assert config["hyperparameters"] == {"k": "10"}
    assert config["inputdataconfig"] == {
        "train": {
            "ContentType": "text/csv",
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        },
        "fast": {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"},
    }
    assert config["resourceconfig"]["current_host"] == hostname == "algo-1"
    assert config["resourceconfig"]["hosts"] == ["algo-1"]
    assert config["resourceconfig"]["current_instance_type"] == "ml.c5.xlarge"
    assert environment["TRAINING_JOB_NAME"] == "tree"
    assert environment["TRAINING_JOB_ARN"].endswith("training-job/tree")
    assert (environment["AWS_REGION"], environment["MINE"], environment["AWS_ACCESS_KEY_ID"]) == (
        "us-east-1",
        "1",
        "ASIAJOB",
    )
    assert folders == ["checkpoints", "code", "input", "model", "output"]
    assert second == "Read-only file system"


def test_pipe_mode_gives_a_fifo_an_epoch(house):
    house.buckets.put("in", "data/a.csv", "1,2")
    house.buckets.put("in", "data/b.csv", "3,4\n")
    house.buckets.put("in", "zipped/a", gzip.compress(b"x" * 100_000) + gzip.compress(b"y"))
    code = """
for epoch in range(3):
    print(repr(open(f"/opt/ml/input/data/train_{epoch}").read()))
print(len(open("/opt/ml/input/data/zip_0").read()))
"""
    channels = [
        pipe("train", "s3://in/data/", content_type="text/csv"),
        pipe("zip", "s3://in/zipped/", compression="Gzip"),
        pipe("unread", "s3://in/data/"),
    ]
    house.jobs.submit(make_spec("pipe", code, *channels))
    assert house.end("pipe")["SecondaryStatus"] == "Completed"
    assert house.lines("pipe") == [r"'1,2\n3,4\n'"] * 3 + ["100001"]


def test_a_reader_may_leave_an_epoch_early(house):
    house.buckets.put("in", "data/a", b"0123456789" * 1_000_000)
    code = """
for epoch in range(2):
    with open(f"/opt/ml/input/data/train_{epoch}", "rb", buffering=0) as file:
        print(file.read(3))
"""
    house.jobs.submit(make_spec("early", code, pipe("train", "s3://in/data/")))
    assert house.end("early")["SecondaryStatus"] == "Completed"
    assert house.lines("early") == ["b'012'"] * 2


def test_a_broken_object_in_a_pipe_fails_the_job_though_the_program_would_be_content(house):
    house.buckets.put("in", "data/a.gz", gzip.compress(b"row\n" * 100_000)[:-20])
    code = "open('/opt/ml/input/data/train_0').read(); open('/opt/ml/model/m', 'w').write('trained on a part')"
    house.jobs.submit(make_spec("broken", code, pipe("train", "s3://in/data/", compression="Gzip")))
    end = house.end("broken")
    assert end["SecondaryStatus"] == "Failed"
    assert end["FailureReason"] == (
        "ClientError: Data download failed:channel 'train': s3://in/data/a.gz: gzip data that ends too early"
    )
    assert "ModelArtifacts" not in end


@pytest.mark.parametrize(
    ("objects", "carried"),
    [("a", "s3://in/a/0"), ("abc", "3 objects in one, from s3://in/abc/0 to s3://in/abc/2")],
)
def test_a_reason_that_names_a_pipe_says_what_it_carried(house, objects, carried):
    for place in range(len(objects)):
        house.buckets.put("in", f"{objects}/{place}", b"1,x\n")
    code = "open('/opt/ml/output/failure', 'w').write('ClientError: train_0: row 1 is odd'); raise SystemExit(2)"
    house.jobs.submit(make_spec("named", code, pipe("train", f"s3://in/{objects}/")))
    assert house.end("named")["FailureReason"] == f"ClientError: train_0 ({carried}): row 1 is odd, exit code: 2"


def test_the_reason_stands_in_the_failure_file(house):
    code = """
import sys
open("/opt/ml/output/failure", "w").write("the label of row 7 is 2\\n" + "x" * 5000)
sys.exit(3)
"""
    house.jobs.submit(make_spec("reason", code))
    reason = house.end("reason")["FailureReason"]
    assert reason.startswith("AlgorithmError: the label of row 7 is 2\nxxx")
    assert reason.endswith("x, exit code: 3")
    assert len(reason) == 1024


def test_a_program_that_is_killed_is_out_of_memory(house):
    house.jobs.submit(make_spec("killed", "import os; os.kill(os.getpid(), 9)"))
    assert house.end("killed")["FailureReason"] == (
        "AlgorithmError: Please use an instance type with more memory, or reduce the size of training data processed"
        " on an instance., exit code: 137"
    )


def test_a_missing_prefix_and_a_missing_bucket_are_worded_as_aws_words_them(house):
    house.buckets.put("in", "other", "1")
    for name, uri, bucket in (("prefix", "s3://in/data/", "in"), ("bucket", "s3://nowhere/data", "nowhere")):
        house.jobs.submit(make_spec(name, "", ChannelSpec(name="train", uri=uri)))
        end = house.end(name)
        assert end["FailureReason"] == (
            f'ClientError: Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source.'
            " Please ensure that the bucket exists in the selected region (us-east-1), that objects exist under that S3"
            ' prefix, and that the role "arn:aws:iam::000000000000:role/Job" has "s3:ListBucket" permissions on bucket'
            f' "{bucket}".'
        )
        assert house.statuses(name) == ["Starting", "Downloading", "Failed"]


def test_encryption_between_hosts_is_refused_where_there_are_several(house):
    with pytest.raises(ValidationException, match="EnableInterContainerTrafficEncryption"):
        house.jobs.submit(make_spec("secret", "print(1)", instance_count=2, encrypt_between=True))
    house.jobs.submit(make_spec("alone", "print(1)", encrypt_between=True))
    assert house.end("alone")["SecondaryStatus"] == "Completed"


def test_hosts_share_the_objects_and_the_model_and_reach_each_other(house):
    for number in range(5):
        house.buckets.put("in", f"data/{number}", str(number))
    code = """
import json, os, socket
resources = json.load(open("/opt/ml/input/config/resourceconfig.json"))
me = resources["current_host"]
mine = sorted(os.listdir("/opt/ml/input/data/train"))
piped = open("/opt/ml/input/data/piped_0").read()
if me == "algo-1":
    with socket.create_server((socket.gethostbyname(me), 7777)) as server:
        open("/opt/ml/model/" + me, "w").write(server.accept()[0].recv(10).decode())
else:
    while True:
        try:
            connection = socket.create_connection(("algo-1", 7777), 5)
            break
        except ConnectionRefusedError:
            pass
    connection.sendall(b"hello")
    open("/opt/ml/model/" + me, "w").write("sent")
print(mine, piped)
"""
    channels = [
        ChannelSpec(name="train", uri="s3://in/data/", distribution="ShardedByS3Key"),
        pipe("piped", "s3://in/data/", distribution="ShardedByS3Key"),
    ]
    for name, isolated in (("together", False), ("isolated", True)):
        house.jobs.submit(make_spec(name, code, *channels, instance_count=2, network_isolation=isolated))
    for name in ("together", "isolated"):
        assert house.end(name)["SecondaryStatus"] == "Completed"
        assert house.lines(name, "algo-1") == ["['0', '2', '4'] 024"]
        assert house.lines(name, "algo-2") == ["['1', '3'] 13"]
        assert unpack(house, f"models/{name}/output/model.tar.gz") == {"algo-1": b"hello", "algo-2": b"sent"}


def test_a_lost_host_fails_the_job_and_ends_the_others(house):
    code = """
import os, time
if os.uname().nodename == "algo-2":
    os.kill(os.getpid(), 9)
time.sleep(600)
"""
    house.jobs.submit(make_spec("lost", code, instance_count=3))
    assert house.end("lost")["FailureReason"].startswith("AlgorithmError: algo-2: ")


def test_stop_gives_grace_and_keeps_the_model(house):
    code = """
import signal, sys, time
def save(*_):
    open("/opt/ml/model/m", "w").write("saved in time")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("up")
time.sleep(600)
"""
    house.jobs.submit(make_spec("stop", code))
    wait_for_line(house, "stop", "up")
    assert house.jobs.stop(make_spec("stop", "").id)
    end = house.end("stop")
    assert end["SecondaryStatus"] == "Stopped"
    assert house.statuses("stop") == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped"]
    assert unpack(house, "models/stop/output/model.tar.gz") == {"m": b"saved in time"}
    assert not house.jobs.stop(make_spec("stop", "").id)


def test_a_program_deaf_to_sigterm_is_killed_when_the_grace_is_over(house):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
    house.jobs.submit(make_spec("deaf", code, stop_grace=0.2))
    wait_for_line(house, "deaf", "up")
    house.jobs.stop(make_spec("deaf", "").id)
    assert house.end("deaf")["SecondaryStatus"] == "Stopped"


def test_the_longest_runtime_is_kept(house):
    house.jobs.submit(make_spec("long", "import time; time.sleep(600)", max_seconds=1, stop_grace=0.1))
    end = house.end("long")
    assert end["SecondaryStatus"] == "MaxRuntimeExceeded"
    assert "FailureReason" not in end


def test_uncompressed_output_is_uploaded_file_by_file(house):
    code = """
import os
os.makedirs("/opt/ml/model/a")
open("/opt/ml/model/a/m", "w").write("1"); open("/opt/ml/output/data/plot", "w").write("2")
os.symlink("/etc/passwd", "/opt/ml/model/link")
"""
    house.jobs.submit(make_spec("plain", code, compression="NONE"))
    assert house.end("plain")["ModelArtifacts"] == {"S3ModelArtifacts": "s3://out/models/plain/output/model/"}
    assert house.buckets.keys("out")[1:] == ["models/plain/output/data/plot", "models/plain/output/model/a/m"]


def test_output_data_becomes_an_archive_of_its_own_and_a_failed_job_keeps_it(house):
    house.jobs.submit(make_spec("plots", "open('/opt/ml/output/data/plot', 'w').write('2'); raise SystemExit(1)"))
    assert house.end("plots")["SecondaryStatus"] == "Failed"
    assert unpack(house, "models/plots/output/output.tar.gz") == {"plot": b"2"}


def test_a_missing_output_bucket_fails_the_job(house):
    house.jobs.submit(make_spec("nobucket", "", output_uri="s3://nowhere/x"))
    assert house.end("nobucket")["FailureReason"] == (
        "ClientError: Artifact upload failed:NoSuchBucket: The specified bucket does not exist"
    )


def test_jobs_wait_their_turn_and_can_be_stopped_while_they_do(house):
    hold = "import time; print('up'); time.sleep(600)"
    house.jobs.submit(make_spec("first", hold, cores=4, stop_grace=0.1))
    house.jobs.submit(make_spec("second", "", cores=1))
    house.jobs.submit(make_spec("third", "", cores=64))
    wait_for_line(house, "first", "up")
    assert house.statuses("second") == house.statuses("third") == ["Starting", "Pending"]
    assert house.jobs.stop(make_spec("second", "").id)
    assert house.statuses("second") == ["Starting", "Pending", "Stopping", "Stopped"]
    house.jobs.stop(make_spec("first", "").id)
    assert house.end("third")["SecondaryStatus"] == "Completed"


def wait_for_line(house, name, line):
    """Until the log has a line."""
    limit = time.monotonic() + 30
    house.wait_for(name, "Training")
    while time.monotonic() < limit:
        if house.streams(name) and line in house.lines(name):
            return
        with house.told:
            house.told.wait(0.02)
    raise AssertionError(f"{name} never printed {line}")


def test_an_augmented_manifest_streams_records_in_the_order_of_the_attributes(house):
    house.buckets.put("in", "1.png", "one!")
    house.buckets.put("in", "2.png", "two!")
    rows = [{"source-ref": "s3://in/1.png", "class": 1}, {"class": 2, "source-ref": "s3://in/2.png"}]
    house.buckets.put("in", "list", "\n".join(json.dumps(row) for row in rows))
    code = "print(open('/opt/ml/input/data/train_0', 'rb').read().hex())"
    channel = pipe(
        "train",
        "s3://in/list",
        source="AugmentedManifestFile",
        attributes=["source-ref", "class"],
        record_wrapper="RecordIO",
    )
    house.jobs.submit(make_spec("augmented", code, channel))
    assert house.end("augmented")["SecondaryStatus"] == "Completed"
    assert bytes.fromhex(house.lines("augmented")[0]) == b"".join(map(wrap_record, (b"one!", b"1", b"two!", b"2")))


def test_a_manifest_file_and_its_objects_reach_the_host(house):
    house.buckets.put("in", "list", json.dumps([{"prefix": "s3://in/some/"}, "a", "deep/b"]))
    house.buckets.put("in", "some/a", "1")
    house.buckets.put("in", "some/deep/b", "2")
    code = "print(open('/opt/ml/input/data/train/a').read(), open('/opt/ml/input/data/train/deep/b').read())"
    channel = ChannelSpec(name="train", uri="s3://in/list", source="ManifestFile")
    house.jobs.submit(make_spec("manifest", code, channel))
    house.end("manifest")
    assert house.lines("manifest") == ["1 2"]


def test_a_command_that_is_not_there_is_named(house):
    house.jobs.submit(make_spec("nothing", "", command=["/no/such/program"]))
    assert house.end("nothing")["FailureReason"] == "ClientError: can't run /no/such/program: No such file or directory"


def test_an_isolated_job_gets_no_keys_and_no_network(house):
    code = """
import os, socket
print("AWS_ACCESS_KEY_ID" in os.environ)
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except OSError as problem:
    print(problem.strerror)
"""
    house.jobs.submit(make_spec("alone", code, network_isolation=True))
    assert house.end("alone")["SecondaryStatus"] == "Completed"
    assert house.lines("alone") == ["False", "Network is unreachable"]


def test_a_second_job_of_the_same_name_is_refused(house):
    house.jobs.submit(make_spec("twin", ""))
    with pytest.raises(ValidationException):
        house.jobs.submit(make_spec("twin", ""))
    house.end("twin")
    assert house.jobs.knows(make_spec("twin", "").id)
    house.jobs.forget(make_spec("twin", "").id)
    assert not house.jobs.knows(make_spec("twin", "").id)


def test_a_job_can_be_stopped_while_its_data_come_in(house):
    reached, go_on = threading.Event(), threading.Event()
    fetch = house.buckets.fetch_object

    def slow(bucket, key, target):
        reached.set()
        assert go_on.wait(30)
        fetch(bucket, key, target)

    house.buckets.put("in", "data/a", "1")
    house.buckets.put("in", "data/b", "2")
    object.__setattr__(house.jobs._house.host, "fetch_object", slow)
    house.jobs.submit(make_spec("halfway", "", FILE))
    assert reached.wait(30)
    assert house.jobs.stop(make_spec("halfway", "").id)
    go_on.set()
    assert house.end("halfway")["SecondaryStatus"] == "Stopped"
    assert house.statuses("halfway") == ["Starting", "Downloading", "Stopping", "Stopped"]


def test_a_job_can_be_stopped_before_its_supervisor_listens(house, monkeypatch):
    fork = Life._fork

    def fork_and_stop(life, attempt):
        life._process = fork(life, attempt)
        life.stop()
        return life._process

    monkeypatch.setattr(Life, "_fork", fork_and_stop)
    house.jobs.submit(make_spec("early", "import time; time.sleep(60)"))
    assert house.end("early")["SecondaryStatus"] == "Stopped"


class NoNamespaces:
    """A warm parent on a kernel that refuses them."""

    namespaces = False


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "user code"),
        ({"command": [], "algorithm": "kmeans", "network_isolation": True}, "EnableNetworkIsolation"),
        ({"command": [], "algorithm": "kmeans", "instance_count": 2}, "InstanceCount must be 1"),
    ],
)
def test_without_namespaces_what_needs_a_sandbox_is_refused(tmp_path, more, words):
    house = House(tmp_path, NoNamespaces())
    with pytest.raises(ValidationException, match=words):
        house.jobs.submit(make_spec("refused", "", **more))
    assert not list((tmp_path / "jobs").iterdir())
    house.close()
