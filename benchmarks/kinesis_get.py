"""GetRecords over HTTP: a consumer of raw requests catches up with 1 KiB records, the limits of shards lifted.

python benchmarks/kinesis_get.py [--rounds 3] [--records 200000]
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from kinesis_servers import STREAM, Connection, clary_server, kinesis, signed

SIZE, REACH = 1024, 200_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clary-benchmark-") as folder, clary_server(Path(folder)) as port:
        client = kinesis(port)
        client.create_stream(StreamName=STREAM, ShardCount=1)
        data = os.urandom(SIZE)
        for start in range(0, given.records, 500):
            records = [{"Data": data, "PartitionKey": str(start + number)} for number in range(500)]
            client.put_records(StreamName=STREAM, Records=records)
        rates = []
        for turn in range(given.rounds):
            first = client.get_shard_iterator(
                StreamName=STREAM, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
            )
            rates.append(catch_up(port, first["ShardIterator"], given.records))
            print(f"round {turn + 1}: {rates[-1]:8.0f} records/s")
    print(f"median: {statistics.median(rates):.0f} records/s (reach: {REACH})")


def catch_up(port: int, iterator: str, records: int) -> float:
    """Records a second from the oldest to the newest."""
    connection, found, signing = Connection(port), 0, 0.0
    started = time.perf_counter()
    while found < records:
        before = time.perf_counter()
        request = signed(port, "GetRecords", {"ShardIterator": iterator, "Limit": 10_000})
        signing += time.perf_counter() - before
        body = connection.ask(request)
        before = time.perf_counter()
        answer = bytes(body)
        found += answer.count(b'"SequenceNumber"')
        iterator = answer.rpartition(b'"NextShardIterator":"')[2].partition(b'"')[0].decode()
        signing += time.perf_counter() - before
    return records / (time.perf_counter() - started - signing)


if __name__ == "__main__":
    main()
