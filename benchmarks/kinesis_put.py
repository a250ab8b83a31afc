"""PutRecords over HTTP, 500 x 1 KiB a request, four shards, beside moto's server.

    python benchmarks/kinesis_put.py [--rounds 3] [--requests 100] [--clients 2]

Clary's records are durable when they are answered; moto keeps its own in memory. The limits of shards are lifted.
Raw clients send what was signed beforehand, so that boto3's own cost stays out of it.
"""

import argparse
import base64
import os
import statistics
import tempfile
from pathlib import Path

from kinesis_servers import STREAM, Connection, clary_server, kinesis, moto_server, signed, together

RECORDS, SIZE, SHARDS = 500, 1024, 4
REACH, RATIO = 60_000, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=100, help="of each client, to Clary; moto gets a fifth")
    parser.add_argument("--clients", type=int, default=2)
    given = parser.parse_args()
    ours, theirs = [], []
    with (
        tempfile.TemporaryDirectory(prefix="clary-benchmark-") as folder,
        clary_server(Path(folder)) as clary,
        moto_server(Path(folder)) as moto,
    ):
        for port in (clary, moto):
            kinesis(port).create_stream(StreamName=STREAM, ShardCount=SHARDS)
            measure(port, 1, 5)
        for turn in range(given.rounds):
            ours.append(measure(clary, given.clients, given.requests))
            theirs.append(measure(moto, given.clients, max(given.requests // 5, 1)))
            print(f"round {turn + 1}: Clary {ours[-1]:8.0f} records/s   moto {theirs[-1]:8.0f} records/s")
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(
        f"median: Clary {statistics.median(ours):.0f} records/s (reach: {REACH}), moto {statistics.median(theirs):.0f}"
    )
    print(f"ratio {ratio:.2f} (reach: {RATIO})")


def measure(port: int, clients: int, requests: int) -> float:
    """Records a second that all clients put together."""
    seconds = together(put, [(port, requests)] * clients)
    return clients * requests * RECORDS / seconds


def put(barrier, port: int, requests: int) -> None:
    records = [
        {"Data": base64.b64encode(os.urandom(SIZE)).decode(), "PartitionKey": f"{number:08d}"}
        for number in range(RECORDS)
    ]
    request = signed(port, "PutRecords", {"StreamName": STREAM, "Records": records})
    connection = Connection(port)
    barrier.wait()
    for _ in range(requests):
        answer = bytes(connection.ask(request))
        assert b'"FailedRecordCount":0' in answer.replace(b" ", b""), answer[:500]


if __name__ == "__main__":
    main()
