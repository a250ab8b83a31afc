"""IP Insights on 1,000,000 generated logins against the same network in torch, in turns.

    python benchmarks/ipinsights.py [--events N] [--users N] [--epochs N] [--rounds N]

Both learn with the same settings: torch from arrays in memory that were hashed and parsed before, Clary from the CSV
file. Prints the median time of an epoch and the ratio; the AUC of later logins against addresses drawn at random, and
against addresses of networks that are in use (an attacker's); and Clary's peak memory in processes of its own, with the
file once and four times. To be reached: not slower than torch, AUC not below its, memory that doesn't grow.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from clary.algorithms.ipinsights import IPInsights
from clary.algorithms.ipinsights_events import Events, hash_words, join_words
from clary.algorithms.ipinsights_network import bits_of
from clary.formats import Batch, Source, read_batches

NETWORKS = 200_000
SETTINGS = {"vector_dim": 128, "learning_rate": 0.01, "mini_batch_size": 5000, "random_negative_sampling_rate": 1}
HELD_OUT = 100_000


class Web:
    """Users of a site. Each has a home and a work network and turns up in those or ten around them, more often in one
    of them, now and then (3 %) anywhere; how often a user comes is a power law, networks differ in size."""

    def __init__(self, users: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.starts = np.sort(rng.choice(2**24, NETWORKS, replace=False)) * 256
        self.sizes = np.minimum(np.diff(self.starts, append=2**32), 256 << rng.integers(0, 7, NETWORKS))
        home = rng.integers(0, NETWORKS, users)
        self.places = np.column_stack([home, home + rng.integers(-NETWORKS // 16, NETWORKS // 16, users)])
        self.at_work, self.travels = 1 - rng.beta(3, 5, users), rng.beta(1, 30, users)
        visits = np.minimum(50 * (1 + rng.pareto(1, users)), 10_000)
        self.share = visits / visits.sum()

    def logins(self, count: int) -> Events:
        """Users by number and addresses."""
        who = self.rng.choice(len(self.share), count, p=self.share)
        near = self.places[who, (self.rng.random(count) < self.at_work[who]).astype(int)]
        near = (near + np.rint(self.rng.normal(0, 10, count)).astype(int)) % NETWORKS
        away = self.rng.random(count) < self.travels[who]
        return Events(who, self.addresses(np.where(away, self.rng.integers(0, NETWORKS, count), near)))

    def addresses(self, networks: np.ndarray) -> np.ndarray:
        """Any address of each network."""
        chosen = self.starts[networks] + self.rng.random(len(networks)) * self.sizes[networks]
        return chosen.astype(np.uint32)


class File:
    """A channel of a CSV file, or of some copies of it."""

    def __init__(self, path: Path, times: int = 1) -> None:
        self.source, self.times = Source(path.name, lambda: path.open("rb")), times

    def __iter__(self) -> Iterator[Batch]:
        return read_batches([self.source] * self.times, "text/csv", text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    web = Web(given.users, np.random.default_rng(0))
    events, later = web.logins(given.events), web.logins(HELD_OUT)
    strange = later._replace(where=web.rng.integers(0, 2**32, HELD_OUT, np.uint32))
    attack = later._replace(where=web.addresses(web.rng.integers(0, NETWORKS, HELD_OUT)))
    settings = {**SETTINGS, "num_entity_vectors": 2 * given.users, "epochs": given.epochs}
    print(f"{given.events:,} logins of {given.users:,} users, {given.epochs} epochs, {os.cpu_count()} cores\n")

    runs: dict[str, list[tuple[float, list[float]]]] = {"Clary": [], "torch": []}
    hashed = [named(part, settings) for part in (later, strange, attack)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "logins.csv")
        write(path, events)
        parsed = named(events, settings)
        IPInsights(**{**settings, "epochs": 1}).fit([["a", "1.2.3.4"]])  # kernels are loaded before the clock runs
        for seed in range(given.rounds):
            begun = time.perf_counter()
            model = IPInsights(**settings, seed=seed).fit(File(path))
            runs["Clary"].append((time.perf_counter() - begun, aucs(*map(model.network_.score, hashed))))
            begun = time.perf_counter()
            other = Torch(settings, seed).fit(parsed)
            runs["torch"].append((time.perf_counter() - begun, aucs(*map(other.score, hashed))))
        peaks = [peak_memory(path, times, settings) for times in (1, 4)]

    print(f"{'':8}{'s an epoch':>12}{'AUC random':>12}{'AUC attack':>12}")
    for name, found in runs.items():
        seconds = statistics.median(run[0] for run in found) / given.epochs
        random, attacks = (statistics.median(run[1][at] for run in found) for at in range(2))
        print(f"{name:8}{seconds:12.2f}{random:12.4f}{attacks:12.4f}")
    ratio = statistics.median(run[0] for run in runs["torch"]) / statistics.median(run[0] for run in runs["Clary"])
    print(f"\ntorch's time / Clary's   {ratio:.2f}  (reach >= 1)")
    print(f"peak memory {peaks[0]:.0f} MiB, with four times the events {peaks[1]:.0f} MiB  (reach < 1.05 times)")


def write(path: Path, events: Events) -> None:
    """The logins as the guide's CSV."""
    octets = events.where.astype(">u4").view(np.uint8).reshape(-1, 4).tolist()
    with path.open("w") as file:
        for user, (a, b, c, d) in zip(events.who.tolist(), octets, strict=True):
            file.write(f"user_{user}, {a}.{b}.{c}.{d}\n")


