"""Reading and writing each format in memory, against the plainest library call that yields the same array.

    python benchmarks/formats.py [--megabytes N]

Clary's side yields batches, the peer one array. Prints MB/s of the encoded text or records, best of some turns, and
the ratio.
"""

import argparse
import io
import time
from collections import deque
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from sklearn.datasets import load_svmlight_file

from clary.formats import Source, Sparse, read_batches, recordio
from clary.formats.records import encode_sparse_rows

TURNS = 5
RECORDIO = "application/x-recordio-protobuf"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=40)
    arguments = parser.parse_args()
    print(f"{'':34}{'Clary MB/s':>12}{'peer MB/s':>12}{'ratio':>8}   peer")
    for columns in (784, 20):
        rows = (
            np.random.default_rng(0).normal(size=(arguments.megabytes * 250_000 // columns, columns)).astype(np.float32)
        )
        measure_records(rows)
        measure_csv(rows[: len(rows) // 3])
    measure_sparse(arguments.megabytes * 10_000)
    measure_libsvm(arguments.megabytes * 1_000)
    measure_parquet(rows)


def measure_records(rows: np.ndarray) -> None:
    stream = io.BytesIO()
    recordio.write_records(stream, rows, rows[:, 0])
    data = stream.getvalue()
    name = f"recordIO, {rows.shape[1]} columns"
    show(f"read {name}", data, RECORDIO, lambda: np.frombuffer(data, np.uint8).copy(), "numpy: copy of the bytes")
    ours = best(lambda: recordio.write_records(io.BytesIO(), rows, rows[:, 0]))
    line(f"write {name}", len(data), ours, best(rows.tobytes), "numpy: tobytes")


def measure_csv(rows: np.ndarray) -> None:
    data = "\n".join(",".join(map(str, row)) for row in rows.tolist()).encode()
    options = arrow_csv.ReadOptions(autogenerate_column_names=True)
    types = arrow_csv.ConvertOptions(column_types={f"f{i}": pa.float32() for i in range(rows.shape[1])})

    def peer() -> np.ndarray:
        table = arrow_csv.read_csv(io.BytesIO(data), read_options=options, convert_options=types)
        return np.column_stack([column.to_numpy() for column in table.columns])

    show(f"read CSV, {rows.shape[1]} columns", data, "text/csv;label_size=0", peer, "pyarrow, columns stacked")


def measure_sparse(rows: int) -> None:
    rng = np.random.default_rng(0)
    keys = np.sort(rng.integers(0, 5000, (rows, 10)), axis=1).reshape(-1)
    sparse = Sparse(np.arange(0, len(keys) + 1, 10), keys, rng.normal(size=len(keys)).astype(np.float32), 5000)
    data = encode_sparse_rows(sparse, np.arange(rows) % 2)
    show("read recordIO, sparse, 10 a row", data, RECORDIO, lambda: np.frombuffer(data, np.uint8).copy(), "numpy: copy")


def measure_libsvm(rows: int) -> None:
    values = np.random.default_rng(0).normal(size=(rows, 29)).tolist()
    text = "\n".join(f"{i % 2} " + " ".join(f"{k}:{v:.5f}" for k, v in enumerate(row)) for i, row in enumerate(values))
    data = text.encode()
    peer = lambda: load_svmlight_file(io.BytesIO(data), dtype=np.float32)  # noqa: E731
    show("read libsvm, 29 a row", data, "text/libsvm", peer, "scikit-learn load_svmlight_file")


def measure_parquet(rows: np.ndarray) -> None:
    stream = io.BytesIO()
    parquet.write_table(pa.table({f"c{i}": column for i, column in enumerate(rows.T)}), stream)
    data = stream.getvalue()

    def peer() -> np.ndarray:
        return np.column_stack([column.to_numpy() for column in parquet.read_table(io.BytesIO(data)).columns])

    show(f"read Parquet, {rows.shape[1]} columns", data, "application/x-parquet", peer, "pyarrow, columns stacked")


def show(what: str, data: bytes, content_type: str, peer: Callable[[], object], name: str) -> None:
    source = Source("benchmark", lambda: io.BytesIO(data))
    line(what, len(data), best(lambda: deque(read_batches([source], content_type), 0)), best(peer), name)


def line(what: str, size: int, ours: float, theirs: float, name: str) -> None:
    print(f"{what:34}{size / 1e6 / ours:12.0f}{size / 1e6 / theirs:12.0f}{theirs / ours:8.2f}   {name}")


def best(function: Callable[[], object]) -> float:
    times = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return min(times)


if __name__ == "__main__":
    main()
