"""What the Athena benchmarks share: a server with a table of 5e6 rows of Parquet, and queries awaited through boto3."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import duckdb
from botocore.config import Config

ROWS, FILES = 5_000_000, 4
COLUMNS = "id bigint, sensor int, value double, name string, moment timestamp"
MAKE = """
COPY (SELECT i AS id, CAST(i % 1000 AS INTEGER) AS sensor, CAST((i % 7919) * 0.25 AS DOUBLE) AS value,
             'name' || (i % 5000) AS name, CAST(TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND AS TIMESTAMP_MS) AS moment
      FROM range({start}, {end}) r(i)) TO '{path}' (FORMAT parquet, COMPRESSION snappy)
"""


def make_files(folder: Path, rows: int) -> list[Path]:
    """The table as Parquet files."""
    paths, size = [], rows // FILES
    for number in range(FILES):
        paths.append(folder / f"part-{number}.parquet")
        duckdb.execute(MAKE.format(start=number * size, end=(number + 1) * size, path=paths[-1]))
    return paths


@contextmanager
def clary_athena(folder: Path, files: list[Path]) -> Iterator["Athena"]:
    """A Clary whose catalog has the files as the table `bench.rows`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CLARY_"))}
    command = [sys.executable, "-m", "clary", "serve", "--data-dir", str(folder / "clary"), "--port", str(port)]
    with subprocess.Popen(command, env=kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _await(process, port)
            athena = Athena(port)
            athena.put(files)
            yield athena
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not come up")


class Athena:
    """Clients of the server."""

    def __init__(self, port: int) -> None:
        options: dict[str, Any] = {
            "endpoint_url": f"http://127.0.0.1:{port}",
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(retries={"total_max_attempts": 1}),
        }
        self._s3, self._athena = boto3.client("s3", **options), boto3.client("athena", **options)

    def put(self, files: list[Path]) -> None:
        """Upload the files and tell the catalog."""
        self._s3.create_bucket(Bucket="lake")
        for path in files:
            self._s3.upload_file(str(path), "lake", f"rows/{path.name}")
        self.run("CREATE DATABASE bench")
        self.run(f"CREATE EXTERNAL TABLE bench.rows ({COLUMNS}) STORED AS PARQUET LOCATION 's3://lake/rows/'")

    def run(self, statement: str) -> dict[str, Any]:
        """Run a statement to its end; the execution."""
        started = self._athena.start_query_execution(
            QueryString=statement, ResultConfiguration={"OutputLocation": "s3://lake/results/"}
        )
        while True:
            found = self._athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.02)
        if found["Status"]["State"] != "SUCCEEDED":
            raise SystemExit(f"{statement}: {found['Status']}")
        return found

    def rows(self, execution: dict[str, Any]) -> list[list[str]]:
        """The first page of a result."""
        page = self._athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
        return [[value.get("VarCharValue") for value in row["Data"]] for row in page["ResultSet"]["Rows"]]
