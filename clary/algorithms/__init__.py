"""SageMaker's built-in algorithms, a file each.

`load("kmeans")` is an algorithm's declaration: cheap, it imports numpy at most. `estimator("kmeans")` is its class.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a server that only starts has no need of numpy
    from clary.algorithms.base import Algorithm, Estimator

NAMES = (
    "factorization-machines",
    "ipinsights",
    "kmeans",
    "knn",
    "lda",
    "linear-learner",
    "pca",
    "randomcutforest",
    "xgboost",
)
"""Every algorithm by its registry repository."""

_REPOSITORIES = {"sagemaker-xgboost": "xgboost"}


def name_of(repository: str) -> str | None:
    """The algorithm that a registry repository holds: `sagemaker-xgboost` -> `xgboost`; None where unknown."""
    name = _REPOSITORIES.get(repository, repository)
    return name if name in NAMES else None


def load(name: str) -> Algorithm:
    """The declaration of an algorithm; KeyError for a name that is not in NAMES."""
    if name not in NAMES:
        raise KeyError(name)
    algorithm: Algorithm = import_module(_module(name)).ALGORITHM
    return algorithm


def estimator(name: str) -> type[Estimator]:
    """The estimator class of an algorithm."""
    chosen: type[Estimator] = getattr(import_module(_module(name)), load(name).estimator)
    return chosen


def _module(name: str) -> str:
    return f"clary.algorithms.{name.replace('-', '_')}"
