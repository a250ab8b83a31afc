"""Factorization Machines against torch and myfm: the time of a pass, and how near ratings are predicted.

    python benchmarks/factorization_machines.py [--rows N] [--rounds N] [--ratings CSV] [--only passes|ratings]

Passes: click data of N rows, 100,000 columns, 30 non-zeros a row (a value each of 30 fields, few of them frequent),
16 factors, mini-batches of 1,000. torch: an Embedding with sparse gradients under SparseAdam, the same steps; and, as
the quickest that torch has, under SGD, which keeps no moments. myfm: one of its Gibbs sampler's iterations, from the
difference between two fits. To be reached: 5 times as fast a pass as torch's SparseAdam and myfm.

Ratings: 100,000 from a known machine with noise, or user,item,rating of CSV; a fifth is held out. Both get 8 factors
and as much regularisation as suits them. To be reached: an RMSE within 2 % of myfm's.

Needs torch and myfm beside Clary. Prints medians over the rounds, which alternate; the time of a fit of
Clary has everything in it, from the matrix to the model.
"""

import argparse
import contextlib
import csv
import io
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in a job; read when OpenMP is loaded, by Clary's and torch's

import myfm
import numpy as np
import scipy.sparse
import torch

from clary.algorithms.factorization_machines import FactorizationMachines

COLUMNS, FIELDS, FACTORS, BATCH = 100_000, 30, 16, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ratings", type=Path, metavar="CSV")
    parser.add_argument("--only", choices=("passes", "ratings"))
    arguments = parser.parse_args()
    if arguments.only != "ratings":
        compare_passes(arguments.rows, arguments.rounds)
    if arguments.only != "passes":
        compare_ratings(arguments.ratings)