def named(events: Events, settings: dict[str, Any]) -> Events:
    """Users by the places of their names."""
    names = np.array([f"user_{user}" for user in events.who.tolist()], object)
    return events._replace(who=hash_words(*join_words(names), settings["num_entity_vectors"]))


def aucs(usual: np.ndarray, *others: np.ndarray) -> list[float]:
    truth = np.repeat([1, 0], len(usual))
    return [float(roc_auc_score(truth, np.concatenate([usual, other]))) for other in others]


def peak_memory(path: Path, times: int, settings: dict[str, Any]) -> float:
    """MiB at most of a process that learns from copies of a file for one epoch."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_learn, (path, times, {**settings, "epochs": 1}))


def _learn(path: Path, times: int, settings: dict[str, Any]) -> float:
    IPInsights(**settings).fit(File(path, times))
    status = Path("/proc/self/status").read_text()  # getrusage would count what the parent had before the exec
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Torch(torch.nn.Module):
    """The same network, negative samples, loss and optimiser."""

    def __init__(self, settings: dict[str, Any], seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.settings, width = settings, settings["vector_dim"]
        self.entities = torch.nn.Embedding(settings["num_entity_vectors"], width, sparse=True)
        torch.nn.init.zeros_(self.entities.weight)
        self.encoder = torch.nn.Sequential(torch.nn.Linear(32, width), torch.nn.ReLU(), torch.nn.Linear(width, width))

    def fit(self, events: Events) -> "Torch":
        rate, rng = self.settings["learning_rate"], np.random.default_rng(0)
        optimisers = [
            torch.optim.SparseAdam(list(self.entities.parameters()), lr=rate),
            torch.optim.Adam(self.encoder.parameters(), lr=rate, weight_decay=1e-5),
        ]
        size = self.settings["mini_batch_size"] // 3
        for _ in range(self.settings["epochs"]):
            order = rng.permutation(len(events.who))
            for start in range(0, len(order), size):
                part = order[start : start + size]
                self.step(events.who[part], events.where[part], rng, optimisers)
        return self

    def step(self, who: np.ndarray, where: np.ndarray, rng: np.random.Generator, optimisers: list[Any]) -> None:
        strange = rng.integers(0, 2**32, len(who), np.uint32)
        bits = torch.from_numpy(bits_of(np.concatenate([where, strange])))
        users, (own, others) = self.entities(torch.from_numpy(who)), self.encoder(bits).chunk(2)
        scores = torch.cat([(users * vectors).sum(1) for vectors in (own, others, own.roll(1, 0))])
        seen = torch.zeros(len(scores))
        seen[: len(who)] = 1
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, seen)
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()

    @torch.no_grad()
    def score(self, events: Events) -> np.ndarray:
        vectors = self.encoder(torch.from_numpy(bits_of(events.where)))
        return (self.entities(torch.from_numpy(events.who)) * vectors).sum(1).numpy()


if __name__ == "__main__":
    main()
