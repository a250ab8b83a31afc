"""A worker where the kernel refuses namespaces."""

import json
import socket
import struct
import subprocess
import sys

import msgspec

from clary.functions import bootstrap
from clary.sandbox import Mount, Program

PLAIN = """
import json, sys
from clary.functions import worker_process
from clary.sandbox import process
worker_process.namespaces_available = process.namespaces_available = lambda: False
sys.exit(worker_process.main(json.loads(sys.argv[1])))
"""


def run_in(tmp_path, **options):
    """The process of a worker whose handler tells where it is."""
    (tmp_path / "task").mkdir()
    (tmp_path / "layers" / "python").mkdir(parents=True)
    (tmp_path / "layers" / "python" / "shared.py").write_text("import os\nwhere = os.getcwd()")
    (tmp_path / "task" / "index.py").write_text("import shared\ndef handler(event, context): return shared.where")
    variables = "FUNCTION_NAME FUNCTION_VERSION FUNCTION_MEMORY_SIZE LOG_GROUP_NAME LOG_STREAM_NAME"
    program = Program(
        command=[sys.executable, "-s", "/var/runtime/bootstrap.py"],
        arguments=["/run/clary/s", "/var/task", "/opt", str(1 << 30)],
        environment={"_HANDLER": "index.handler", **{f"AWS_LAMBDA_{name}": "" for name in variables.split()}},
        mounts=[
            Mount(str(tmp_path / "task"), "/var/task"),
            Mount(str(tmp_path / "layers" / "python"), "/opt/python"),
            Mount(bootstrap.__file__, "/var/runtime/bootstrap.py"),
            Mount(str(tmp_path / "sockets"), "/run/clary", writable=True),
        ],
        output=str(tmp_path / "output"),
        folder=str(tmp_path / "folder"),
        **options,
    )
    return subprocess.Popen([sys.executable, "-c", PLAIN, json.dumps(msgspec.to_builtins(program))])


def message(connection):
    lengths = struct.unpack(">II", connection.recv(8, socket.MSG_WAITALL))
    return [connection.recv(length, socket.MSG_WAITALL) if length else b"" for length in lengths]


def test_it_runs_in_its_folder_if_that_is_allowed(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        (tmp_path / "sockets").mkdir()
        listener.bind(str(tmp_path / "sockets" / "s"))
        listener.listen()
        listener.settimeout(30)
        process = run_in(tmp_path, allow_unsandboxed=True)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(30)
            assert json.loads(message(connection)[0])["kind"] == "ready"
            head = json.dumps({"id": "r", "arn": "a", "client_context": "", "seconds": 3}).encode()
            connection.sendall(struct.pack(">II", len(head), 4) + head + b"null")
            assert json.loads(message(connection)[1]) == str(tmp_path / "task")
        assert process.wait(30) == 0


def test_it_is_refused_otherwise(tmp_path):
    (tmp_path / "sockets").mkdir()
    assert run_in(tmp_path).wait(30) == 1
    assert "the kernel refuses namespaces, so user code is not run" in (tmp_path / "output").read_text()
