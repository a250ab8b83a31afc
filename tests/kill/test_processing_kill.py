"""`clary serve` killed while a processing job runs: it goes on, its end is told, no output is lost or half."""

import random
import time

import pytest

from tests.kill.test_kill import alive
from tests.main_job import wait_until
from tests.services.sagemaker.test_processing_server import ProcessingDesk

pytestmark = pytest.mark.slow

FILES, SIZE = 24, 300_000
SCRIPT = f"""
import time
for number in range({FILES}):
    with open(f"/opt/ml/processing/out/{{number:02}}", "w") as file:
        for _ in range(3):
            file.write(f"{{number:02}}" * {SIZE // 6})
            file.flush()
            time.sleep(0.03)
    print("wrote", number)
open("/opt/ml/output/message", "w").write("all written")
"""


@pytest.fixture
def desk(server):
    desk = ProcessingDesk(server.client, "kept")
    desk.s3.create_bucket(Bucket=desk.bucket)
    return desk


def check(desk):
    """The outputs that are there are whole at the job's end."""
    found = desk.outputs("job")
    assert found == {f"out/{number:02}": f"{number:02}".encode() * (SIZE // 2) for number in range(FILES)}


@pytest.mark.parametrize(("mode", "seed"), [("EndOfJob", 0), ("Continuous", 1)])
def test_it_goes_on_and_every_output_is_whole(server, desk, mode, seed):
    chance = random.Random(seed)
    desk.begin("job", SCRIPT, mode=mode)
    for number in range(2):
        wait_until(lambda least=8 * number: len(desk.lines("job")) >= least, "it never went on")
        time.sleep(chance.uniform(0.0, 0.3))  # a moment like any other
        server.kill()
        time.sleep(chance.uniform(0.0, 0.5))
        server.start()
    job = desk.finish("job")
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "all written")
    assert desk.lines("job") == [f"wrote {number}" for number in range(FILES)]
    check(desk)


def test_the_end_of_a_job_that_ended_alone_is_told(server, desk):
    desk.begin("job", SCRIPT)
    wait_until(lambda: list(server.folder.glob("jobs/*/attempt-1/journal")), "it never began")
    server.kill()
    wait_until(lambda: list(server.folder.glob("jobs/*/attempt-1/end.json")), "it ended with its server")
    server.start()
    assert desk.finish("job")["ProcessingJobStatus"] == "Completed"
    check(desk)


def test_a_stop_outlives_the_server_and_ctrl_c_leaves_no_process(server, desk):
    desk.begin("job", SCRIPT, mode="Continuous")
    wait_until(lambda: desk.lines("job"), "it never began")
    desk.sagemaker.stop_processing_job(ProcessingJobName="job")
    server.kill()
    server.start()
    assert desk.finish("job")["ProcessingJobStatus"] == "Stopped"
    kept = desk.outputs("job")
    assert all(set(data) <= set(key[-2:].encode()) for key, data in kept.items()) and kept

    desk.begin("endless", "import time\nprint('on')\ntime.sleep(1000)")
    wait_until(lambda: desk.lines("endless"), "it never began")
    processes = server.processes()
    said = server.stop()
    assert not [pid for pid in processes if alive(pid)]
    assert "Traceback" not in said
    server.start()
    assert desk.finish("endless")["ProcessingJobStatus"] == "Stopped"
