"""PCA on 60,000 x 784 to 50 components against scikit-learn's IncrementalPCA and randomized PCA, in turns.

    python benchmarks/pca.py [--mnist FOLDER] [--rows N] [--rounds N]

FOLDER holds mnist.npz; without it data of the same size is generated. All get the same float32 array. Prints the median
time and the share of the variance that the components keep, computed the same way for all. To be reached by regular:
at least twice as fast as IncrementalPCA, not slower than randomized PCA, explained variance equal to 1e-3.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import decomposition

from clary.algorithms.pca import PCA

COMPONENTS = 50
OURS, INCREMENTAL, RANDOMIZED = "Clary, regular", "sklearn IncrementalPCA", "sklearn PCA randomized"
CONTENDERS: dict[str, Callable[[int], Any]] = {
    OURS: lambda _: PCA(num_components=COMPONENTS),
    "Clary, randomized": lambda seed: PCA(num_components=COMPONENTS, algorithm_mode="randomized", seed=seed),
    INCREMENTAL: lambda _: decomposition.IncrementalPCA(COMPONENTS),
    RANDOMIZED: lambda seed: decomposition.PCA(COMPONENTS, svd_solver="randomized", random_state=seed),
    "sklearn PCA covariance_eigh": lambda _: decomposition.PCA(COMPONENTS, svd_solver="covariance_eigh"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, metavar="FOLDER")
    parser.add_argument("--rows", type=int, default=60000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows = (read_mnist(arguments.mnist) if arguments.mnist else generate())[: arguments.rows]
    print(f"{'MNIST' if arguments.mnist else 'generated'}, {len(rows):,} x {rows.shape[1]} to {COMPONENTS}\n")

    for make in CONTENDERS.values():
        make(0).fit(rows[:1000])  # imports and threads are made before the clock runs
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    models = {}
    for seed in range(arguments.rounds):
        for name, make in CONTENDERS.items():
            begun = time.perf_counter()
            models[name] = make(seed).fit(rows)
            times[name].append(time.perf_counter() - begun)

    gaps = rows - rows.mean(axis=0, dtype=np.float64)
    scatter = gaps.T @ gaps
    print(f"{'':30}{'time, s':>10}{'variance kept':>16}")
    shares = {name: kept(model.components_, scatter) for name, model in models.items()}
    for name, runs in times.items():
        print(f"{name:30}{statistics.median(runs):10.3f}{shares[name]:16.6f}")
    middle = {name: statistics.median(runs) for name, runs in times.items()}
    found = models[OURS].singular_values_[::-1] ** 2
    exact = np.linalg.eigvalsh(scatter)[::-1][:COMPONENTS]
    print(f"\ntime of IncrementalPCA / ours      {middle[INCREMENTAL] / middle[OURS]:.2f}  (reach >= 2)")
    print(f"time of randomized PCA / ours      {middle[RANDOMIZED] / middle[OURS]:.2f}  (reach >= 1)")
    print(f"explained variance off by at most  {np.abs(found / exact - 1).max():.1e}  (reach <= 1e-3)")


def kept(components: np.ndarray, scatter: np.ndarray) -> float:
    """The share of the rows' variance that components, (k, d), keep."""
    components = components.astype(np.float64)
    return float(np.trace(components @ scatter @ components.T) / np.trace(scatter))


def read_mnist(folder: Path) -> np.ndarray:
    images: np.ndarray = np.load(folder / "mnist.npz")["train_images"]
    return images.reshape(len(images), -1).astype(np.float32) / 255


def generate() -> np.ndarray:
    """Rows far from the origin whose variances fall slowly over 784 mixed columns."""
    rng = np.random.default_rng(0)
    inner = rng.standard_normal((60000, 784), np.float32) / np.sqrt(1 + np.arange(784, dtype=np.float32))
    turn = np.linalg.qr(rng.standard_normal((784, 784)))[0].astype(np.float32)
    return inner @ turn + rng.uniform(10, 20, 784).astype(np.float32)


if __name__ == "__main__":
    main()
