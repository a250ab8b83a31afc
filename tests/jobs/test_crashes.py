"""What a kill -9 of the server, of a supervisor or of a feeder does, and a full disk: nothing lost, doubled or half."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import job_house
import msgspec
import pytest
from job_house import House, make_spec, pipe

from clary.jobs import ChannelSpec, MetricSpec
from clary.jobs.spec import OutputSpec

LOSS = [MetricSpec("train:loss", r"loss=(\d+)")]
COUNT = """
import time
for number in range(200):
    print(f"loss={number}")
    time.sleep(0.01)
open("/opt/ml/model/m", "w").write("whole")
"""


@contextmanager
def victim(folder, spec):
    """A server in a process of its own that has taken the job; killed by the hard way when the block ends."""
    command = [sys.executable, job_house.__file__, str(folder), msgspec.json.encode(spec).decode()]
    environment = {**os.environ, "PYTHONPATH": str(Path(job_house.__file__).parents[2])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def wait_until(seen, what, seconds=30):
    limit = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


def printed(folder, line):
    """Whether a host has printed a line, whoever reads it."""
    return any(line in path.read_bytes().splitlines() for path in folder.glob("jobs/*/attempt-*/hosts/*/log"))


def notes(folder):
    """What supervisors have noted of the only job."""
    rows = [path.read_bytes().splitlines() for path in folder.glob("jobs/*/attempt-*/journal")]
    return [msgspec.json.decode(row) for file in rows for row in file]


def children_of(pid):
    paths = Path("/proc").glob("[0-9]*/stat")
    rows = []
    for path in paths:
        try:
            fields = path.read_text()
        except OSError:
            continue
        if int(fields.rpartition(")")[2].split()[1]) == pid:
            rows.append(int(path.parent.name))
    return rows


def test_a_file_job_goes_on_without_its_server_and_nothing_is_lost_or_doubled(tmp_path, warm):
    job_house.Buckets(tmp_path / "buckets").put("out", ".keep")
    spec = make_spec("orphan", COUNT, metrics=LOSS)
    with victim(tmp_path, spec):
        wait_until(lambda: printed(tmp_path, b"loss=20"), "the job never began")
    wait_until(lambda: printed(tmp_path, b"loss=100"), "the job ended with its server")
    house = House(tmp_path, warm, job_cores=4)
    house.jobs.recover()
    end = house.end("orphan")
    assert house.statuses("orphan") == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert house.lines("orphan") == [f"loss={number}" for number in range(200)]
    assert sorted(house.values("train:loss", "orphan")) == list(range(200))
    assert end["FinalMetricDataList"][0]["Value"] == 199
    assert house.buckets.keys("out") == [".keep", "models/orphan/output/model.tar.gz"]
    house.close()


def test_a_job_that_ended_without_its_server_is_concluded_by_the_next(tmp_path, warm):
    job_house.Buckets(tmp_path / "buckets").put("out", ".keep")
    code = "import time; time.sleep(0.3); print('done'); open('/opt/ml/model/m', 'w').write('x')"
    with victim(tmp_path, make_spec("alone", code)):
        wait_until(lambda: any(row["event"] == "started" for row in notes(tmp_path)), "the job never began")
    wait_until(lambda: list(tmp_path.glob("jobs/*/attempt-1/end.json")), "the supervisor died with its server")
    house = House(tmp_path, warm, job_cores=4)
    house.jobs.recover()
    assert house.end("alone")["SecondaryStatus"] == "Completed"
    assert house.lines("alone") == ["done"]
    house.close()
    again = House(tmp_path, warm, job_cores=4)
    told = len(again.states.read_text().splitlines())
    again.jobs.recover()
    again.close()
    assert len(again.states.read_text().splitlines()) == told


def test_a_pipe_job_gets_every_byte_though_its_server_dies(tmp_path, warm):
    buckets = job_house.Buckets(tmp_path / "buckets")
    buckets.put("out", ".keep")
    content = os.urandom(1 << 20) * 4
    buckets.put("in", "data/a", content)
    code = """
import hashlib, time
for epoch in range(2):
    digest = hashlib.sha256()
    with open(f"/opt/ml/input/data/train_{epoch}", "rb", buffering=0) as file:
        while data := file.read(65536):
            digest.update(data)
            time.sleep(0.01)
            print("reading")
    print(digest.hexdigest())
