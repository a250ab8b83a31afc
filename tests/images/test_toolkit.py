"""The toolkit around a script, without an environment: what it is told, its source code, its failures."""

import io
import json
import os
import signal
import sys
import tarfile

import pytest

from clary.images.clary_toolkit import errors, source, training
from clary.images.clary_toolkit.settings import Settings


@pytest.fixture
def told(tmp_path):
    """`told(hyperparameters)`: the settings of the second of two hosts."""
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1", "algo-2"]}
    resources = {
        "current_host": "algo-2",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1", "algo-2"],
        "instance_groups": [group],
        "network_interface_name": "lo",
    }

    def tell(hyperparameters):
        for name, content in (
            ("hyperparameters", hyperparameters),
            ("resourceconfig", resources),
            ("inputdataconfig", {"train": {"TrainingInputMode": "File"}, "my-test": {"TrainingInputMode": "File"}}),
        ):
            (config / f"{name}.json").write_text(json.dumps(content))
        return Settings(tmp_path)

    return tell


def test_values_are_decoded_where_they_are_json(told):
    """SDK v2 encodes them, v3 doesn't."""
    given = {
        "rate": "0.5",
        "name": '"adam"',
        "raw": "adam",
        "flag": "true",
        "layers": "[1, 2]",
        "x": '{"b": 1, "a": 2}',
    }
    settings = told({**given, "sagemaker_program": '"train.py"', "sagemaker_mine": "1"})
    assert settings.hyperparameters["name"] == settings.hyperparameters["raw"] == "adam"
    assert settings.program == "train.py"
    assert settings.framework == {"sagemaker_mine": 1}
    assert settings.arguments() == [
        *("--flag", "True", "--layers", "[1, 2]", "--name", "adam", "--rate", "0.5", "--raw", "adam", "-x", "a=2,b=1")
    ]


def test_the_variables_are_those_of_awss_toolkit(told, tmp_path):
    variables = told({"batch-size": "32", "sagemaker_job_name": '"job"', "sagemaker_region": '"eu-west-1"'}).variables()
    assert variables["SM_CHANNELS"] == '["my-test","train"]'
    assert variables["SM_CHANNEL_MY-TEST"] == f"{tmp_path}/input/data/my-test"
    assert variables["SM_HP_BATCH-SIZE"] == "32"
    assert variables["SM_USER_ARGS"] == '["--batch-size","32"]'
    assert (variables["SM_CURRENT_HOST"], variables["MASTER_ADDR"], variables["MASTER_PORT"]) == (
        "algo-2",
        "algo-1",
        "7777",
    )
    assert (variables["SAGEMAKER_JOB_NAME"], variables["SAGEMAKER_REGION"]) == ("job", "eu-west-1")
    assert variables["SM_FRAMEWORK_MODULE"] == ""
    described = json.loads(variables["SM_TRAINING_ENV"])
    assert (described["is_master"], described["master_hostname"]) == (False, "algo-1")
    documented = """MODEL_DIR INPUT_DIR INPUT_CONFIG_DIR OUTPUT_DIR OUTPUT_DATA_DIR OUTPUT_INTERMEDIATE_DIR HPS HOSTS
        NUM_CPUS NUM_GPUS NUM_NEURONS LOG_LEVEL USER_ENTRY_POINT MODULE_NAME MODULE_DIR FRAMEWORK_PARAMS
        RESOURCE_CONFIG INPUT_DATA_CONFIG NETWORK_INTERFACE_NAME CURRENT_INSTANCE_TYPE CURRENT_INSTANCE_GROUP
        CURRENT_INSTANCE_GROUP_HOSTS INSTANCE_GROUPS INSTANCE_GROUPS_DICT DISTRIBUTION_INSTANCE_GROUPS IS_HETERO"""
    assert {f"SM_{name}" for name in documented.split()} <= variables.keys()


def test_a_script_is_run_by_what_it_is(told, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CODE", tmp_path)
    monkeypatch.setattr(training, "gpus", lambda: 0)
    (tmp_path / "train.sh").touch()
    python = sys.executable
    assert training.command_of(told({"sagemaker_program": "a/train.py", "n": "1"})) == [python, "a/train.py", "-n", "1"]
    shell = told({"sagemaker_program": "train.sh", "word": "a b"})
    assert training.command_of(shell) == ["/bin/sh", "-c", "./train.sh --word 'a b'"]
    torchrun = training.command_of(told({"sagemaker_program": "t.py", "sagemaker_torch_distributed_enabled": "true"}))
    options = "--nnodes 2 --nproc_per_node 1 --master_addr algo-1 --master_port 7777 --node_rank 1 t.py"
    assert torchrun == [python, "-m", "torch.distributed.run", *options.split()]
    (tmp_path / "setup.py").touch()
    assert training.command_of(told({"sagemaker_program": "package/main.py"})) == [python, "-m", "package.main"]


def test_source_code_comes_from_what_was_fetched_or_from_a_folder(tmp_path):
    fetched, folder = tmp_path / "source", tmp_path / "folder"
    for place in (fetched, folder):
        place.mkdir()
    (folder / "train.py").write_text("folder")
    with tarfile.open(fetched / "sourcedir.tar.gz", "w:gz") as archive:
        archive.add(folder / "train.py", "package/train.py")
    source.bring("s3://bucket/sourcedir.tar.gz", fetched, tmp_path / "a")
    source.bring(f"file://{folder}", fetched, tmp_path / "b")
    assert (tmp_path / "a" / "package" / "train.py").read_text() == (tmp_path / "b" / "train.py").read_text()


@pytest.mark.parametrize("name", ["../outside.py", "/outside.py"])
def test_an_archive_does_not_leave_its_folder(tmp_path, name):
    staged, code = tmp_path / "source", tmp_path / "code"
    staged.mkdir()
    with tarfile.open(staged / "bad.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    if name.startswith("/"):  # as tar does, it is unpacked below the folder
        source.bring("s3://bucket/bad.tar.gz", staged, code)
        assert (code / "outside.py").exists()
    else:
        with pytest.raises(errors.ClientError, match="can't be unpacked"):
            source.bring("s3://bucket/bad.tar.gz", staged, code)
    assert not (tmp_path / "outside.py").exists()


def test_a_script_has_ended_though_it_left_a_process(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "CODE", tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    command = ["/bin/sh", "-c", "echo first >&2; sleep 60 & echo $! > left; echo last >&2; exit 3"]
    try:
        assert training.run(command) == (3, "first\nlast\n")
    finally:
        os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err == "first\nlast\n"


def test_a_failure_keeps_the_end_of_the_last_traceback():
    printed = "Traceback (most recent call last):\n  one\nTraceback (most recent call last):\n  two\nValueError: x\n"
    problem = errors.CommandError("ExecuteUserScriptError", ["python3", "train.py"], 1, printed)
    assert str(problem) == (
        'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "two\nValueError: x"\nCommand "python3 train.py"'
    )
    assert len(errors.tail("x" * 5000)) < 700
    assert "OutOfMemory" in str(errors.CommandError("ExecuteUserScriptError", ["x"], 137, ""))
