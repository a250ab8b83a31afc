"""k-NN, k = 3, on MNIST (60,000 rows of 784, 10,000 to classify) against scikit-learn's brute force, in turns.

    python benchmarks/knn.py [--mnist FOLDER] [--rounds N] [--rows N] [--queries N]

FOLDER holds mnist.npz; without it data of the same size is generated, which has accuracies of its own. Prints the
median time to fit and to classify, the accuracy, and the size of what is saved. To be reached: faiss.Flat classifies
not slower than scikit-learn at .9700 or better; faiss.IVFFlat 10 times as fast at .955 or better; faiss.IVFPQ's
index is a tenth of Flat's or less.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from clary.algorithms.knn import KNN

K = 3
OURS: dict[str, dict[str, Any]] = {
    "Flat": {},
    "IVFFlat": {"index_type": "faiss.IVFFlat"},
    "IVFPQ, 28 parts": {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": 28},
    "Flat, fjlt to 128": {"dimension_reduction_type": "fjlt", "dimension_reduction_target": 128},
    "Flat, sign to 128": {"dimension_reduction_type": "sign", "dimension_reduction_target": 128},
}
PEER = "sklearn brute force"


class Data(NamedTuple):
    """Rows to learn from and rows to classify, with their labels."""

    rows: np.ndarray
    labels: np.ndarray
    queries: np.ndarray
    answers: np.ndarray


class Result(NamedTuple):
    """Seconds, the share of right answers, bytes."""

    fit: float
    predict: float
    accuracy: float
    size: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=60000)
    parser.add_argument("--queries", type=int, default=10000)
    arguments = parser.parse_args()
    whole = read_mnist(arguments.mnist) if arguments.mnist else generate()
    data = Data(*(part[: arguments.rows] for part in whole[:2]), *(part[: arguments.queries] for part in whole[2:]))
    print(f"{'MNIST' if arguments.mnist else 'generated'}, {data.rows.shape[0]:,} x {data.rows.shape[1]}, ", end="")
    print(f"{len(data.queries):,} to classify, k = {K}\n")

    makers = {PEER: lambda: KNeighborsClassifier(K, algorithm="brute")}
    for name, settings in OURS.items():
        makers[name] = lambda settings=settings: KNN(k=K, predictor_type="classifier", **settings)
    few = Data(*(part[:2000] for part in data))
    for make in makers.values():
        measure(make(), few)  # imports and threads are made before the clock runs
    runs: dict[str, list[Result]] = {name: [] for name in makers}
    for _ in range(arguments.rounds):
        for name, make in makers.items():
            runs[name].append(measure(make(), data))
    found = {name: Result(*map(statistics.median, zip(*results, strict=True))) for name, results in runs.items()}
    report(found)


def report(found: dict[str, Result]) -> None:
    """Print the table and the ratios to be reached."""
    peer = found[PEER]
    print(f"{'':22}{'fit, s':>9}{'classify, s':>13}{'times as fast':>15}{'accuracy':>11}{'saved, MB':>12}")
    for name, result in found.items():
        size = f"{result.size / 1e6:12.1f}" if result.size else ""
        ratio = peer.predict / result.predict
        print(f"{name:22}{result.fit:9.2f}{result.predict:13.2f}{ratio:15.1f}{result.accuracy:11.4f}{size}")
    flat, groups, parts = (found[name] for name in ("Flat", "IVFFlat", "IVFPQ, 28 parts"))
    print(f"\nFlat: times as fast       {peer.predict / flat.predict:8.2f}  (reach >= 1)")
    print(f"Flat: accuracy            {flat.accuracy:8.4f}  (reach >= .9700 on MNIST)")
    print(f"IVFFlat: times as fast    {peer.predict / groups.predict:8.2f}  (reach >= 10)")
    print(f"IVFFlat: accuracy         {groups.accuracy:8.4f}  (reach >= .955 on MNIST)")
    print(f"IVFPQ: times as small     {flat.size / parts.size:8.2f}  (reach >= 10)")
    print(f"IVFPQ: accuracy           {parts.accuracy:8.4f}")


def measure(model: KNN | KNeighborsClassifier, data: Data) -> Result:
    """Fit, classify, and save where the model is ours."""
    begun = time.perf_counter()
    model.fit(data.rows, data.labels)
    fitted = time.perf_counter()
    predicted = model.predict(data.queries)
    ended = time.perf_counter()
    size = 0
    if isinstance(model, KNN):
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder))
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Result(fitted - begun, ended - fitted, float((predicted == data.answers).mean()), size)


def read_mnist(folder: Path) -> Data:
    parts = np.load(folder / "mnist.npz")
    images = [parts[name].reshape(-1, 784).astype(np.float32) / 255 for name in ("train_images", "test_images")]
    labels = [parts[name].astype(np.float32) for name in ("train_labels", "test_labels")]
    return Data(images[0], labels[0], images[1], labels[1])


def generate() -> Data:
    """Ten classes of three overlapping groups each, 784 columns of which 30 directions matter."""
    rng = np.random.default_rng(0)
    owner = rng.integers(0, 30, 70000)
    inner = rng.normal(0, 2, (30, 30))[owner] + rng.normal(0, 1.5, (70000, 30))
    rows = (inner @ rng.normal(0, 0.2, (30, 784)) + rng.normal(0, 0.1, (70000, 784))).astype(np.float32)
    labels = (owner % 10).astype(np.float32)
    return Data(rows[:60000], labels[:60000], rows[60000:], labels[60000:])


if __name__ == "__main__":
    main()
