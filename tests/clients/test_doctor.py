"""`clary doctor`: what it finds wrong, and the way out that it names."""

import socket
import subprocess
import sys

import pytest

from clary import clients
from clary.clients import doctor
from clary.config import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


def mends(findings):
    return {finding.what: finding.mend for finding in findings if finding.mend}


def test_a_shell_that_was_led_to_a_running_server_is_well(server):
    environment = clients.variables(server.settings, server.settings.port, {})
    found = [*doctor.server(server.settings, environment), *doctor.variables(server.settings, environment)]
    assert mends(found) == {}
    assert f"{server.url} answers: Clary" in " ".join(finding.what for finding in found)


def test_a_shell_without_the_variables_is_told_which_command_sets_them(settings):
    assert mends(doctor.variables(settings, {})) == {
        "this shell doesn't lead AWS's clients to Clary": 'eval "$(clary env)"'
    }


def test_what_leads_elsewhere_is_named(settings):
    environment = clients.variables(settings, 4566, {})
    environment |= {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_S3": "http://elsewhere", "AWS_REGION": "eu-west-1"}
    found = mends(doctor.variables(settings, environment))
    assert found["not set as Clary needs it: AWS_REGION"] == 'eval "$(clary env)"'
    assert found["AWS_PROFILE would lead clients astray"] == "unset AWS_PROFILE"
    assert "unset AWS_ENDPOINT_URL_S3" in found.values()


def test_an_endpoint_that_is_no_clary_and_a_taken_port_are_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings, url = Settings(data_dir=tmp_path / "data", port=port), f"http://127.0.0.1:{port}"
    found = mends(doctor.server(settings, {"AWS_ENDPOINT_URL": url}))
    assert found[f"{url}, where AWS's clients are led, is no running Clary"] == 'eval "$(clary env)"'
    assert found[f"no server runs on {settings.data_dir}"] == "start one: clary serve"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = Settings(data_dir=tmp_path / "data", port=listener.getsockname()[1])
        (what,) = mends(doctor.server(settings, {}))
    assert what.startswith(f"port {settings.port} is taken by process ")


def test_a_full_disk_is_said(settings, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_FREE", 1 << 62)
    ((what, mend),) = mends(doctor.data_folder(settings.data_dir)).items()
    assert "GiB left" in what and "--data-dir" in mend


def test_the_users_python_is_asked(settings):
    plugin = {"PYTHONPATH": clients.variables(settings, 4566, {})["PYTHONPATH"]}
    found = list(doctor.client_libraries(sys.executable, plugin))
    assert mends(found) == {}
    assert "boto3 " in found[0].what and "botocore " in found[0].what
    (mend,) = mends(doctor.client_libraries(sys.executable, {})).values()
    assert mend == 'eval "$(clary env)"'
    ((what, mend),) = mends(doctor.client_libraries("/no/such/python", {})).items()
    assert "/no/such/python can't be run" in what and "--python" in mend


def test_the_command_says_how_many_things_to_mend(tmp_path):
    command = [
        sys.executable,
        "-m",
        "clary",
        "doctor",
        "--data-dir",
        str(tmp_path / "data"),
        "--python",
        sys.executable,
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 1 and answer.stdout.endswith(" to mend.\n")
    assert "Traceback" not in answer.stderr
