"""100 models of about 1 MB on one multi-model endpoint, asked at random, against a bare app that holds all 100.

    python benchmarks/multi_model.py [--models N] [--seconds N] [--memory-mib N]

XGBoost models. All sides get the same load over one kept connection: a CSV row to a model chosen at random, and again
to the same one, each as soon as the last is answered. Clary first has room for all models, then for fewer, so that
models come and go; the second of two requests always finds its model loaded. Prints the latencies and the most memory
that the process with the models had. To be reached: a loaded model answers within 5 ms at the median, and the memory
stays below the limit.
"""

import argparse
import io
import json
import os
import socket
import tarfile
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
import numpy as np
import xgboost
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from invoke import IMAGE, ROLE, compose, started

NAME = "many"
COLUMNS = 30
ROW = ",".join(f"{value:.3f}" for value in np.random.default_rng(7).random(COLUMNS)).encode()
REACH_MS = 5.0
MIB = 1 << 20
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


class Answers(NamedTuple):
    """What one load measured: milliseconds of each answer."""

    any: np.ndarray  # (requests,) by a model chosen at random, which may have to be loaded first
    again: np.ndarray  # (requests,) by the same model right after
    memory: int  # bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--memory-mib", type=int, default=140, help="of the second run")
    parser.add_argument("--peer", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        serve_peer(Path(arguments.peer), arguments.port)
    else:
        compare(arguments.models, arguments.seconds, arguments.memory_mib)


def compare(models: int, seconds: float, memory_mib: int) -> None:
    """Load all in turn and print the table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        size = make_models(folder, models)
        print(f"{models} models of {size / MIB:.2f} MiB, one connection, {seconds:g} s each")
        print(f"{'':28}{'any model':>16}{'a loaded one':>16}")
        print(f"{'':28}{'p50 ms':>8}{'p99':>8}{'p50 ms':>8}{'p99':>8}{'memory MiB':>12}{'loaded':>8}")
        with started([__file__, "--peer", place, "--port"]) as url:
            requests = [compose(url, f"/{number}", {"Content-Type": "text/csv"}, ROW) for number in range(models)]
            bare = measured(url, requests, seconds, all_first=True)
            report("bare uvicorn", bare, 1.0)
        loaded = [run_clary(folder, models, seconds, limit) for limit in (0, memory_mib)]
    held, limited = (float(np.median(answers.again)) for answers in loaded)
    print(f"p50 of a loaded model: {held:.2f} and {limited:.2f} ms ({REACH_MS:g} to be reached)")
    fits = loaded[1].memory <= memory_mib * MIB
    print(f"memory: at most {loaded[1].memory / MIB:.0f} MiB, {'within' if fits else 'OVER'} the limit of {memory_mib}")


def run_clary(folder: Path, models: int, seconds: float, limit: int) -> Answers:
    """A server with an endpoint of all models; a limit of 0 is the instance type's memory."""
    os.environ["CLARY_MODEL_MEMORY_GIB"] = str(limit / 1024)
    with started(["-m", "clary", "serve", "--data-dir", f"{folder}/data-{limit}", "--port"]) as url:
        deploy(url, folder, models)
        requests = [signed_request(url, number) for number in range(models)]
        answers = measured(url, requests, seconds, all_first=not limit)
        report(f"Clary, limit {limit} MiB" if limit else "Clary", answers, share_loaded(url))
    return answers


def report(name: str, answers: Answers, loaded: float) -> None:
    percentiles = [np.percentile(part, q) for part in answers[:2] for q in (50, 99)]
    print(f"{name:28}{''.join(f'{value:8.2f}' for value in percentiles)}{answers.memory / MIB:12.0f}{loaded:8.0%}")


def make_models(folder: Path, count: int) -> float:
    """Files of so many models, which differ by what they add to their trees; the bytes of each."""
    rng = np.random.default_rng(0)
    rows = rng.random((1000, COLUMNS), dtype=np.float32)
    matrix = xgboost.DMatrix(rows, label=rng.random(len(rows)))
    booster = xgboost.train({"max_depth": 6, "max_bin": 32, "tree_method": "hist", "nthread": 2}, matrix, 800)
    model = json.loads(booster.save_raw("json"))
    for number in range(count):
        model["learner"]["learner_model_param"]["base_score"] = f"[{number}.5]"
        booster.load_model(bytearray(json.dumps(model), "utf-8"))
        booster.save_model(folder / f"{number}.ubj")
    return (folder / "0.ubj").stat().st_size


def serve_peer(folder: Path, port: int) -> None:
    """The bare app: a path a model, all in the process."""
    import uvicorn

    boosters = {f"/{path.stem}": xgboost.Booster(model_file=path) for path in folder.glob("*.ubj")}
    for booster in boosters.values():
        booster.set_param("nthread", 1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        features = np.array([body.split(b",")], dtype=np.float32)
        answer = str(float(boosters[scope["path"]].inplace_predict(features)[0])).encode()
        headers = [(b"content-type", b"text/csv"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    uvicorn.run(app, port=port, lifespan="off", access_log=False, log_level="error", loop="uvloop", http="httptools")


def deploy(url: str, folder: Path, models: int) -> None:
    """Upload the models and bring up their endpoint."""
    s3, sagemaker = (boto3.client(name, endpoint_url=url, **KEYS) for name in ("s3", "sagemaker"))
    s3.create_bucket(Bucket=NAME)
    for number in range(models):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
            tar.add(folder / f"{number}.ubj", "xgboost-model")
        s3.put_object(Bucket=NAME, Key=f"models/{number}.tar.gz", Body=archive.getvalue())
    container = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": f"s3://{NAME}/models/"}
    sagemaker.create_model(ModelName=NAME, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    while (state := sagemaker.describe_endpoint(EndpointName=NAME))["EndpointStatus"] == "Creating":
        time.sleep(0.05)
    if state["EndpointStatus"] != "InService":
        raise SystemExit(state["FailureReason"])


def signed_request(url: str, number: int) -> bytes:
    path = f"/endpoints/{NAME}/invocations"
    headers = {
        "Content-Type": "text/csv",
        "Accept": "text/csv",
        "X-Amzn-SageMaker-Target-Model": f"{number}.tar.gz",
    }
    request = AWSRequest("POST", url + path, data=ROW, headers=headers)
    SigV4Auth(boto3.Session("test", "test").get_credentials(), "sagemaker", "us-east-1").add_auth(request)
    return compose(url, path, dict(request.headers.items()), ROW)


def share_loaded(url: str) -> float:
    """How many of the requests found their model loaded, as CloudWatch tells."""
    time.sleep(2)  # until the last values are put
    found = boto3.client("cloudwatch", endpoint_url=url, **KEYS).get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ModelCacheHit",
        Dimensions=[{"Name": "EndpointName", "Value": NAME}, {"Name": "VariantName", "Value": "AllTraffic"}],
        StartTime=time.time() - 3600,
        EndTime=time.time() + 60,
        Period=3660,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    return sum(point["Sum"] for point in found) / sum(point["SampleCount"] for point in found)


def measured(url: str, requests: list[bytes], seconds: float, *, all_first: bool) -> Answers:
    """Ask models at random; all of them first, so that each is loaded, if there is room for all."""
    connection = Connection(url)
    memory = Memory(next(iter(children(os.getpid()))))
    if all_first:
        for number, request in enumerate(requests):
            connection.ask(request, number)
    rng = np.random.default_rng(1)
    found: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        number = int(rng.integers(len(requests)))
        found.append((connection.ask(requests[number], number), connection.ask(requests[number], number)))
        if len(found) % 20 == 0:
            memory.look()
    connection.close()
    memory.look()
    answers = np.array(found)
    return Answers(answers[:, 0], answers[:, 1], memory.most)


class Connection:
    """One kept connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes, number: int) -> float:
        """Milliseconds until the answer of a model is there, which must be its own."""
        begun = time.perf_counter()
        self._socket.sendall(request)
        received = b""
        while True:
            received += self._socket.recv(65536)
            head, blank, body = received.partition(b"\r\n\r\n")
            if blank and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
                break
        took = 1000 * (time.perf_counter() - begun)
        if not head.startswith(b"HTTP/1.1 200") or not number - 1 < float(body) < number + 2:
            raise SystemExit(f"model {number}: {received.decode()}")
        return took

    def close(self) -> None:
        self._socket.close()


class Memory:
    """The most memory of its own that any process of a server had, or a process that it started.

    The models are in the process that has most: a worker is a copy of the server's warm parent, with models.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self.most = 0

    def look(self) -> None:
        """Look at all of them."""
        for pid in below(self._server) or {self._server}:
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                anonymous = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
                self.most = max(self.most, 1024 * anonymous)


def children(pid: int) -> set[int]:
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found |= {int(child) for child in path.read_text().split()}
    return found


def below(pid: int) -> set[int]:
    """All processes below one."""
    return {deeper for child in children(pid) for deeper in {child} | below(child)}


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
