"""What every reader yields: a batch of rows, dense or sparse, with labels where the data has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from clary.errors import ClientError

MOST_COLUMNS = 2**31 - 1
"""Keys and widths beyond it are mistakes."""


class Source(NamedTuple):
    """A file or a pipe that can be opened; `name` is what errors show."""

    name: str
    open: Callable[[], BinaryIO]


@dataclass(slots=True)
class Sparse:
    """Rows of mostly zeros, compressed (CSR).

    indptr: (n + 1,) int64, row i owns `indices[indptr[i]:indptr[i + 1]]`
    indices: (nnz,) int64, columns, 0-based
    values: (nnz,) float32 (float64 where asked for)
    width: number of columns
    exact: False where the format names no width (libsvm, recordIO without `shape`): then `width` is the highest
        column of these rows plus one, and a later batch may be wider.
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    width: int
    exact: bool = True

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.indptr) - 1

    def dense(self, width: int | None = None) -> np.ndarray:
        """The same rows as an array of shape (n, width); a column that is named twice keeps the last value."""
        out = np.zeros((self.rows, self.width if width is None else width), self.values.dtype)
        out[np.repeat(np.arange(self.rows), np.diff(self.indptr)), self.indices] = self.values
        return out

    def matrix(self, width: int) -> Any:
        """The same rows as scipy's csr_matrix, (n, width), without a copy."""
        from scipy.sparse import csr_matrix

        return csr_matrix((self.values, self.indices, self.indptr), shape=(self.rows, width))

    def slice(self, start: int, stop: int) -> Sparse:
        """Rows `start` to `stop`."""
        low, high = self.indptr[start], self.indptr[stop]
        return Sparse(
            self.indptr[start : stop + 1] - low, self.indices[low:high], self.values[low:high], self.width, self.exact
        )


@dataclass(slots=True)
class Batch:
    """Rows in the order of the file.

    features: (n, d) float32, or Sparse; (n, d) of str objects where rows of text were asked for
    labels: (n,) or (n, m) float32, None where the data has none
    weights: (n,) float32, None where the data has none
    groups: (n,) int64, libsvm's qid, None where the data has none
    source, first_row: the file of the rows ("" for none, or several) and the place in it of the first one, from 1
    """

    features: np.ndarray | Sparse
    labels: np.ndarray | None = None
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    source: str = ""
    first_row: int = 1

    def __len__(self) -> int:
        return self.features.rows if isinstance(self.features, Sparse) else len(self.features)

    @property
    def width(self) -> int:
        """The number of columns."""
        return self.features.width if isinstance(self.features, Sparse) else int(self.features.shape[1])

    def check_width(self, feature_dim: int) -> None:
        """Raise ClientError, naming the file, unless the rows are that wide; they may be narrower where not `exact`."""
        exact = not isinstance(self.features, Sparse) or self.features.exact
        if self.width == feature_dim or (self.width < feature_dim and not exact):
            return
        problem = f"{self.place()}feature_dim is {feature_dim}, but the data has {self.width} columns"
        if self.labels is not None and self.width == feature_dim - 1:
            problem += (
                " and a label, which doesn't count. CSV without labels is of the content type text/csv;label_size=0"
            )
        raise ClientError(problem)

    def single_labels(self) -> np.ndarray:
        """The labels, (n,); ClientError, naming the file, unless each row has one."""
        if self.labels is None:
            raise ClientError(
                f"{self.place()}the rows have no labels: in CSV the first column is the label, and the content type "
                "doesn't say label_size=0; in recordIO it is the label's 'values'"
            )
        if self.labels.size != len(self):
            raise ClientError(f"{self.place()}the rows have {self.labels.shape[1]} labels each; one is needed")
        return self.labels.reshape(-1)

    def place(self, row: int | None = None) -> str:
        """The beginning of a sentence about the batch, or one row of it: `train/part-0: row 7: `; "" without a file."""
        if not self.source:
            return ""
        return f"{self.source}: " if row is None else f"{self.source}: row {self.first_row + row}: "

    def slice(self, start: int, stop: int) -> Batch:
        """Rows `start` to `stop`, without a copy where they are dense."""
        features = self.features
        labels, weights, groups = (
            None if part is None else part[start:stop] for part in (self.labels, self.weights, self.groups)
        )
        return Batch(
            features.slice(start, stop) if isinstance(features, Sparse) else features[start:stop],
            labels,
            weights,
            groups,
            self.source,
            self.first_row + start,
        )


def cast(values: Any, dtype: type | str) -> np.ndarray:
    """Numbers as an array of a type; what doesn't fit becomes infinite, which the check of all rows refuses."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values).astype(dtype, copy=False)


def concatenate(batches: Sequence[Batch]) -> Batch:
    """One batch of all rows; a mixture of dense and sparse becomes dense."""
    if len(batches) == 1:
        return batches[0]
    return Batch(
        _join_features([batch.features for batch in batches]),
        _join([batch.labels for batch in batches]),
        _join([batch.weights for batch in batches]),
        _join([batch.groups for batch in batches]),
        batches[0].source if len({batch.source for batch in batches}) == 1 else "",
        batches[0].first_row,
    )


def _join(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    present = [part for part in parts if part is not None]
    return np.concatenate(present) if present else None


def _join_features(parts: Sequence[np.ndarray | Sparse]) -> np.ndarray | Sparse:
    sparse = [part for part in parts if isinstance(part, Sparse)]
    if len(sparse) == len(parts):
        lengths = np.concatenate([np.diff(part.indptr) for part in sparse])
        return Sparse(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([part.indices for part in sparse]),
            np.concatenate([part.values for part in sparse]),
            max(part.width for part in sparse),
            all(part.exact for part in sparse),
        )
    width = max(part.width if isinstance(part, Sparse) else part.shape[1] for part in parts)
    return np.concatenate([part.dense(width) if isinstance(part, Sparse) else part for part in parts])


class ReadOptions(NamedTuple):
    """What the caller of `read_batches` asked for, as the readers of text and tables need it."""

    label_columns: int = 0
    """How many of the first columns are labels."""
    weights: bool = False
    """Whether the column after the labels is each row's weight."""
    delimiters: str = ","
    """The marks that may separate CSV's columns; the first that the first line has does."""
    dtype: type = np.float32
    float32_only: bool = False
    """Whether recordIO's other number types are refused as features."""

    @property
    def leading_columns(self) -> int:
        """How many columns come before the features."""
        return self.label_columns + self.weights
