"""One row, asked of a warm worker over its Unix socket: how long each algorithm takes to answer.

    python benchmarks/serve_row.py [ALGORITHM ...] [--requests 2000]

The worker is the container's own HTTP server in a process of its own, with a model of up to 10 MB; one connection is
kept, and a request is sent when the last one is answered. To be reached: a median of at most 1 ms for each.
"""

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clary import algorithms
from clary.formats import Sparse

WARM_UP = 50
REACH_MS = 1.0
rng = np.random.default_rng(0)


class Case(NamedTuple):
    """What a model learns from, and the row that it is asked about."""

    settings: dict[str, object]
    features: np.ndarray | Sparse
    labels: np.ndarray | None
    row: str | dict
    """CSV, or an instance of a JSON request."""


def dense(rows: int, columns: int, *, labels: bool = False, **settings: object) -> Case:
    features = rng.normal(size=(rows, columns)).astype(np.float32)
    row = ",".join(map(repr, features[0].tolist()))
    return Case(settings, features, (features[:, 0] > 0).astype(np.float32) if labels else None, row)


def documents(rows: int, words: int, **settings: object) -> Case:
    counts = rng.poisson(rng.dirichlet(np.full(words, 0.05), 20)[rng.integers(0, 20, rows)] * 200)
    return Case(settings, counts.astype(np.float32), None, ",".join(map(str, counts[0].tolist())))


def clicks(rows: int, columns: int, non_zeros: int, **settings: object) -> Case:
    keys = np.sort(rng.choice(columns, (rows, non_zeros)), axis=1)
    features = Sparse(np.arange(rows + 1) * non_zeros, keys.ravel(), np.ones(keys.size, np.float32), columns)
    vector = {"keys": keys[0].tolist(), "shape": [columns], "values": [1.0] * non_zeros}
    return Case(settings, features, (keys[:, 0] % 2).astype(np.float32), {"data": {"features": vector}})


def logins(rows: int, **settings: object) -> Case:
    events = np.array([[f"user-{i % 500}", f"10.{i % 500 % 250}.{i % 7}.{i % 250}"] for i in range(rows)])
    return Case(settings, events, None, ",".join(events[0]))


CASES: dict[str, Callable[[], Case]] = {
    "factorization-machines": lambda: clicks(
        2000, 100_000, 30, feature_dim=100_000, num_factors=16, predictor_type="binary_classifier"
    ),
    "ipinsights": lambda: logins(5000, num_entity_vectors=20_000, vector_dim=128, epochs=1),
    "kmeans": lambda: dense(2000, 1000, k=100),
    "knn": lambda: dense(10_000, 50, labels=True, k=5, predictor_type="classifier", sample_size=10_000, feature_dim=50),
    "lda": lambda: documents(2000, 5000, num_topics=20, feature_dim=5000, mini_batch_size=2000),
    "linear-learner": lambda: dense(2000, 1000, labels=True, predictor_type="binary_classifier", epochs=1),
    "pca": lambda: dense(2000, 1000, feature_dim=1000, num_components=50, mini_batch_size=500),
    "randomcutforest": lambda: dense(20_000, 48, feature_dim=48),
    "xgboost": lambda: dense(5000, 50, labels=True, num_round=100, objective="binary:logistic"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("algorithms", nargs="*", metavar="ALGORITHM", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--requests", type=int, default=2000)
    arguments = parser.parse_args()
    print(f"{'':24}{'model, KiB':>12}{'p50, ms':>10}{'p99, ms':>10}   (reach: p50 <= {REACH_MS})")
    for name in arguments.algorithms or CASES:
        case = CASES[name]()
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            model.mkdir()
            algorithms.estimator(name)(**case.settings).fit(case.features, case.labels).save(model)
            size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file())
            with worker(name, Path(folder)) as connection:
                seconds = ask(connection, case.row, arguments.requests)
        p50, p99 = np.percentile(seconds, [50, 99]) * 1000
        print(f"{name:24}{size // 1024:12,}{p50:10.3f}{p99:10.3f}", flush=True)


@contextmanager
def worker(name: str, folder: Path) -> Iterator[http.client.HTTPConnection]:
    """A connection to a worker that has loaded the model."""
    path = folder / "socket"
    environment = {**os.environ, "CLARY_OPT_ML": str(folder), "CLARY_SOCKET": str(path)}
    command = [sys.executable, "-m", "clary.algorithms", name, "serve"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        while True:
            try:
                connection.sock.connect(str(path))
                break
            except OSError:
                if process.poll() is not None:
                    sys.exit(f"the worker of {name} ended")
                time.sleep(0.01)
        yield connection
    finally:
        process.terminate()
        process.wait()


def ask(connection: http.client.HTTPConnection, row: str | dict, requests: int) -> np.ndarray:
    """Seconds of each request, the first ones left out."""
    body, content_type = (
        (row, "text/csv") if isinstance(row, str) else (json.dumps({"instances": [row]}), "application/json")
    )
    seconds = []
    for _ in range(WARM_UP + requests):
        begun = time.perf_counter()
        connection.request("POST", "/invocations", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        content = answer.read()
        seconds.append(time.perf_counter() - begun)
        if answer.status != 200:
            sys.exit(f"{answer.status}: {content.decode()}")
    return np.array(seconds[WARM_UP:])


if __name__ == "__main__":
    main()
