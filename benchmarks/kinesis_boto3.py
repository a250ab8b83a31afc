"""A boto3 producer and a boto3 consumer, end to end: which share of the CPU the server takes. Linux only.

    python benchmarks/kinesis_boto3.py [--rounds 3] [--records 50000]

boto3 spends most of the time on encoding, signing and parsing; the server should not be what limits it.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from kinesis_servers import STREAM, clary_server, kinesis

RECORDS, SIZE, REACH = 500, 1024, 0.40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=50_000)
    given = parser.parse_args()
    shares = []
    with tempfile.TemporaryDirectory(prefix="clary-benchmark-") as folder, clary_server(Path(folder)) as port:
        client, server = kinesis(port), process_on(port)
        for turn in range(given.rounds):
            stream = f"{STREAM}-{turn}"
            client.create_stream(StreamName=stream, ShardCount=1)
            before, ours, started = cpu_of(server), time.process_time(), time.perf_counter()
            put(client, stream, given.records)
            get(client, stream, given.records)
            seconds = time.perf_counter() - started
            theirs, ours = cpu_of(server) - before, time.process_time() - ours
            shares.append(theirs / (theirs + ours))
            rate = given.records / seconds
            print(f"round {turn + 1}: {rate:.0f} records/s there and back, the server took {shares[-1]:.0%} of the CPU")
    print(f"median: {statistics.median(shares):.0%} (reach: <= {REACH:.0%})")


def put(client, stream: str, records: int) -> None:
    data = os.urandom(SIZE)
    for start in range(0, records, RECORDS):
        rows = [{"Data": data, "PartitionKey": str(start + number)} for number in range(RECORDS)]
        assert client.put_records(StreamName=stream, Records=rows)["FailedRecordCount"] == 0


def get(client, stream: str, records: int) -> None:
    shard = client.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    place, found = iterator["ShardIterator"], 0
    while found < records:
        answer = client.get_records(ShardIterator=place)
        place, found = answer["NextShardIterator"], found + len(answer["Records"])


def process_on(port: int) -> int:
    """The server's process."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    [found] = [int(pid) for pid in children if str(port).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
