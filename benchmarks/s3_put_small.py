"""Durable 4 KiB PUTs on one connection, beside the same bytes written and synced by hand.

    python benchmarks/s3_put_small.py [--rounds 5] [--requests 400]

Both sides run in turns. A raw HTTP client signs and sends, so that boto3's own millisecond a call stays out of it.
"""

import argparse
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

from s3_servers import clary_server, signed

REACH = 0.1  # 500 PUTs a second where a raw write and fdatasync does 5,000
BODY = os.urandom(4096)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clary-benchmark-") as folder, clary_server(Path(folder)) as server:
        server.s3().create_bucket(Bucket="benchmark")
        raw, puts, gets = [], [], []
        for turn in range(given.rounds):
            raw.append(write_by_hand(Path(folder) / f"raw-{turn}", given.requests))
            puts.append(exchange(server.port, "PUT", turn, given.requests))
            gets.append(exchange(server.port, "GET", turn, given.requests))
            print(
                f"round {turn + 1}: write + fdatasync {raw[-1]:7.0f}/s   PUT {puts[-1]:6.0f}/s   GET {gets[-1]:6.0f}/s"
            )
    ratio = statistics.median(puts) / statistics.median(raw)
    print(f"median: write + fdatasync {statistics.median(raw):.0f}/s, PUT {statistics.median(puts):.0f}/s")
    print(f"ratio {ratio:.2f} (reach: {REACH}); GET {statistics.median(gets):.0f}/s")


def write_by_hand(path: Path, times: int) -> float:
    """4 KiB appended and synced, again and again; returns how often a second."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    started = time.perf_counter()
    for _ in range(times):
        os.write(descriptor, BODY)
        os.fdatasync(descriptor)
    elapsed = time.perf_counter() - started
    os.close(descriptor)
    return times / elapsed


def exchange(port: int, method: str, turn: int, times: int) -> float:
    """Requests one after the other on one connection; returns how many a second."""
    body = BODY if method == "PUT" else b""
    requests = [signed(port, method, f"/benchmark/{turn}/{number}", body) for number in range(times)]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = time.perf_counter()
        for request in requests:
            connection.sendall(request)
            read_answer(connection)
        return times / (time.perf_counter() - started)


def read_answer(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the server answered {data!r}")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)


if __name__ == "__main__":
    main()
