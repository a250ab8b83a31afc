"""What the Kinesis benchmarks share: requests signed beforehand, sent by raw sockets from processes of their own."""

import json
import multiprocessing
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
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

STREAM = "benchmark"


@contextmanager
def clary_server(folder: Path) -> Iterator[int]:
    """A Clary with the limits of shards lifted; its port."""
    command = ["-m", "clary", "serve", "--data-dir", str(folder / "clary"), "--port"]
    with _started(command, {"CLARY_KINESIS_LIMITS": "false"}) as port:
        yield port


@contextmanager
def moto_server(_folder: Path) -> Iterator[int]:
    """moto's server, which keeps records in memory; its port."""
    with _started(["-m", "moto.server", "-H", "127.0.0.1", "-p"], {}) as port:
        yield port


@contextmanager
def _started(command: list[str], variables: dict[str, str]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CLARY_"))}
    with subprocess.Popen(
        [sys.executable, *command, str(port)],
        env=kept | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _await(process, port)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def kinesis(port: int) -> Any:
    """A boto3 client, for what isn't measured."""
    return boto3.client(
        "kinesis",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


def signed(port: int, operation: str, document: dict[str, Any]) -> bytes:
    """A request with a Version 4 signature, ready for the socket."""
    body = json.dumps(document).encode()
    headers = {"X-Amz-Target": f"Kinesis_20131202.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"http://127.0.0.1:{port}/", data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), "kinesis", "us-east-1").add_auth(request)
    lines = ["POST / HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Connection:
    """A connection, kept alive where the server does so."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = bytearray(16 * 1024 * 1024)
        self._connect()

    def ask(self, request: bytes) -> memoryview:
        """The body of the answer, good until the next one."""
        self._socket.sendall(request)
        view, have, head = memoryview(self._buffer), 0, -1
        while head < 0:
            have += self._receive(view[have:])
            head = self._buffer.find(b"\r\n\r\n", 0, have)
        lines = bytes(view[:head]).lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        while have < head + 4 + length:
            have += self._receive(view[have:])
        body = view[head + 4 : have]
        if lines[0].startswith(b"http/1.0") or b"connection: close" in lines:
            self._socket.close()
            self._connect()
        if b" 200 " not in lines[0]:
            raise SystemExit(f"the server answered {bytes(body)[:500]!r}")
        return body

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _receive(self, into: memoryview) -> int:
        count = self._socket.recv_into(into)
        if not count:
            raise SystemExit("the server closed the connection")
        return count


def together(work: Any, arguments: list[tuple[Any, ...]]) -> float:
    """Run `work(barrier, *arguments)` in a process each; seconds from when all are ready to the last one's end."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(arguments) + 1)
    processes = [context.Process(target=work, args=(barrier, *given)) for given in arguments]
    for process in processes:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit("a client failed")
    return time.perf_counter() - started
