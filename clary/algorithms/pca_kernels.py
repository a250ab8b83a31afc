"""The arithmetic of PCA: what a stream of rows is summed up in, and the principal components of the sum.

Everything rests on one matrix, the scatter S = sum (x - m)^T (x - m) of rows x, (1, d), about their mean m. Its
eigenvectors are the components; its eigenvalues are the squares of the singular values of the centred data. S is a sum
over rows, so that batches and hosts are added up; and so is S T for a fixed matrix T, which is smaller.

The products are float64: 48 bits hold the product of two float32 exactly, and what is lost to the sums is far below
what the data itself rounds off. Inputs are trusted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

DENSE_ABOVE = 0.02
"""The share of non-zeros from which on BLAS is faster on the zeros than scipy is on the rest."""


class Components(NamedTuple):
    """Singular values, (k,) ascending, and their right singular vectors as columns, (d, k); float64."""

    values: np.ndarray
    vectors: np.ndarray


class Scatter:
    """The rows' count and mean, and S itself, or S T where `test` is a matrix T, (d, l)."""

    def __init__(self, width: int, *, centred: bool = True, test: np.ndarray | None = None) -> None:
        self.centred, self.test = centred, test
        self.rows = 0
        self.total = 0.0
        """The trace of S: the sum of the squared distances to the mean."""
        self.shift: np.ndarray | None = None
        self.sum = np.zeros(width)
        self.matrix = np.zeros((width, width), order="F") if test is None else np.zeros_like(test)
        """S T, or S, of which only the upper triangle is kept, in the order that BLAS updates in place."""

    def add(self, rows: Any) -> None:
        """Count in rows, an array or scipy's CSR matrix, (n, d).

        Rows far from the origin would lose their digits in S = sum x^T x - n m^T m. So every row is taken less a fixed
        shift, the mean of the first batch: of b rows it is less than sqrt(n / b) standard deviations from m, and the
        subtraction at the end costs at most the digits of n / b. Sparse rows stay as they are, around the origin.
        """
        if self.shift is None:
            dense = isinstance(rows, np.ndarray) and self.centred
            self.shift = rows.mean(axis=0, dtype=np.float64) if dense else np.zeros(len(self.sum))
        sparse = not isinstance(rows, np.ndarray)
        if sparse and (self.shift.any() or (self.test is None and rows.nnz > DENSE_ABOVE * np.prod(rows.shape))):
            rows, sparse = rows.toarray(), False
        self.rows += rows.shape[0]
        if sparse:
            self._add_sparse(rows.astype(np.float64))
        else:
            moved = np.subtract(rows, self.shift, dtype=np.float64)
            self.sum += moved.sum(axis=0)
            self._add_products(moved)

    def centre(self) -> None:
        """Move S from the shift to the mean: sum (x - c)^T (x - c) = S + n (m - c)^T (m - c)."""
        if self.centred and self.rows:
            self._add_products(self.sum[None] / self.rows, -self.rows)

    @property
    def mean(self) -> np.ndarray:
        """The mean, (d,); zero where the rows aren't centred."""
        if not (self.centred and self.rows and self.shift is not None):
            return np.zeros(len(self.sum))
        return np.asarray(self.shift + self.sum / self.rows)

    def components(self, count: int) -> Components:
        """The `count` components of the largest singular values; after `centre`."""
        found = largest_of(self.matrix, count) if self.test is None else nystrom(self.matrix, self.test, count)
        # A component and its negative are as good: the entry of the largest magnitude shall be positive.
        strongest = np.take_along_axis(found.vectors, np.abs(found.vectors).argmax(axis=0)[None], axis=0)
        return Components(found.values, found.vectors * np.where(strongest < 0, -1, 1))

    def _add_products(self, rows: np.ndarray, weight: float = 1.0) -> None:
        """weight * sum x^T x, or that times T, for rows as they are."""
        self.total += weight * float(np.vdot(rows, rows))
        if self.test is not None:
            self.matrix += weight * (rows.T @ (rows @ self.test))
            return
        from scipy.linalg.blas import dsyrk

        self.matrix = dsyrk(weight, rows.T, 1.0, self.matrix, overwrite_c=True)

    def _add_sparse(self, rows: Any) -> None:
        """The same for sparse rows, whose shift is 0, at a cost that depends on the columns that they use."""
        self.sum += np.asarray(rows.sum(axis=0)).reshape(-1)
        self.total += float(np.vdot(rows.data, rows.data))
        if self.test is None:
            products = (rows.T @ rows).tocoo()
            self.matrix[products.row, products.col] += products.data
        else:
            used = np.flatnonzero(rows.getnnz(axis=0))
            part = rows[:, used]
            self.matrix[used] += part.T @ (part @ self.test[used])


def join(parts: list[tuple[np.ndarray, ...]], centred: bool, test: np.ndarray | None) -> Scatter:
    """The scatter of all rows from hosts' (rows, mean, total, matrix), each centred on its own mean.

    S = sum over hosts of S_h + n_h (m_h - m)^T (m_h - m)   (Chan, Golub and LeVeque, 1979)
    """
    whole = Scatter(len(parts[0][1]), centred=centred, test=test)
    whole.shift = np.zeros(len(whole.sum))
    for rows, mean, total, matrix in parts:
        whole.rows += int(rows)
        whole.sum += rows * mean
        whole.total += float(total)
        whole.matrix += matrix
    if centred:
        for rows, mean, _, _ in parts:
            whole._add_products(mean[None] - whole.mean, float(rows))
    return whole


def random_test_matrix(width: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """T, (width, count): orthonormal columns in random directions."""
    matrix: np.ndarray = np.linalg.qr(rng.standard_normal((width, count)))[0]
    return matrix


def largest_of(scatter: np.ndarray, count: int) -> Components:
    """The components of S, (d, d), of which the upper triangle is looked at."""
    from scipy.linalg import eigh

    width = len(scatter)
    values, vectors = eigh(scatter, lower=False, subset_by_index=[width - count, width - 1])
    return Components(np.sqrt(np.maximum(values, 0)), vectors)


def nystrom(image: np.ndarray, test: np.ndarray, count: int) -> Components:
    """The components of S from Y = S T, (d, l): those of Nystrom's approximation Y (T^T Y)^-1 Y^T.

    It agrees with S on the space that T spans, and is exact where S has no more than l dimensions. Written as F F^T
    with F = Y (T^T Y)^(-1/2), its eigenvectors are the left singular vectors of F. Directions of T in which S vanishes
    are left out of the root.
    """
    core = test.T @ image
    values, turn = np.linalg.eigh((core + core.T) / 2)
    some = values > len(image) * np.finfo(float).eps * max(values[-1], 0)
    root = image @ (turn * np.where(some, 1 / np.sqrt(np.where(some, values, 1)), 0))
    left, singular, _ = np.linalg.svd(root, full_matrices=False)
    return Components(singular[:count][::-1], left[:, :count][:, ::-1])
