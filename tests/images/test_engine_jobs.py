"""Images that Podman runs, through a real server; not run where Podman is missing or can't run containers."""

import os
import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from botocore.exceptions import ClientError

from clary.images import engine as engines
from tests.images import podman_engine
from tests.images.podman_engine import IMAGE
from tests.main_job import MainJob, wait_until

pytestmark = pytest.mark.slow  # a container takes a second, the engine's start several


@pytest.fixture(scope="module")
def engine():
    """A Podman that DOCKER_HOST names."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            # not in pytest's folder: what stays mounted there after a kill would trouble other runs
            with (
                TemporaryDirectory(prefix="clary-podman-", ignore_cleanup_errors=True) as folder,
                podman_engine.running(Path(folder)) as found,
            ):
                patch.setenv("DOCKER_HOST", f"unix://{found.path}")
                yield found
        except podman_engine.NoPodman as reason:
            pytest.skip(str(reason))


@pytest.fixture(scope="module")
def job(aws, engine):
    name = f"engine-{time.time_ns()}"
    aws("s3").create_bucket(Bucket=name)
    found = MainJob(aws, name)
    found.put("train/rows.csv", b"1,2\n")
    return found


def containers(engine):
    """Those of Clary's that the engine has."""
    return engine._ask("GET", "/containers/json", {"all": "1"})


def test_an_image_trains_in_a_container_and_serves_its_model(job, engine):
    name = f"engine-{time.time_ns()}"
    end = job.train(name, image=IMAGE, settings={"depth": "3"}, Environment={"WORD": "given"})
    assert end["TrainingJobStatus"] == "Completed", (end.get("FailureReason"), job.log(name))
    assert "host: algo-1; variable: given; of ours: /opt/ml: checkpoints" in job.log(name)[0]
    assert containers(engine) == []
    artefact = end["ModelArtifacts"]["S3ModelArtifacts"]
    for isolated in (False, True):
        endpoint = f"{name}-{isolated}"
        found = deploy(job, endpoint, artefact, isolated)
        assert found["EndpointStatus"] == "InService", found.get("FailureReason")
        assert job.invoke(endpoint, "1,2") == '{"depth": "3"} 1,2'
        job.sagemaker.delete_endpoint(EndpointName=endpoint)
    wait_until(lambda: containers(engine) == [], "the endpoints' containers are removed")
    wait_until(lambda: "clary-" not in str(engine._ask("GET", "/networks")), "their network is removed")


def deploy(job, name, artefact, isolated):
    """The endpoint's description; without a network where it is to be isolated."""
    create, job.sagemaker.create_model = job.sagemaker.create_model, None
    job.sagemaker.create_model = lambda **request: create(**request, EnableNetworkIsolation=isolated)
    try:
        return job.deploy(name, artefact, IMAGE)
    finally:
        job.sagemaker.create_model = create


def test_the_reason_and_the_exit_code_of_a_failure_are_the_containers(job):
    end = job.train(f"engine-{time.time_ns()}", image=IMAGE, settings={"fail": "1"}, EnableNetworkIsolation=True)
    assert end["FailureReason"] == "AlgorithmError: it was told to, exit code: 3"


def test_a_container_gets_the_signal_to_stop(job, engine):
    name = f"engine-{time.time_ns()}"
    job.start(name, image=IMAGE, settings={"wait": "1"})
    wait_until(lambda: "waiting" in job.log(name), "the container waits")
    job.sagemaker.stop_training_job(TrainingJobName=name)
    assert job.end(name)["TrainingJobStatus"] == "Stopped"
    assert "stopped" in job.log(name)
    assert job.artefact(name) == ["settings.json"]


def test_no_container_outlives_the_process_that_stands_for_it(job, engine):
    name = f"engine-{time.time_ns()}"
    job.start(name, image=IMAGE, settings={"wait": "1"})
    wait_until(lambda: "waiting" in job.log(name), "the container waits")
    (found,) = containers(engine)
    os.kill(int(found["Labels"]["clary"]), signal.SIGKILL)
    assert job.end(name)["TrainingJobStatus"] == "Failed"
    wait_until(lambda: containers(engine) == [], "the container is removed")


@pytest.mark.parametrize("isolated", [False, True])
def test_several_hosts_see_each_other(job, engine, isolated):
    name = f"engine-{time.time_ns()}"
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    end = job.train(
        name, image=IMAGE, settings={"hosts": "1"}, ResourceConfig=resources, EnableNetworkIsolation=isolated
    )
    assert end["TrainingJobStatus"] == "Completed", (end.get("FailureReason"), job.log(name))
    lines = "\n".join(job.log(name))
    assert "host: algo-1" in lines
    assert "host: algo-2" in lines
    if not isolated:
        assert lines.count("algo-2") > 2


def test_an_image_that_can_not_be_pulled_or_lacks_its_program_fails_the_job(job):
    end = job.train(f"engine-{time.time_ns()}", image="localhost/nowhere:1", settings={})
    assert end["FailureReason"].startswith("ClientError: The image localhost/nowhere:1 can't be pulled: ")
    name = f"engine-{time.time_ns()}"
    specification = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/nothing"]}
    end = job.train(name, AlgorithmSpecification=specification, settings={})
    assert end["FailureReason"].startswith(f"ClientError: The image {IMAGE} can't be run: ")
    assert "/bin/nothing" in end["FailureReason"]


def test_without_an_engine_the_request_says_how_to_get_one(job, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    assert engines.find() is None
    with pytest.raises(ClientError, match=r"needs Podman or Docker.*apt-get install podman"):
        job.start(f"engine-{time.time_ns()}", image=IMAGE, settings={})
