"""Orthogonal components of a small symmetric tensor: alternating least squares with line search and restarts.

A tensor T, (k, k, k), is written as the sum over i of a_i (x) b_i (x) c_i. With two of the factors fixed, the third is
a linear least-squares problem; taking turns never makes the error larger, but may end in a local minimum. Three things
help against that, as in SageMaker's log:

* the factors are made orthogonal (QR) before each of the first few rounds, so that no two components chase the same
  topic (Sharan and Valiant, Orthogonalized ALS, ICML 2017);
* line search: the step from the last factors is tried once more, longer by the cube root of the round (Bro, 1998);
* several starts, of which the best is kept: first from the tensor's own singular vectors, then at random.

Cost: O(k^4) a round. For ALS in general: Kolda and Bader, Tensor decompositions and applications, SIAM Review 2009.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clary.algorithms import log_lines
from clary.algorithms.base import Run

QR_ROUNDS = 5
AGREE = 3
"""Starts that end at the same best error: there is no better one to be found."""
SAME = 1e-5
RIDGE = 1e-12
"""Of the trace: two components that coincide leave the equations without an answer."""

log = log_lines.log_of("lda")


class Components(NamedTuple):
    """Unit vectors as columns, (k, k), and the error that is left, as a share of the tensor's norm."""

    vectors: np.ndarray
    error: float


def decompose(tensor: np.ndarray, settings: Mapping[str, Any], rng: np.random.Generator, run: Run) -> Components:
    """The components of a symmetric (k, k, k) tensor: the best of `max_restarts` starts, fewer where they agree."""
    found: list[Components] = []
    for start in range(settings["max_restarts"]):
        log.info("Restart %d/%d", start + 1, settings["max_restarts"])
        svd = settings["allow_svd_init"] and start < 2
        log.info("[CPDecomp] Using %s initialization.", "svd" if svd else "random")
        if svd:
            unfolded = tensor.reshape(len(tensor), -1)
            first = np.linalg.eigh(unfolded @ unfolded.T)[1]
        else:
            first = np.linalg.qr(rng.normal(size=tensor.shape[:2]))[0]
        found.append(alternate(tensor, first, settings, 0 if start == 1 else QR_ROUNDS))
        best = min(found, key=lambda components: components.error)
        if run.stopping or sum(other.error <= best.error + SAME for other in found) >= AGREE:
            break
    log.info("Best reconstruction error: %.8f", best.error)
    return best


def alternate(tensor: np.ndarray, first: np.ndarray, settings: Mapping[str, Any], orthogonal: int) -> Components:
    """Alternating least squares from one (k, k) start for all three factors, until the error rests."""
    unfolded = tensor.reshape(len(tensor), -1)  # the same for each side of a symmetric tensor
    norm = float(np.linalg.norm(tensor)) or 1.0
    factors, error = [first] * 3, np.inf
    for number in range(1, settings["max_iterations"] + 1):
        if number <= orthogonal:
            factors = [np.linalg.qr(factor)[0] for factor in factors]
        before, last = factors, error
        factors, error = improve(unfolded, before, norm)
        longer = [old + number ** (1 / 3) * (new - old) for old, new in zip(before, factors, strict=True)]
        if number > orthogonal and (reached := error_of(unfolded, longer, norm)) < error:
            factors, error = longer, reached
        if number > orthogonal and abs(last - error) < settings["tol"]:
            log.info("Converged to local minimum in %d iterations.", number)
            break
    log.info("[CPDecomp] iter=%d, error=%.12g", number, error)
    return Components(factors[0] / np.linalg.norm(factors[0], axis=0), error)


def improve(unfolded: np.ndarray, factors: list[np.ndarray], norm: float) -> tuple[list[np.ndarray], float]:
    """Each factor in turn the least-squares answer to the other two; the first two with columns of length 1."""
    factors = list(factors)
    for side in range(3):
        left, right = (factors[other] for other in range(3) if other != side)
        gram, products = contract(unfolded, left, right)
        gram += RIDGE * np.trace(gram) * np.eye(len(gram))
        factor = np.linalg.solve(gram, products.T).T
        factors[side] = factor if side == 2 else factor / np.maximum(np.linalg.norm(factor, axis=0), 1e-300)
    return factors, rest(factors[2], gram, products, norm)


def error_of(unfolded: np.ndarray, factors: list[np.ndarray], norm: float) -> float:
    """The norm of what the factors leave of the tensor, as a share of its own."""
    return rest(factors[2], *contract(unfolded, factors[0], factors[1]), norm)


def contract(unfolded: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The normal equations of the third factor, both (k, k): P'P and T P, where the columns of P, (k^2, k), are the
    Kronecker products of left's with right's (Khatri-Rao)."""
    pairs = (left[:, None] * right[None]).reshape(-1, left.shape[1])
    return (left.T @ left) * (right.T @ right), unfolded @ pairs


def rest(factor: np.ndarray, gram: np.ndarray, products: np.ndarray, norm: float) -> float:
    """|T - F P'| / |T|, from |T|^2 - 2 <T P, F> + <F P'P, F>."""
    squared = norm**2 - 2 * float((products * factor).sum()) + float((factor @ gram * factor).sum())
    return float(np.sqrt(max(squared, 0.0))) / norm
