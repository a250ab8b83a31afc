"""Athena queries over 5e6 rows of Parquet, end to end through boto3, beside DuckDB directly on the same files.

python benchmarks/athena_query.py [--rounds 5] [--rows 5000000]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
from athena_servers import ROWS, clary_athena, make_files

REACH = 0.25  # seconds above DuckDB
REST = 0.5  # seconds before each side, which then has the machine to itself: a server prepares for its next query
QUERIES = {
    "aggregate": "SELECT sensor, count(*) AS n, sum(value) AS s FROM {} GROUP BY sensor ORDER BY sensor LIMIT 10",
    "filter": "SELECT count(*) AS n, max(value) AS m FROM {} WHERE id BETWEEN 1000000 AND 1100000 AND sensor < 9",
    "distinct": "SELECT count(DISTINCT name) AS n FROM {} WHERE sensor < 500",
    "top": "SELECT id, value FROM {} ORDER BY value DESC, id LIMIT 5",
    "count": "SELECT count(*) AS n FROM {}",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clary-benchmark-") as name:
        folder = Path(name)
        files = make_files(folder, given.rows)
        with clary_athena(folder, files) as athena:
            athena.run("SELECT 1")
            for label, query in QUERIES.items():
                ours, theirs = [], []
                for _ in range(given.rounds):
                    time.sleep(REST)
                    started = time.perf_counter()
                    execution = athena.run(query.format("bench.rows"))
                    ours.append(time.perf_counter() - started)
                    time.sleep(REST)
                    started = time.perf_counter()
                    with duckdb.connect() as connection:
                        rows = connection.execute(query.format(f"read_parquet({list(map(str, files))})")).fetchall()
                    theirs.append(time.perf_counter() - started)
                found = athena.rows(execution)[1:]
                same = [[float(value) for value in row] for row in found] == [[*map(float, row)] for row in rows]
                one, other = statistics.median(ours), statistics.median(theirs)
                print(
                    f"{label:10} clary {one:6.3f} s   duckdb {other:6.3f} s   difference {one - other:6.3f} s "
                    f"(reach: {REACH}), ratio {one / other:5.2f}, {'same rows' if same else 'OTHER ROWS'}"
                )


if __name__ == "__main__":
    main()
