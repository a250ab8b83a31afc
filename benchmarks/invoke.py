"""InvokeEndpoint with one CSV row on an XGBoost model, against a bare uvicorn app that holds the same model, in turns.

    python benchmarks/invoke.py [--rounds N] [--seconds N] [--connections N]

Both sides get the same load: connections that are kept and send their next request as soon as the last one is answered.
The request to Clary is signed once and repeated. Prints the median of each side's requests/s with its latencies, and
the ratio: 0.5 is to be reached, with a 99th percentile of at most 10 ms.
"""

import argparse
import asyncio
import io
import os
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
import numpy as np
import uvloop
import xgboost
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from sklearn.datasets import load_breast_cancer

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::000000000000:role/ClaryExecutionRole"
NAME = "benchmark"


class Load(NamedTuple):
    """What one round measured."""

    rate: float
    latencies: np.ndarray  # (requests,) seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--peer", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        serve_peer(arguments.peer, arguments.port)
    else:
        compare(arguments.rounds, arguments.seconds, arguments.connections)


def compare(rounds: int, seconds: float, connections: int) -> None:
    """Load both sides in turns and print the table."""
    table = load_breast_cancer()
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 5, "eta": 0.2, "nthread": 1},
        xgboost.DMatrix(table.data, label=table.target),
        100,
    )
    row = ",".join(f"{value:g}" for value in table.data[0]).encode()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        model = Path(folder, "xgboost-model")
        booster.save_model(f"{model}.ubj")
        peer = stack.enter_context(started([__file__, "--peer", f"{model}.ubj", "--port"]))
        clary = stack.enter_context(started(["-m", "clary", "serve", "--data-dir", f"{folder}/data", "--port"]))
        deploy(clary, Path(f"{model}.ubj").read_bytes())
        requests = {"bare uvicorn": plain_request(peer, row), "Clary": signed_request(clary, row)}
        for url, request in zip((peer, clary), requests.values(), strict=True):
            uvloop.run(load(url, request, connections, 0.5))  # warm up
        found: dict[str, list[Load]] = {name: [] for name in requests}
        for _ in range(rounds):
            for url, (name, request) in zip((peer, clary), requests.items(), strict=True):
                found[name].append(uvloop.run(load(url, request, connections, seconds)))
    report(found, connections)


def report(found: dict[str, list[Load]], connections: int) -> None:
    print(f"{'':14} {'requests/s':>10} {'p50 ms':>8} {'p99 ms':>8}   {connections} connections")
    rates = {}
    for name, loads in found.items():
        rates[name] = statistics.median(load.rate for load in loads)
        p50, p99 = (statistics.median(np.quantile(load.latencies, q) * 1e3 for load in loads) for q in (0.5, 0.99))
        print(f"{name:14} {rates[name]:10.0f} {p50:8.2f} {p99:8.2f}")
    peer, clary = rates.values()
    print(f"ratio {clary / peer:.2f} (0.5 to be reached)")


@contextmanager
def started(arguments: list[str]) -> Iterator[str]:
    """A server process on a free port, which is added to its arguments; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, *arguments, str(port)], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{arguments} did not come up")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def serve_peer(model: str, port: int) -> None:
    """The bare app: one route, the model in the process."""
    import uvicorn

    booster = xgboost.Booster(model_file=model)
    booster.set_param("nthread", 1)

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
        body = (await receive())["body"]
        row = np.array([body.split(b",")], dtype=np.float32)
        answer = str(float(booster.inplace_predict(row)[0])).encode()
        headers = [(b"content-type", b"text/csv"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    uvicorn.run(app, port=port, lifespan="off", access_log=False, log_level="error", loop="uvloop", http="httptools")


def deploy(url: str, model: bytes) -> None:
    """Upload the model and bring up an endpoint."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    s3, sagemaker = (boto3.client(name, endpoint_url=url, **keys) for name in ("s3", "sagemaker"))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(model)
        tar.addfile(member, io.BytesIO(model))
    s3.create_bucket(Bucket=NAME)
    s3.put_object(Bucket=NAME, Key="model.tar.gz", Body=archive.getvalue())
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{NAME}/model.tar.gz"}
    sagemaker.create_model(ModelName=NAME, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    while (state := sagemaker.describe_endpoint(EndpointName=NAME))["EndpointStatus"] == "Creating":
        time.sleep(0.05)
    if state["EndpointStatus"] != "InService":
        raise SystemExit(state["FailureReason"])


def plain_request(url: str, row: bytes) -> bytes:
    return compose(url, "/", {"Content-Type": "text/csv"}, row)


def signed_request(url: str, row: bytes) -> bytes:
    path = f"/endpoints/{NAME}/invocations"
    request = AWSRequest("POST", url + path, data=row, headers={"Content-Type": "text/csv", "Accept": "text/csv"})
    SigV4Auth(boto3.Session("test", "test").get_credentials(), "sagemaker", "us-east-1").add_auth(request)
    return compose(url, path, dict(request.headers.items()), row)


def compose(url: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "\r\n"]).encode() + body


async def load(url: str, request: bytes, connections: int, seconds: float) -> Load:
    """Send one request after the other on each connection."""
    loop = asyncio.get_running_loop()
    end = time.perf_counter() + seconds
    parts = urlsplit(url)
    clients = [
        (await loop.create_connection(lambda: Client(request, end), parts.hostname, parts.port))[1]
        for _ in range(connections)
    ]
    started_at = time.perf_counter()
    await asyncio.gather(*(client.done for client in clients))
    latencies = np.concatenate([client.latencies for client in clients])
    return Load(len(latencies) / (time.perf_counter() - started_at), latencies)


class Client(asyncio.Protocol):
    """One connection; the answers are looked at just enough to know where they end and that they are good."""

    def __init__(self, request: bytes, end: float) -> None:
        self.request = request
        self.end = end
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(SystemExit(self.received.decode()))
            return
        now = time.perf_counter()
        self.latencies.append(now - self.sent)
        self.received = b""
        if now < self.end:
            self._send()
        else:
            self.transport.close()
            self.done.set_result(None)

    def _send(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.request)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
