"""What the S3 benchmarks share: a Clary and a plain server in processes of their own, and signing by hand."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


class Running:
    """A server that answers on a port of this machine."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def s3(self) -> Any:
        """A boto3 client of it, as a user makes one."""
        return boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", config=Config(max_pool_connections=20), **KEYS
        )

    def resident_mib(self) -> float:
        """Memory that the server has at this moment."""
        return self._status("VmRSS")

    def peak_mib(self) -> float:
        """The most memory that the server ever had."""
        return self._status("VmHWM")

    def _status(self, row: str) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(row)) / 1024


def clary_server(folder: Path) -> Any:
    """A Clary on a data folder of its own."""
    return _started(["-m", "clary", "serve", "--data-dir", str(folder / "clary"), "--port"])


def plain_server(folder: Path) -> Any:
    """The server of s3_plain.py, which keeps its files in the folder."""
    (folder / "plain").mkdir()
    return _started([str(Path(__file__).with_name("s3_plain.py")), str(folder / "plain")])


@contextmanager
def _started(command: list[str]) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CLARY_"))}
    process = subprocess.Popen([sys.executable, *command, str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        _await(process, port)
        yield Running(process, port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def signed(port: int, method: str, path: str, body: bytes = b"") -> bytes:
    """A request with a Version 4 signature, ready for the socket."""
    request = AWSRequest(method, f"http://127.0.0.1:{port}{path}", data=body)
    S3SigV4Auth(Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
