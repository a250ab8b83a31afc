"""CREATE TABLE AS with partitions over 5e6 rows, beside DuckDB's own COPY ... PARTITION_BY of the same rows.

python benchmarks/athena_ctas.py [--rounds 3] [--rows 5000000]
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
from athena_servers import ROWS, clary_athena, make_files

REACH = 1.3  # times DuckDB
REST = 0.5  # seconds before each side, which then has the machine to itself: a server prepares for its next query
SELECT = "SELECT id, value, name, moment, sensor % 30 AS part FROM {}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clary-benchmark-") as name:
        folder = Path(name)
        files = make_files(folder, given.rows)
        with clary_athena(folder, files) as athena:
            athena.run("SELECT 1")
            ours, theirs = [], []
            for turn in range(given.rounds):
                time.sleep(REST)
                started = time.perf_counter()
                athena.run(
                    f"CREATE TABLE bench.made{turn} WITH (format = 'PARQUET', write_compression = 'SNAPPY', "
                    f"partitioned_by = ARRAY['part']) AS {SELECT.format('bench.rows')}"
                )
                ours.append(time.perf_counter() - started)
                time.sleep(REST)
                started = time.perf_counter()
                copy(files, folder / "copied")
                theirs.append(time.perf_counter() - started)
                print(f"round {turn + 1}: clary {ours[-1]:6.2f} s   duckdb {theirs[-1]:6.2f} s")
            made = athena.rows(athena.run("SELECT count(*), sum(id) FROM bench.made0"))[1]
            assert [*map(int, made)] == [given.rows, given.rows * (given.rows - 1) // 2], made
    one, other = statistics.median(ours), statistics.median(theirs)
    print(f"median: clary {one:.2f} s, duckdb {other:.2f} s, ratio {one / other:.2f} (reach: {REACH})")


def copy(files: list[Path], target: Path) -> None:
    """DuckDB's COPY, durable as the objects of a table are."""
    rows = SELECT.format(f"read_parquet({list(map(str, files))})")
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (part))")
    for path in target.rglob("*.parquet"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    shutil.rmtree(target)


if __name__ == "__main__":
    main()