"""
    with victim(tmp_path, make_spec("stream", code, pipe("train", "s3://in/data/"))):
        wait_until(lambda: printed(tmp_path, b"reading"), "the job never read")
    house = House(tmp_path, warm, job_cores=4)
    house.jobs.recover()
    assert house.end("stream")["SecondaryStatus"] == "Completed"
    digest = hashlib.sha256(content).hexdigest()
    assert [line for line in house.lines("stream") if line != "reading"] == [digest, digest]
    house.close()


def test_a_job_can_be_stopped_by_the_next_server(tmp_path, warm):
    job_house.Buckets(tmp_path / "buckets").put("out", ".keep")
    spec = make_spec("later", "import time; print('up'); time.sleep(600)", stop_grace=0.5)
    with victim(tmp_path, spec):
        wait_until(lambda: printed(tmp_path, b"up"), "the job never began")
    house = House(tmp_path, warm, job_cores=4)
    house.jobs.recover()
    assert house.jobs.stop(spec.id)
    assert house.end("later")["SecondaryStatus"] == "Stopped"
    house.close()


def test_jobs_that_waited_still_wait_after_a_crash_in_their_order(tmp_path, warm):
    job_house.Buckets(tmp_path / "buckets").put("out", ".keep")
    first = make_spec("first", "import time; print('up'); time.sleep(1)", cores=4)
    with victim(tmp_path, first):
        wait_until(lambda: printed(tmp_path, b"up"), "the job never began")
    house = House(tmp_path, warm, job_cores=4, job_memory_gib=8.0)
    house.jobs.recover()
    house.jobs.submit(make_spec("second", "", cores=1))
    assert house.statuses("second") == ["Starting", "Pending"]
    assert house.end("second")["SecondaryStatus"] == "Completed"
    assert house.end("first")["Time"] <= house.end("second")["Time"]
    house.close()


def test_a_supervisor_that_is_told_to_end_stops_its_job(house):
    house.jobs.submit(make_spec("told", "import time; print('up'); time.sleep(600)"))
    wait_until(lambda: printed(house.folder, b"up"), "the job never began")
    (pid,) = [row["pid"] for row in notes(house.folder) if row["event"] == "started"]
    os.kill(pid, signal.SIGTERM)
    assert house.end("told")["SecondaryStatus"] == "Stopped"


def test_a_dead_supervisor_fails_the_job_and_takes_its_programs_along(house):
    house.jobs.submit(make_spec("headless", "import time; print('up'); time.sleep(600)"))
    wait_until(lambda: printed(house.folder, b"up"), "the job never began")
    (pid,) = [row["pid"] for row in notes(house.folder) if row["event"] == "started"]
    programs = children_of(pid)
    assert programs
    os.kill(pid, signal.SIGKILL)
    end = house.end("headless")
    assert end["FailureReason"] == "InternalServerError: We encountered an internal error. Please try again."
    wait_until(lambda: not any(Path(f"/proc/{program}").exists() for program in programs), "a program outlived it")


def test_an_internal_error_is_tried_again_as_often_as_asked(house):
    code = "import time; print('up'); time.sleep(600)"
    house.jobs.submit(make_spec("retried", code, max_attempts=2, stop_grace=0.1))
    seen = set()
    for _ in range(2):
        wait_until(lambda: {row["pid"] for row in notes(house.folder) if "pid" in row} - seen, "no attempt began")
        wait_until(lambda: printed(house.folder, b"up"), "no program began")
        (pid,) = {row["pid"] for row in notes(house.folder) if "pid" in row} - seen
        seen.add(pid)
        os.kill(pid, signal.SIGKILL)
    assert house.end("retried")["FailureReason"].startswith("InternalServerError")
    assert house.statuses("retried") == ["Starting", "Downloading", "Training"] * 2 + ["Failed"]
    assert len(house.streams("retried")) in (1, 2)


def test_a_failure_of_the_job_itself_is_not_tried_again(house):
    house.jobs.submit(make_spec("once", "raise SystemExit(1)", max_attempts=3))
    house.end("once")
    assert house.statuses("once").count("Starting") == 1


def test_a_dead_feeder_fails_the_job_though_the_program_sees_a_clean_end(house):
    house.buckets.put("in", "data/a", b"x" * 50_000_000)
    code = """
import time
with open("/opt/ml/input/data/train_0", "rb", buffering=0) as file:
    print(file.read(1))
    time.sleep(0.5)
    while file.read(1 << 20):
        pass
