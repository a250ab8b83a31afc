"""Memory of the streaming algorithms in Pipe mode: the training entry, fed 1 GB and 4 GB of recordIO by real FIFOs.

    python benchmarks/pipe_memory.py [ALGORITHM ...] [--gigabytes 1 4] [--columns 784]

The entry runs as a child, as a job runs it; this process writes the FIFOs. Prints each peak of resident memory (as the
kernel counts it, ru_maxrss) and by how much it grows. To be reached: less than 5 % for each.
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

from clary.formats import Sparse, recordio

SETTINGS = {
    "kmeans": {"k": "10"},
    "linear-learner": {"predictor_type": "binary_classifier", "epochs": "1"},
    "pca": {"num_components": "20", "mini_batch_size": "1000"},
    "randomcutforest": {},
    "factorization-machines": {"predictor_type": "binary_classifier", "num_factors": "16"},
    "knn": {"k": "5", "predictor_type": "classifier", "sample_size": "10000"},
}
CHUNK_ROWS = 10000
SPARSE_COLUMNS, NON_ZEROS = 100_000, 30
# A process between: a child's peak begins with the memory of who started it, and this one holds the data.
LAUNCH = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("algorithms", nargs="*", metavar="ALGORITHM", help=f"of {', '.join(SETTINGS)}; default: all")
    parser.add_argument("--gigabytes", type=float, nargs=2, default=[1.0, 4.0])
    parser.add_argument("--columns", type=int, default=784)
    arguments = parser.parse_args()
    print(f"{'':24}{'data, GB':>10}{'peak, MiB':>11}{'s':>8}{'MB/s':>7}{'grows by':>10}   (reach < 5 %)")
    for algorithm in arguments.algorithms or SETTINGS:
        sparse = algorithm == "factorization-machines"
        columns = SPARSE_COLUMNS if sparse else arguments.columns
        chunks = [(make_sparse_chunk if sparse else make_chunk)(seed, columns) for seed in range(4)]
        peaks = []
        for size in arguments.gigabytes:
            settings = {"feature_dim": str(columns), **SETTINGS[algorithm]}
            peak, seconds, written = train(algorithm, settings, int(size * 1e9), chunks)
            peaks.append(peak)
            grows = f"{100 * (peak / peaks[0] - 1):8.2f} %" if len(peaks) > 1 else ""
            print(
                f"{algorithm:24}{written / 1e9:10.2f}{peak:11.1f}{seconds:8.1f}{written / 1e6 / seconds:7.0f}{grows}",
                flush=True,
            )


def make_chunk(seed: int, columns: int) -> bytes:
    """The records of some rows around twelve centres; the label says in which half of them."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(0, 3, (12, columns))
    owner = rng.integers(0, 12, CHUNK_ROWS)
    rows = (centers[owner] + rng.normal(size=(CHUNK_ROWS, columns))).astype(np.float32)
    return as_records(rows, owner // 6)


def make_sparse_chunk(seed: int, columns: int) -> bytes:
    """The records of rows with a few ones among many zeros; the label is the parity of the first column's half."""
    rng = np.random.default_rng(seed)
    indices = np.sort(rng.integers(0, columns, (CHUNK_ROWS, NON_ZEROS)), axis=1)
    indptr = np.arange(0, CHUNK_ROWS * NON_ZEROS + 1, NON_ZEROS)
    rows = Sparse(indptr, indices.ravel(), np.ones(indices.size, np.float32), columns)
    return as_records(rows, (indices[:, 0] < columns // 40))


def as_records(rows: np.ndarray | Sparse, labels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    recordio.write_records(stream, rows, labels.astype(np.float32))
    return stream.getvalue()


def train(algorithm: str, settings: dict[str, str], size: int, chunks: list[bytes]) -> tuple[float, float, int]:
    """Train on about `size` bytes an epoch: the peak in MiB, the seconds, the bytes that were read."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("input/config", "input/data", "model"):
            (root / name).mkdir(parents=True)
        write_json(root / "input/config/hyperparameters.json", settings)
        channel = {"TrainingInputMode": "Pipe", "ContentType": "application/x-recordio-protobuf"}
        write_json(root / "input/config/inputdataconfig.json", {"train": channel})
        command = [sys.executable, "-c", LAUNCH, sys.executable, "-m", "clary.algorithms", algorithm, "train"]
        begun = time.perf_counter()
        os.mkfifo(root / "input/data/train_0")
        with (root / "log").open("wb") as log:
            child = subprocess.Popen(command, env={**os.environ, "CLARY_OPT_ML": folder}, stdout=log)
        written = feed(root / "input/data", size, chunks, child)
        seconds = time.perf_counter() - begun
        said = (root / "log").read_text()
        if child.wait():
            raise SystemExit(said)
    return int(said.split()[-1]) / 1024, seconds, written


def feed(folder: Path, size: int, chunks: list[bytes], child: subprocess.Popen[bytes]) -> int:
    """Feed epoch after epoch until the child ends; how many bytes it took."""
    written, epoch = 0, 0
    while child.poll() is None:
        try:
            pipe = os.open(folder / f"train_{epoch}", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            time.sleep(0.01)
            continue
        epoch += 1
        os.mkfifo(folder / f"train_{epoch}")
        os.set_blocking(pipe, True)
        try:
            written += feed_epoch(pipe, size, chunks)
        except BrokenPipeError:  # it has enough of this epoch
            pass
        finally:
            os.close(pipe)
    return written


def feed_epoch(pipe: int, size: int, chunks: list[bytes]) -> int:
    written = 0
    for place in range(max(1, size // len(chunks[0]))):
        view = memoryview(chunks[place % len(chunks)])
        while view:
            count = os.write(pipe, view)
            view, written = view[count:], written + count
    return written


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


if __name__ == "__main__":
    main()
