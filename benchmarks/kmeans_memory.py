"""Memory of K-Means in Pipe mode: the training entry, fed 1 GB and 4 GB of recordIO through a real FIFO.

    python benchmarks/kmeans_memory.py [--gigabytes 1 4] [--columns 784]

The entry runs as a child, as a job runs it; this process writes the FIFO. Prints each peak of resident memory (as the
kernel counts it, ru_maxrss) and by how much it grows. To be reached: less than 5 %.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from clary.formats import recordio

CHUNK_ROWS = 10000
# A process between: a child's peak begins with the memory of who started it, and this one holds the data.
LAUNCH = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs=2, default=[1.0, 4.0])
    parser.add_argument("--columns", type=int, default=784)
    arguments = parser.parse_args()
    chunks = [make_chunk(seed, arguments.columns) for seed in range(4)]
    peaks = [train(int(size * 1e9), chunks, arguments.columns) for size in arguments.gigabytes]
    print(f"\ngrows by {100 * (peaks[1] / peaks[0] - 1):.2f} %   (reach < 5 %)")


def make_chunk(seed: int, columns: int) -> bytes:
    """The records of some rows around twelve centres."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(0, 3, (12, columns))
    rows = (centers[rng.integers(0, 12, CHUNK_ROWS)] + rng.normal(size=(CHUNK_ROWS, columns))).astype(np.float32)
    stream = io.BytesIO()
    recordio.write_records(stream, rows, rng.integers(0, 12, CHUNK_ROWS))
    return stream.getvalue()


def train(size: int, chunks: list[bytes], columns: int) -> float:
    """Train on about `size` bytes; the peak in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "input/config").mkdir(parents=True)
        (root / "input/data").mkdir()
        (root / "model").mkdir()
        write_json(root / "input/config/hyperparameters.json", {"k": "10", "feature_dim": str(columns)})
        channel = {"TrainingInputMode": "Pipe", "ContentType": "application/x-recordio-protobuf"}
        write_json(root / "input/config/inputdataconfig.json", {"train": channel})
        pipe = root / "input/data/train_0"
        os.mkfifo(pipe)
        command = [sys.executable, "-c", LAUNCH, sys.executable, "-m", "clary.algorithms", "kmeans", "train"]
        begun = time.perf_counter()
        with subprocess.Popen(command, env={**os.environ, "CLARY_OPT_ML": folder}, stdout=subprocess.PIPE) as child:
            written = feed(pipe, size, chunks)
            peak = int(child.communicate()[0].split()[-1]) / 1024
        if child.returncode:
            raise SystemExit(f"the training failed: {(root / 'output/failure').read_text()}")
    seconds = time.perf_counter() - begun
    print(f"{written / 1e9:6.2f} GB   peak {peak:8.1f} MiB   {seconds:6.1f} s   {written / 1e6 / seconds:6.0f} MB/s")
    return peak


def feed(pipe: Path, size: int, chunks: list[bytes]) -> int:
    written = 0
    with pipe.open("wb", buffering=0) as sink:
        while written < size:
            view = memoryview(chunks[written % len(chunks)])
            while view:
                view = view[sink.write(view) :]
            written += len(chunks[0])
    return written


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


if __name__ == "__main__":
    main()
