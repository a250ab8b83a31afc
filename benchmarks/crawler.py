"""A crawler over 1,000 files of CSV, JSON and Parquet in Hive partitions, beside DuckDB's sniffing of the same files.

    python benchmarks/crawler.py [--rounds 3] [--files 1000] [--kib 32]

The crawl counts from StartCrawler to READY: it lists the objects, reads them, finds the types of all columns, groups
the files, and writes tables and partitions. DuckDB only has to say the columns of the files, which lie in a folder.
"""

import argparse
import io
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import duckdb
import pyarrow as pa
from kinesis_servers import clary_server
from pyarrow import parquet as pq

REACH = 15.0
FORMATS = {"csv": "read_csv", "json": "read_json", "parquet": "read_parquet"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--kib", type=int, default=32)
    given = parser.parse_args()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="clary-benchmark-") as folder, clary_server(Path(folder) / "data") as port:
        files = Path(folder) / "files"
        clients = {name: client(name, port) for name in ("s3", "glue")}
        size = fill(clients["s3"], files, given.files, given.kib << 10)
        print(f"{given.files} files, {size / 1e6:.0f} MB")
        clients["glue"].create_database(DatabaseInput={"Name": "lake"})
        targets = {"S3Targets": [{"Path": f"s3://lake/{name}/"} for name in FORMATS]}
        for turn in range(given.rounds):
            name = f"crawler-{turn}"
            clients["glue"].create_crawler(
                Name=name, Role="r", DatabaseName="lake", Targets=targets, TablePrefix=f"r{turn}_"
            )
            ours.append(crawl(clients["glue"], name))
            theirs.append(sniff(files))
            print(f"round {turn + 1}: {compare(ours[-1], theirs[-1])}")
        check(clients["glue"], given.files)
    print(f"median: {compare(statistics.median(ours), statistics.median(theirs))} (reach: <= {REACH:g} s)")


def compare(ours: float, theirs: float) -> str:
    return f"DuckDB {theirs:.2f} s, ratio {ours / theirs:.2f}, crawler {ours:.2f} s"


def client(service: str, port: int):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", **keys)


def fill(s3, folder: Path, count: int, size: int) -> int:
    """Put the files into S3 and a folder; how many bytes they have."""
    s3.create_bucket(Bucket="lake")
    total = 0
    for key, body in make_files(count, size):
        s3.put_object(Bucket="lake", Key=key, Body=body)
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        total += len(body)
    return total


def make_files(count: int, size: int) -> Iterator[tuple[str, bytes]]:
    """Belts' measurements, in a hundred days of each format."""
    random_ = random.Random(3)
    for number in range(count):
        kind = list(FORMATS)[number % len(FORMATS)]
        rows = [row(random_, place) for place in range(size // (90 if kind == "csv" else 160))]
        key = f"{kind}/year=2026/day={number // len(FORMATS) % 100:03d}/{number}.{kind}"
        if kind == "csv":
            lines = [",".join(rows[0]), *(",".join(map(str, values.values())) for values in rows)]
            yield key, "\n".join(lines).encode()
        elif kind == "json":
            yield key, "\n".join(map(json.dumps, rows)).encode()
        else:
            file = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(rows), file)
            yield key, file.getvalue()


def row(random_: random.Random, number: int) -> dict[str, object]:
    return {
        "belt_id": random_.randrange(40),
        "building_number": random_.randrange(9),
        "belt_temp": random_.gauss(40, 5),
        "outside_temp": random_.gauss(10, 5),
        "power_consumption": random_.random() * 900,
        "operator": random_.choice(["Ada", "Bob", "Eve"]),
        "at": f"2026-12-01T10:{number // 60 % 60:02d}:{number % 60:02d}Z",
    }


def crawl(glue, name: str) -> float:
    started = time.perf_counter()
    glue.start_crawler(Name=name)
    while (crawler := glue.get_crawler(Name=name)["Crawler"])["State"] != "READY":
        time.sleep(0.02)
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED", crawler["LastCrawl"]
    return time.perf_counter() - started


def sniff(folder: Path) -> float:
    started = time.perf_counter()
    with duckdb.connect() as connection:
        for kind, function in FORMATS.items():
            places = f"'{folder / kind}/**/*.{kind}'"
            connection.sql(
                f"DESCRIBE SELECT * FROM {function}({places}, hive_partitioning=true, union_by_name=true)"
            ).fetchall()
    return time.perf_counter() - started


def check(glue, count: int) -> None:
    """The crawl found what there is."""
    tables = glue.get_tables(DatabaseName="lake", Expression="r0_.*")["TableList"]
    assert [table["Name"] for table in tables] == ["r0_csv", "r0_json", "r0_parquet"]
    assert sum(int(table["Parameters"]["objectCount"]) for table in tables) == count
    for table in tables:
        types = [column["Type"] for column in table["StorageDescriptor"]["Columns"]]
        assert types[2:] == ["double", "double", "double", "string", "string"], types
        assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "day"]


if __name__ == "__main__":
    main()
