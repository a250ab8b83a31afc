"""K-Means on 60,000 x 784, k = 10, against scikit-learn's MiniBatchKMeans and full Lloyd (KMeans), in turns.

    python benchmarks/kmeans.py [--mnist FOLDER] [--rounds N]

FOLDER holds mnist.npz; without it data of the same size is generated. Each round is another seed for both. Prints the
median time and the msd (mean squared distance to the closest centre, over all rows, computed the same way for
all). To be reached: not slower than MiniBatchKMeans, msd not above its, within 2 % of full Lloyd.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans as Lloyd
from sklearn.cluster import MiniBatchKMeans

from clary.algorithms.kmeans import KMeans

CLUSTERS = 10
LLOYD_RUNS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    rows = read_mnist(arguments.mnist) if arguments.mnist else generate()
    print(f"{'MNIST' if arguments.mnist else 'generated'}, {rows.shape[0]:,} x {rows.shape[1]}, k = {CLUSTERS}\n")

    fit(lambda: KMeans(k=CLUSTERS), rows[:6000])  # imports and threads are made before the clock runs
    fit(lambda: MiniBatchKMeans(CLUSTERS), rows[:6000])
    ours, theirs = [], []
    for seed in range(arguments.rounds):
        ours.append(fit(lambda seed=seed: KMeans(k=CLUSTERS, seed=seed), rows))
        theirs.append(fit(lambda seed=seed: MiniBatchKMeans(CLUSTERS, random_state=seed), rows))
    full = [fit(lambda seed=seed: Lloyd(CLUSTERS, n_init=1, random_state=seed), rows) for seed in range(LLOYD_RUNS)]

    print(f"{'':28}{'time, s':>10}{'mean msd':>12}{'best':>12}{'worst':>12}")
    for name, runs in (("Clary", ours), ("sklearn MiniBatchKMeans", theirs), (f"full Lloyd, {LLOYD_RUNS} runs", full)):
        times, scores = zip(*runs, strict=True)
        print(
            f"{name:28}{statistics.median(times):10.3f}{statistics.mean(scores):12.4f}{min(scores):12.4f}{max(scores):12.4f}"
        )
    time_ratio = statistics.median(run[0] for run in ours) / statistics.median(run[0] for run in theirs)
    score, peer, lloyd = (statistics.mean(run[1] for run in runs) for runs in (ours, theirs, full))
    print(f"\ntime / MiniBatchKMeans   {time_ratio:.3f}   (reach <= 1)")
    print(f"msd / MiniBatchKMeans    {score / peer:.4f}  (reach <= 1)")
    print(f"msd / full Lloyd         {score / lloyd:.4f}  (reach <= 1.02)")


def fit(make: Callable[[], KMeans | MiniBatchKMeans | Lloyd], rows: np.ndarray) -> tuple[float, float]:
    """Seconds of a fit, and the msd of its centres."""
    begun = time.perf_counter()
    model = make().fit(rows)
    return time.perf_counter() - begun, msd(rows, model.cluster_centers_)


def msd(rows: np.ndarray, centers: np.ndarray) -> float:
    closest = [
        ((part[:, None] - centers[None]) ** 2).sum(axis=2).min(axis=1)
        for part in np.array_split(rows, len(rows) // 100)
    ]
    return float(np.concatenate(closest).mean(dtype=np.float64))


def read_mnist(folder: Path) -> np.ndarray:
    images: np.ndarray = np.load(folder / "mnist.npz")["train_images"]
    return images.reshape(len(images), -1).astype(np.float32) / 255


def generate() -> np.ndarray:
    """Groups of unlike size and spread that overlap, 784 columns of which 30 directions matter."""
    rng = np.random.default_rng(0)
    groups = 25
    owner = rng.choice(groups, 60000, p=rng.dirichlet(np.full(groups, 2.0)))
    inner = (
        rng.normal(0, 2, (groups, 30))[owner]
        + rng.normal(size=(60000, 30)) * rng.uniform(0.5, 1.5, groups)[owner, None]
    )
    return (inner @ rng.normal(0, 0.2, (30, 784)) + rng.normal(0, 0.1, (60000, 784))).astype(np.float32)


if __name__ == "__main__":
    main()
