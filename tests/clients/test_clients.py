"""The variables that `clary env` prints, and the plugin that keeps requests at home."""

import os
import subprocess
import sys

from clary import clients
from clary.config import Settings


def test_an_address_of_aws_comes_home(server):
    """The SageMaker SDKs build their STS clients with an explicit AWS address; it must not leave the machine."""
    code = (
        "import boto3; print(boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com')"
        ".get_caller_identity()['Account'])"
    )
    environment = {**os.environ, **clients.variables(server.settings, server.settings.port, {})}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == "000000000000", answer.stderr


def test_exports_and_unsets_are_shell(tmp_path):
    settings = Settings(data_dir=tmp_path)
    before = {"PYTHONPATH": "/my/code"}
    lines = clients.exports(settings, 4567, before)
    script = "\n".join([*lines, "echo $AWS_ENDPOINT_URL $PYTHONPATH"])
    answer = subprocess.run(["sh", "-c", script], env=before, capture_output=True, text=True, check=True).stdout
    assert answer.startswith("http://127.0.0.1:4567 ")
    python_path = answer.split()[1]
    assert python_path.endswith(":/my/code")
    script = "\n".join([*lines, *clients.unsets(settings, {"PYTHONPATH": python_path}), "env"])
    left = subprocess.run(["sh", "-c", script], env=before, capture_output=True, text=True, check=True).stdout
    assert "AWS_" not in left and "PYTHONPATH=/my/code" in left


def test_the_plugin_folder_holds_nothing_else():
    names = [entry.name for entry in (clients.HERE / "plugin").iterdir() if entry.name != "__pycache__"]
    assert names == ["clary_botocore.py"]


def test_a_service_endpoint_that_wins_is_named():
    assert clients.warnings({"AWS_ENDPOINT_URL_S3": "http://x", "AWS_ENDPOINT_URL": "http://y"}) == [
        "AWS_ENDPOINT_URL_S3 is set to http://x and wins over AWS_ENDPOINT_URL for its service"
    ]