def compare_passes(count: int, rounds: int) -> None:
    columns, clicked = make_clicks(count)
    rows = scipy.sparse.csr_matrix(
        (np.ones(columns.size, np.float32), columns.reshape(-1), np.arange(0, columns.size + 1, FIELDS)),
        (count, COLUMNS),
    )
    print(
        f"{count:,} rows x {COLUMNS:,} columns, {FIELDS} non-zeros, {FACTORS} factors, "
        f"{torch.get_num_threads()} threads"
    )
    fit_clary(rows[:2000], clicked[:2000])  # kernels are compiled before the clock runs
    runs: dict[str, Callable[[], float]] = {
        "Clary": lambda: fit_clary(rows, clicked),
        "torch SparseAdam": lambda: pass_of_torch(columns, clicked, adam=True),
        "torch SGD": lambda: pass_of_torch(columns, clicked, adam=False),
        "myfm": lambda: pass_of_myfm(rows, clicked),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(run())
    ours = statistics.median(times["Clary"])
    for name, found in times.items():
        found.sort()
        reach = "  (reach >= 5)" if name in ("torch SparseAdam", "myfm") else ""
        took = statistics.median(found)
        print(f"{name:20}{took:9.2f} s a pass ({found[0]:.2f}..{found[-1]:.2f}){took / ours:8.2f} x Clary's{reach}")


def make_clicks(count: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, 30) columns, one of each field's values by Zipf's law, and whether a row was clicked."""
    rng = np.random.default_rng(0)
    sizes = np.geomspace(4, 30_000, FIELDS)
    sizes = np.maximum(2, sizes * COLUMNS / sizes.sum()).astype(int)
    sizes[-1] += COLUMNS - sizes.sum()
    starts, columns = np.cumsum(sizes) - sizes, np.empty((count, FIELDS), np.int64)
    for place, size in enumerate(sizes):
        odds = np.cumsum(1 / np.arange(1, size + 1) ** 1.05)
        columns[:, place] = starts[place] + np.searchsorted(odds, rng.random(count) * odds[-1])
    scores = rng.normal(0, 0.3, COLUMNS)[columns].sum(axis=1) - 1.2
    return columns, (rng.random(count) < 1 / (1 + np.exp(-scores))).astype(np.float32)


def fit_clary(rows: scipy.sparse.csr_matrix, clicked: np.ndarray) -> float:
    """Seconds of a fit with one epoch."""
    begun = time.perf_counter()
    model = FactorizationMachines(num_factors=FACTORS, predictor_type="binary_classifier", mini_batch_size=BATCH)
    model.fit(rows, clicked)
    return time.perf_counter() - begun


class Machine(torch.nn.Module):
    """The same model, with sparse gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.table = torch.nn.Embedding(COLUMNS, 1 + FACTORS, sparse=True)
        torch.nn.init.normal_(self.table.weight, 0, 0.001)

    def forward(self, columns: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        weighed = self.table(columns) * values[..., None]
        factors = weighed[..., 1:]
        pairs = factors.sum(1) ** 2 - (factors**2).sum(1)
        return self.bias + weighed[..., 0].sum(1) + 0.5 * pairs.sum(1)


def pass_of_torch(columns: np.ndarray, clicked: np.ndarray, *, adam: bool) -> float:
    """Seconds of one pass."""
    model, loss = Machine(), torch.nn.BCEWithLogitsLoss()
    optimizers: list[torch.optim.Optimizer] = [torch.optim.SGD(model.parameters(), 0.1)]
    if adam:
        optimizers = [torch.optim.SparseAdam([model.table.weight], 1e-4), torch.optim.Adam([model.bias], 0.1)]
    keys, labels = torch.from_numpy(columns), torch.from_numpy(clicked)
    values = torch.ones(len(columns), FIELDS)
    begun = time.perf_counter()
    for start in range(0, len(keys), BATCH):
        part = slice(start, start + BATCH)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss(model(keys[part], values[part]), labels[part]).backward()
        for optimizer in optimizers:
            optimizer.step()
    return time.perf_counter() - begun


def pass_of_myfm(rows: scipy.sparse.csr_matrix, clicked: np.ndarray) -> float:
    """Seconds of an iteration: of three more than one, by three."""
    times = []
    for iterations in (1, 4):
        begun = time.perf_counter()
        with contextlib.redirect_stderr(io.StringIO()):
            myfm.MyFMClassifier(FACTORS).fit(rows.astype(np.float64), clicked > 0, n_iter=iterations, n_kept_samples=1)
        times.append(time.perf_counter() - begun)
    return (times[1] - times[0]) / 3


def compare_ratings(path: Path | None) -> None:
    rows, ratings, floor = read_ratings(path) if path else make_ratings()
    order = np.random.default_rng(1).permutation(len(ratings))
    learnt, held_out = np.split(order, [len(order) * 4 // 5])
    print(f"\n{len(ratings):,} ratings{f', noise {floor}' if floor else ''}: RMSE of the held-out fifth")
    settings = {"epochs": 40, "mini_batch_size": 500, "bias_lr": 0.02, "linear_lr": 0.005, "factors_lr": 0.005}
    decays = {"bias_wd": 0, "linear_wd": 0.0001, "factors_wd": 0.0002, "factors_init_sigma": 0.05}
    begun = time.perf_counter()
    model = FactorizationMachines(num_factors=8, predictor_type="regressor", **settings, **decays)
    ours = rmse(model.fit(rows[learnt], ratings[learnt]).predict(rows[held_out]), ratings[held_out])
    print(f"Clary  {ours:.4f}  in {time.perf_counter() - begun:.1f} s")
    begun = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        peer = myfm.MyFMRegressor(8).fit(rows[learnt].astype(np.float64), ratings[learnt], n_iter=200)
    theirs = rmse(peer.predict(rows[held_out].astype(np.float64)), ratings[held_out])
    print(f"myfm   {theirs:.4f}  in {time.perf_counter() - begun:.1f} s\nratio  {ours / theirs:.4f}  (reach <= 1.02)")


def rmse(predicted: np.ndarray, ratings: np.ndarray) -> float:
    return float(np.sqrt(((predicted - ratings) ** 2).mean(dtype=np.float64)))


def make_ratings() -> tuple[scipy.sparse.csr_matrix, np.ndarray, float]:
    """100,000 ratings of 600 items by 1,000 users, who have an age and a region too, from a known machine."""
    rng = np.random.default_rng(0)
    count, sizes, noise = 100_000, (1000, 600, 7, 20), 0.8
    users, items = rng.integers(0, sizes[0], count), (sizes[1] * rng.random(count) ** 2).astype(int)
    ages, regions = rng.integers(0, sizes[2], sizes[0])[users], rng.integers(0, sizes[3], sizes[0])[users]
    rows = one_hot([users, items, ages, regions], sizes)
    linear, factors = rng.normal(0, 0.4, rows.shape[1]), rng.normal(0, 0.35, (rows.shape[1], 6))
    pairs = 0.5 * ((rows @ factors) ** 2 - rows @ factors**2).sum(axis=1)
    return rows, (3 + rows @ linear + pairs + rng.normal(0, noise, count)).astype(np.float32), noise


def read_ratings(path: Path) -> tuple[scipy.sparse.csr_matrix, np.ndarray, float]:
    with path.open(newline="") as file:
        users, items, ratings = zip(*[row[:3] for row in list(csv.reader(file))[1:]], strict=True)
    places = [np.unique(column, return_inverse=True)[1] for column in (users, items)]
    return one_hot(places, [place.max() + 1 for place in places]), np.array(ratings, np.float32), 0.0


def one_hot(places: list[np.ndarray], sizes: tuple[int, ...] | list[int]) -> scipy.sparse.csr_matrix:
    """A row of ones, one in each field."""
    columns = np.stack(places, axis=1) + np.cumsum(sizes) - sizes
    indptr = np.arange(0, columns.size + 1, len(sizes))
    return scipy.sparse.csr_matrix(
        (np.ones(columns.size, np.float32), columns.reshape(-1), indptr), (len(columns), sum(sizes))
    )


if __name__ == "__main__":
    main()
