"""Invoke of a warm function: by a raw HTTP client whose request is signed once, and by boto3.

    python benchmarks/lambda_invoke.py [--invocations 2000]

Prints the median and the 99th percentile of each; a median of at most 3 ms is to be reached.
"""

import argparse
import io
import socket
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from kinesis_servers import clary_server

REACH = 3.0
PAYLOAD = b'{"belt_id": 7, "belt_temp": 41.5}'
WARM_UP = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--invocations", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clary-benchmark-") as folder, clary_server(Path(folder)) as port:
        client = lambda_client(port)
        client.create_function(
            FunctionName="benchmark",
            Runtime="python3.12",
            Role="arn:aws:iam::000000000000:role/ClaryExecutionRole",
            Handler="index.handler",
            Code={"ZipFile": archive()},
        )
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = signed(port)
        measure("raw HTTP", given.invocations, lambda: ask(connection, request))
        measure(
            "boto3",
            given.invocations,
            lambda: client.invoke(FunctionName="benchmark", Payload=PAYLOAD)["Payload"].read(),
        )
    print(f"reach: a median of {REACH} ms")


def measure(name: str, count: int, call: Callable[[], bytes]) -> None:
    """Print the percentiles of calls, one after the other."""
    for _ in range(WARM_UP):
        assert call() == PAYLOAD, call()
    times = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    print(f"{name:8}: p50 {times[count // 2]:.2f} ms, p99 {times[int(count * 0.99)]:.2f} ms")


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        written.writestr("index.py", "def handler(event, context): return event\n")
    return buffer.getvalue()


def lambda_client(port: int) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


def signed(port: int) -> bytes:
    """An Invoke as it goes over the wire."""
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/benchmark/invocations"
    request = AWSRequest("POST", url, data=PAYLOAD, headers={"Host": f"127.0.0.1:{port}"})
    SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(request)
    headers = {**request.headers, "Content-Length": str(len(PAYLOAD))}
    lines = ["POST /2015-03-31/functions/benchmark/invocations HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + PAYLOAD


def ask(connection: socket.socket, request: bytes) -> bytes:
    """The body of the answer to a request."""
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return body


if __name__ == "__main__":
    main()
