"""What the warm parent imports before it forks the first job or endpoint worker: all that a built-in algorithm needs.

Importing this module must start no thread: a fork would have a thread's locks without the thread.
"""

import importlib
import os
import sys

from clary.sandbox import compiled

NEEDED = (
    "clary.jobs.supervisor",
    "clary.algorithms.train",
    "clary.algorithms.serve",
    "clary.algorithms.xgboost_training",
    "clary.algorithms.factorization_machines_kernels",
    "clary.algorithms.factorization_machines_training",
    "clary.algorithms.ipinsights_kernels",
    "clary.algorithms.ipinsights_network",
    "clary.algorithms.kmeans_kernels",
    "clary.algorithms.knn_index",
    "clary.algorithms.lda_kernels",
    "clary.algorithms.lda_moments",
    "clary.algorithms.lda_tensor",
    "clary.algorithms.linear_learner_kernels",
    "clary.algorithms.pca_kernels",
    "clary.algorithms.randomcutforest_kernels",
    "clary.formats.mxnet",
    "clary.queries.worker",
    "scipy.linalg",
    "pyarrow.compute",
    "pyarrow.csv",
)


def preload() -> None:
    """Import it all."""
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pyarrow's allocator reads it when it is loaded
    # Read by OpenMP when xgboost loads it. Threads that spin while they wait make a small training take a hundred times
    # as long as soon as something else wants the cores: another job, a test suite. Threads that sleep at once are a
    # fifth slower where nothing does. So they spin for some microseconds first.
    os.environ |= {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "10000"}
    import_without("xgboost", "sklearn")
    for name in NEEDED:
        importlib.import_module(name)
    algorithms = importlib.import_module("clary.algorithms")
    for name in algorithms.NAMES:
        algorithms.load(name)
    # Numba fills its tables of what it can compile at the first kernel: 0.3 s that each job would spend anew.
    target = importlib.import_module("numba.core.registry").cpu_target
    target.typing_context.refresh()
    target.target_context.refresh()


def compile_kernels() -> None:
    """Compile what isn't in the folder of compiled kernels yet, for the algorithms that have some."""
    for offer in compiled.offers_of(NEEDED):
        offer()


def import_without(name: str, other: str) -> None:
    """Import a module as if another were not installed.

    For xgboost's own scikit-learn classes, which no algorithm of ours uses, it would load scikit-learn and with it
    scipy.stats: three quarters of the time that its import takes.
    """
    if name in sys.modules or other in sys.modules:
        importlib.import_module(name)
        return
    sys.modules[other] = None  # type: ignore[assignment] # how Python marks what is not to be found
    try:
        importlib.import_module(name)
    finally:
        del sys.modules[other]


preload()
