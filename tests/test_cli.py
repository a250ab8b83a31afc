"""The commands as a person types them."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clary.store.lock import DataFolderLock

CLARY = [sys.executable, "-m", "clary"]


def clary(*arguments, **variables):
    environment = {**os.environ, **variables}
    return subprocess.run([*CLARY, *arguments], env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def serving(tmp_path):
    """A server process on a free port, and its port."""
    folder = tmp_path / "data"
    command = ["sh", "-c", 'ulimit -Sn 512; exec "$@"', "sh", *CLARY, "serve", "--port", "0", "--data-dir", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        yield process, folder, _port(process, folder)
    finally:
        process.kill()
        process.communicate()


def _port(process, folder):
    lock = DataFolderLock(folder)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        holder = lock.holder()
        if holder and holder.port:
            return holder.port
        time.sleep(0.02)
    raise AssertionError(process.stderr.read().decode())


def children_of(pid):
    """All processes below one, by pid."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(path.parent.name)
            found += [child, *children_of(child)]
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_life_of_a_server(serving, how):
    process, folder, port = serving
    status = clary("status", "--data-dir", str(folder))
    assert f"http://127.0.0.1:{port}" in status.stdout and status.returncode == 0
    assert f"AWS_ENDPOINT_URL=http://127.0.0.1:{port}" in clary("env", "--data-dir", str(folder)).stdout

    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 65536) > 512

    second = clary("serve", "--port", "0", "--data-dir", str(folder))
    assert second.returncode == 1 and f"in use by process {process.pid}" in second.stderr
    refused = clary("reset", "--yes", "--data-dir", str(folder))
    assert refused.returncode == 1 and "in use" in refused.stderr

    below = children_of(process.pid)
    process.send_signal(how)
    assert process.wait(timeout=30) == 0
    assert b"Traceback" not in process.stderr.read()
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]
    assert clary("status", "--data-dir", str(folder)).returncode == 1
    assert "is empty" in clary("reset", "--yes", "--data-dir", str(folder)).stdout
    assert [entry.name for entry in folder.iterdir()] == ["lock"]


def test_taken_port_names_its_holder(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        answer = clary("serve", "--port", port, "--data-dir", str(tmp_path))
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"clary: port {port} is taken by process {os.getpid()} (")
    assert "--port" in answer.stderr and "Traceback" not in answer.stderr


def test_wrong_setting_is_a_sentence():
    answer = clary("serve", "--host", "0.0.0.0")
    assert answer.returncode == 1 and "CLARY_ACCESS_KEY" in answer.stderr and "Traceback" not in answer.stderr


def test_reset_asks_first(tmp_path):
    (tmp_path / "state.db").write_text("x")
    answer = subprocess.run(
        [*CLARY, "reset", "--data-dir", str(tmp_path)], input="n\n", capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 1 and (tmp_path / "state.db").exists()


def test_reset_deletes_nothing_but_clarys_own(tmp_path):
    for name in ("lock", "state.db", "thesis.txt"):
        (tmp_path / name).write_text("x")
    answer = clary("reset", "--yes", "--data-dir", str(tmp_path))
    assert answer.returncode == 0 and "not Clary's: thesis.txt" in answer.stdout
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["lock", "thesis.txt"]


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["reset", "--yes"]])
def test_a_file_is_no_data_folder(tmp_path, command):
    (tmp_path / "file").touch()
    answer = clary(*command, "--data-dir", str(tmp_path / "file"))
    assert answer.returncode == 1 and "the data folder" in answer.stderr and "Traceback" not in answer.stderr


def test_a_demo_of_nobody_is_a_sentence():
    answer = clary("demo", "--endpoint", "http://127.0.0.1:1")
    assert answer.returncode == 1 and "Could not connect" in answer.stderr and "Traceback" not in answer.stderr


def test_env_warns_of_other_endpoints():
    assert "AWS_ENDPOINT_URL_S3" in clary("env", AWS_ENDPOINT_URL_S3="http://elsewhere").stderr
