"""Commands and root file systems of the user's own as images of jobs and endpoints, through a real server."""

import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from clary import images
from clary.cli import app
from clary.config import Settings
from clary.errors import SettingsError
from clary.images import register
from tests.images.own_images import PROGRAM, make_root
from tests.main_job import OFTEN, ROLE, MainJob, labelled_rows, wait_until


@pytest.fixture(scope="module")
def job(aws):
    name = f"own-{time.time_ns()}"
    aws("s3").create_bucket(Bucket=name)
    found = MainJob(aws, name)
    found.put("train/rows.csv", labelled_rows(5))
    return found


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "program.py"
    path.parent.chmod(0o755)
    path.write_text(PROGRAM)
    return path


@pytest.fixture(scope="module")
def mine(server, program):
    """An image that `clary image add` has registered."""
    data = str(server.settings.data_dir)
    call("add", "mine:1", "--env", "CALLER=image", "--data-dir", data, "--", "python3", str(program))
    yield "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    call("remove", "mine:1", "--data-dir", data)


def call(*arguments):
    """What `clary image` prints."""
    answer = CliRunner().invoke(app, ["image", *arguments])
    if answer.exception and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.output


def test_a_command_trains_and_its_model_is_served_by_it(job, mine):
    name = f"own-{time.time_ns()}"
    end = job.train(name, image=mine, settings={"depth": "3"}, EnableNetworkIsolation=True)
    assert end["TrainingJobStatus"] == "Completed", end.get("FailureReason")
    assert "called with ['train'] by image" in job.log(name)
    artefact = end["ModelArtifacts"]["S3ModelArtifacts"]
    found = job.deploy(name, artefact, mine)
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")
    other = job.deploy(f"{name}-2", artefact, mine)  # which listens on the same port
    assert other["EndpointStatus"] == "InService", other.get("FailureReason")
    assert job.invoke(name, "1,2") == '{"depth": "3"} 1,2'


def test_a_transform_is_done_by_a_command(job, mine):
    name = f"own-{time.time_ns()}"
    artefact = job.train(name, image=mine, settings={"depth": "3"})["ModelArtifacts"]["S3ModelArtifacts"]
    job.sagemaker.create_model(
        ModelName=name, PrimaryContainer={"Image": mine, "ModelDataUrl": artefact}, ExecutionRoleArn=ROLE
    )
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{job.bucket}/train/rows.csv"}
    job.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://{job.bucket}/{name}"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    job.sagemaker.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName=name, WaiterConfig=OFTEN)
    body = job.s3.get_object(Bucket=job.bucket, Key=f"{name}/rows.csv.out")["Body"].read()
    assert body.startswith(b'{"depth": "3"} ')


def test_what_a_command_says_of_its_failure_is_the_reason(job, mine):
    end = job.train(f"own-{time.time_ns()}", image=mine, settings={"fail": "1"})
    assert (end["TrainingJobStatus"], end["FailureReason"]) == (
        "Failed",
        "AlgorithmError: it was told to, exit code: 3",
    )


def test_a_request_gives_other_arguments_or_another_entry_point(job, mine, program):
    for given, expected in (
        ({"ContainerArguments": ["rehearse", "x"]}, "called with ['rehearse', 'x'] by image"),
        ({"ContainerEntrypoint": ["/bin/echo"], "ContainerArguments": ["only", "this"]}, "only this"),
    ):
        name = f"own-{time.time_ns()}"
        specification = {"TrainingImage": mine, "TrainingInputMode": "File", **given}
        end = job.train(name, AlgorithmSpecification=specification, settings={})
        assert end["TrainingJobStatus"] == "Completed", end.get("FailureReason")
        assert expected in job.log(name)


