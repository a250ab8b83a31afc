"""Kill -9 of the server: its workers end with it, and the endpoint answers again after a restart."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.services.sagemaker_runtime.test_invoke_endpoint import IMAGE, ROLE, boosted, wait_for


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


@contextmanager
def server(port: int, data: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "clary", "serve", "--port", str(port), "--data-dir", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[3]) as process:
        try:
            until(lambda: _answers(port))
            yield process
        finally:
            process.terminate()


@pytest.mark.slow
def test_kill_9_and_restart(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    def client(service: str) -> Any:
        config = Config(retries={"max_attempts": 0})
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", config=config, **keys)

    def ask() -> float:
        answer = client("sagemaker-runtime").invoke_endpoint(EndpointName="x", Body=b"0.5,0,0", ContentType="text/csv")
        return float(answer["Body"].read())

    with server(port, tmp_path / "data") as process:
        client("s3").create_bucket(Bucket="models")
        client("s3").put_object(Bucket="models", Key="m.tar.gz", Body=boosted(0))
        sagemaker = client("sagemaker")
        container = {"Image": IMAGE, "ModelDataUrl": "s3://models/m.tar.gz"}
        sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName="x", EndpointConfigName="c")
        wait_for(sagemaker, "x", "InService")
        before = ask()
        children = _below(process.pid)
        assert len(children) >= 4  # the warm parent, and the worker's three
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        until(lambda: not any(_runs(pid) for pid in children))
    with server(port, tmp_path / "data") as process:
        assert ask() == before  # held until the worker is there
        assert client("sagemaker").describe_endpoint(EndpointName="x")["EndpointStatus"] == "InService"
        children = _below(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert not any(_runs(pid) for pid in children)  # Ctrl-C leaves no process behind


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _below(pid: int) -> set[int]:
    """All processes below one."""
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/task/*/children"):
        if int(path.parts[2]) == pid:
            for child in path.read_text().split():
                found |= {int(child)} | _below(int(child))
    return found


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
