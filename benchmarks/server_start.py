"""How long a server takes from its start to its first answer, and what it holds then, beside a bare uvicorn app.

    .venv/bin/python benchmarks/server_start.py [--rounds 5]

Both start in turns on the same machine; the first answer of Clary is a signed ListBuckets. The warm parent, which
imports the algorithms' libraries in a process of its own, goes on importing meanwhile. Prints the medians, their ratio,
the resident memory 10 s later, and which heavy libraries the server has mapped: it should be none.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

REACH_SECONDS, REACH_MIB = 1.0, 120
HEAVY = ("torch", "numba", "llvmlite", "scipy", "sklearn", "xgboost", "faiss", "pyarrow", "duckdb", "pyspark", "ray")
BARE = """
import sys, uvicorn
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", lifespan="off")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    # Else our modules, unlike the installed ones, would be compiled at each start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    clary, bare = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            seconds, mib, heavy = start_clary(Path(folder), rest=10.0 if number == rounds - 1 else 0.0)
        clary.append(seconds)
        bare.append(start_bare())
    ours, theirs = statistics.median(clary), statistics.median(bare)
    print("| start to first answer | median | reach |\n|---|---|---|")
    print(f"| Clary | {ours:.2f} s | <= {REACH_SECONDS} s |\n| bare uvicorn app | {theirs:.2f} s | |")
    print(f"| ratio | {ours / theirs:.1f} | |\n| idle RSS of Clary's server | {mib:.0f} MiB | <= {REACH_MIB} MiB |")
    print(f"| heavy libraries mapped | {', '.join(heavy) or 'none'} | none |")


def start_clary(folder: Path, rest: float) -> tuple[float, float, list[str]]:
    """Seconds until ListBuckets was answered; resident MiB and mapped heavy libraries after a rest."""
    port = free_port()
    # Built before the clock starts: what a client costs is not the server's.
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )
    command = [sys.executable, "-m", "clary", "serve", "--port", str(port), "--data-dir", str(folder / "data")]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        while True:
            try:
                s3.list_buckets()
                break
            except EndpointConnectionError:
                time.sleep(0.002)
        seconds = time.perf_counter() - begin
        time.sleep(rest)
        return seconds, resident_mib(process.pid), mapped(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def start_bare() -> float:
    """Seconds until a bare uvicorn app answered."""
    port = free_port()
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        with wait_for(port, process) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(100)
            return time.perf_counter() - begin
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    """A connection to the port, as soon as something listens there."""
    while process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.002)
    raise SystemExit(f"the server ended with {process.returncode}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def mapped(pid: int) -> list[str]:
    maps = Path(f"/proc/{pid}/maps").read_text()
    return [name for name in HEAVY if f"/{name}/" in maps]


if __name__ == "__main__":
    main()