def test_a_processing_job_runs_a_command_as_it_is(job, mine):
    name = f"own-{time.time_ns()}"
    job.sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": "mine:1", "ContainerArguments": ["process"]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    )
    described = wait_until(
        lambda: (
            found
            if (found := job.sagemaker.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"]
            in ("Completed", "Failed")
            else None
        ),
        "the processing job ends",
    )
    assert described["ProcessingJobStatus"] == "Completed", described.get("FailureReason")


def test_a_root_file_system_takes_the_place_of_the_system(job, server, tmp_path):
    root = make_root(tmp_path / "root")
    data = str(server.settings.data_dir)
    call("add", "rooted", "--root", str(root), "--workdir", "/opt/program", "--data-dir", data, "--", "./train")
    name = f"own-{time.time_ns()}"
    end = job.train(name, image="rooted", settings={"depth": "4"})
    assert end["TrainingJobStatus"] == "Completed", (end["FailureReason"], job.log(name))
    log = "\n".join(job.log(name))
    assert "arguments: train; host: algo-1; here: /opt/program" in log
    assert "the root is read-only" in log
    assert "sbin" not in log
    assert job.artefact(name) == ["settings.json"]
    call("remove", "rooted", "--data-dir", data)
    with pytest.raises(ClientError, match=r"'rooted' is not an image that runs here.*clary image add.*install podman"):
        job.start(f"own-{time.time_ns()}", image="rooted", settings={})


def test_an_image_is_named_by_its_uri_or_by_its_repository(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    for name in ("mine", "mine:2", "registry.example.com:5000/mine:3"):
        register.add(settings, register.RegisteredImage(name=name, command=["true"]))
    for uri, name in (
        ("mine", "mine"),
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:latest", "mine"),
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:2", "mine:2"),
        ("registry.example.com:5000/mine:3", "registry.example.com:5000/mine:3"),
        ("localhost/mine:2", "mine:2"),
    ):
        assert images.resolve(settings, uri).name == name
    with pytest.raises(images.UnknownImageError, match="'others/mine' is not an image"):
        images.resolve(settings, "others/mine")


def test_images_are_listed_and_forgotten(tmp_path):
    data = ["--data-dir", str(tmp_path / "data")]
    assert "rough is an image now" in call("add", "rough", *data, "--", "true")
    assert "rough" in call("list", *data)
    assert (tmp_path / "data" / "lock").exists()  # a server takes the folder for its own
    call("remove", "rough", *data)
    assert "rough" not in call("list", *data)
    with pytest.raises(SettingsError, match="no image 'rough' is registered"):
        call("remove", "rough", *data)


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ({"name": "a b", "command": ["true"]}, "is no name for an image"),
        ({"name": "a"}, "give a command"),
        ({"name": "a", "command": ["/nowhere"]}, "'/nowhere' is no program of this machine"),
        ({"name": "scikit-learn:mine", "command": ["true"]}, "names the image of a framework"),
        ({"name": "a", "root": "/nowhere"}, "is not a folder"),
        ({"name": "a", "command": ["cat"], "folders": [str(Path.home())]}, "with it your home"),
        ({"name": "a", "command": ["cat"], "folders": ["/"]}, "with it your home"),
    ],
)
def test_what_could_not_run_or_sees_too_much_is_refused(tmp_path, image, problem):
    with pytest.raises(SettingsError, match=problem):
        register.add(Settings(data_dir=tmp_path / "data"), register.RegisteredImage(**image))


def test_the_data_folder_is_not_shown(tmp_path):
    image = register.RegisteredImage(name="a", command=["cat", str(tmp_path)])
    with pytest.raises(SettingsError, match="Clary's data folder"):
        register.add(Settings(data_dir=tmp_path / "data"), image)
    assert register.read(Settings(data_dir=tmp_path / "data")) == {}


def test_the_environment_of_an_interpreter_is_seen_whole(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.parent.parent.chmod(0o755)
    python.touch(0o755)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    register.add(settings, register.RegisteredImage(name="a", command=[str(python), "-V"]))
    assert register.read(settings)["a"].folders == [str(tmp_path / "env")]