open("/opt/ml/model/m", "w").write("trained on a part")
"""
    house.jobs.submit(make_spec("starved", code, pipe("train", "s3://in/data/")))
    wait_until(lambda: printed(house.folder, b"b'x'"), "the job never read")
    (supervisor,) = [row["pid"] for row in notes(house.folder) if row["event"] == "started"]
    feeder = min(children_of(supervisor))
    os.kill(feeder, signal.SIGKILL)
    end = house.end("starved")
    assert end["FailureReason"].startswith("InternalServerError")
    assert "ModelArtifacts" not in end


def test_close_stops_what_runs_and_leaves_no_process(tmp_path, warm):
    house = House(tmp_path, warm, job_cores=1, job_memory_gib=8.0)
    house.buckets.put("out", ".keep")
    house.buckets.put("in", "data/a", "1")
    channel = pipe("train", "s3://in/data/")
    house.jobs.submit(make_spec("running", "import time; print('up'); time.sleep(600)", channel))
    house.jobs.submit(make_spec("waiting", "print('hello')"))
    wait_until(lambda: printed(tmp_path, b"up"), "the job never began")
    (supervisor,) = [row["pid"] for row in notes(tmp_path) if row["event"] == "started"]
    processes = [supervisor, *children_of(supervisor)]
    assert len(processes) == 3  # with a feeder and a program
    house.close()
    assert not any(Path(f"/proc/{process}/exe").exists() and alive(process) for process in processes)
    assert house.statuses("running")[-1] == "Stopped"
    assert house.statuses("waiting") == ["Starting", "Pending"]
    following = House(tmp_path, warm, job_cores=1, job_memory_gib=8.0)
    following.jobs.recover()
    assert following.end("waiting")["SecondaryStatus"] == "Completed"
    following.close()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MiB; only root can mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_filled_by_the_model_fails_the_job_and_says_so(small_disk, tmp_path, warm):
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "jobs").symlink_to(small_disk)
    house = House(tmp_path / "house", warm, job_cores=4)
    house.buckets.put("out", ".keep")
    code = """
import os, sys
try:
    with open("/opt/ml/model/m", "wb", buffering=0) as file:
        while True:
            file.write(os.urandom(1 << 16))
except OSError:
    sys.exit(0 if len(sys.argv) > 1 else 1)
"""
    house.jobs.submit(make_spec("fills", code))
    assert "No space left on device" in house.end("fills")["FailureReason"]
    packing = make_spec("packs", code)
    house.jobs.submit(msgspec.structs.replace(packing, command=[*packing.command, "well"]))
    assert house.end("packs")["FailureReason"] == (
        "ClientError: Artifact upload failed:No space left on device: the disk that holds the job's folder is full."
    )
    house.close()


def test_a_disk_filled_by_a_processing_job_fails_it_and_what_it_wrote_is_kept(small_disk, tmp_path, warm):
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "jobs").symlink_to(small_disk)
    house = House(tmp_path / "house", warm, job_cores=4)
    house.buckets.put("out", ".keep")
    code = """
import os
open("/opt/ml/processing/out/first", "w").write("whole")
with open("/opt/ml/processing/out/second", "wb", buffering=0) as file:
    while True:
        file.write(os.urandom(1 << 16))
"""
    outputs = [OutputSpec(path="processing/out", uri="s3://out/result")]
    house.jobs.submit(make_spec("fills", code, kind="processing", outputs=outputs))
    end = house.end("fills")
    assert (end["SecondaryStatus"], "No space left on device" in end["FailureReason"]) == ("Failed", True)
    assert house.buckets.get("out", "result/first") == b"whole"
    house.close()


def test_data_beyond_the_disk_fails_the_download(small_disk, tmp_path, warm):
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "jobs").symlink_to(small_disk)
    house = House(tmp_path / "house", warm, job_cores=4)
    house.buckets.fetch_object = None
    house.buckets.put("in", "data/a", bytes(20 << 20))

    def copy(bucket, key, target):
        Path(target).write_bytes(house.buckets.get(bucket, key))

    object.__setattr__(house.jobs._house.host, "fetch_object", copy)
    house.jobs.submit(make_spec("large", "", ChannelSpec(name="train", uri="s3://in/data")))
    assert house.end("large")["FailureReason"] == (
        "ClientError: Data download failed:No space left on device: the disk that holds the job's folder is full."
    )
    house.close()
