"""Linear Learner's view of the first rows: means and deviations of columns and labels, and how often each class is.

Statistics of parts (batches, hosts) join exactly: with mean m, sum of squared deviations q and count n of each part,
n = n1 + n2, d = m2 - m1: m = m1 + d n2 / n, q = q1 + q2 + d^2 n1 n2 / n (Chan, Golub and LeVeque, 1979). Where only raw
sums of squares were kept, columns far from 0 would lose their digits.

Sparse rows are never shifted: they would no longer be sparse, and the bias takes the means' part. What they are divided
by is the root mean square of a column's non-zero numbers: a deviation that counts the zeros makes rare columns huge.
(Bags of words of 5,485 news items, 8 classes: 0.948 right that way, 0.933 with deviations.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clary.errors import ClientError
from clary.formats import Batch, Sparse

SAMPLE_BYTES = 64 << 20
"""Of wide dense rows fewer than num_point_for_scaler are looked at: what fits here."""
FAR = 100
"""Deviations from 0 beyond which rows are shifted before anything else."""
CHUNK = 1024
"""Rows whose squares are summed in float32."""


@dataclass(slots=True)
class Moments:
    """By column, (d,) float64: how many numbers count, their means and summed squared deviations."""

    counts: np.ndarray
    means: np.ndarray
    squares: np.ndarray

    @classmethod
    def none(cls, width: int) -> Moments:
        """Of no rows."""
        return cls(np.zeros(width), np.zeros(width), np.zeros(width))

    def join(self, other: Moments) -> Moments:
        """The moments of both parts together."""
        if not self.counts.any() or not other.counts.any():
            return self if self.counts.any() else other
        counts, gap = self.counts + other.counts, other.means - self.means
        share = other.counts / np.maximum(counts, 1)
        return Moments(counts, self.means + gap * share, self.squares + other.squares + gap * gap * self.counts * share)

    @property
    def deviations(self) -> np.ndarray:
        """(d,); 1 for a column that doesn't vary."""
        found = np.sqrt(self.squares / np.maximum(self.counts, 1))
        return np.where(found > 1e-7 * np.abs(self.means), found, 1.0)


def moments(features: np.ndarray | Sparse, width: int) -> Moments:
    """The moments of rows that are `width` wide; of sparse ones those about 0 of the non-zero numbers."""
    if isinstance(features, Sparse):
        squares = np.bincount(features.indices, features.values.astype(np.float64) ** 2, width)
        return Moments(np.bincount(features.indices, features.values != 0, width), np.zeros(width), squares)
    found = Moments.none(width)
    for start in range(0, len(features), CHUNK):
        part = features[start : start + CHUNK]
        means = part.mean(axis=0, dtype=np.float64)
        near = means.astype(np.float32)
        gaps = part - near  # small numbers: their squares keep their digits in float32
        squares = np.einsum("ij,ij->j", gaps, gaps) - len(part) * (means - near) ** 2
        found = found.join(Moments(np.full(width, float(len(part))), means, np.maximum(squares, 0)))
    return found


def take_sample(batches: Iterator[Batch], rows: int) -> tuple[list[Batch], list[Batch]]:
    """Read on until `rows` are there or SAMPLE_BYTES: the batches that were read, and the sample that they hold."""
    read: list[Batch] = []
    sample: list[Batch] = []
    missing, size = rows, 0
    for batch in batches:
        read.append(batch)
        part = batch.slice(0, min(missing, len(batch)))
        sample.append(part)
        missing -= len(part)
        size += part.features.values.nbytes if isinstance(part.features, Sparse) else part.features.nbytes
        if missing <= 0 or size >= SAMPLE_BYTES:
            break
    return read, sample


class Scaler:
    """x -> (x - means) / deviations, and the same for a regressor's labels.

    Rows are not changed: w . (x - m) / s is (w / s) . x - w . (m / s). But where a mean is so many deviations away from
    0 that float32 would lose the difference, rows are shifted first.

    means: (d,), or None where columns aren't shifted
    deviations: (d,), ones where columns aren't scaled
    """

    def __init__(
        self, means: np.ndarray | None, deviations: np.ndarray, label_mean: float = 0.0, label_deviation: float = 1.0
    ) -> None:
        self.means, self.deviations = means, deviations
        self.label_mean, self.label_deviation = label_mean, label_deviation
        self.factors = (1 / deviations).astype(np.float32)[:, None]
        """1 / deviations, (d, 1)."""
        self.offsets: np.ndarray | None = None
        """means / deviations, (d, 1), where models take this off; None where nothing is left to take off."""
        self.shift: np.ndarray | None = None
        """(d,) what is taken off the rows."""
        if means is not None and (np.abs(means) > FAR * deviations).any():
            self.shift = means.astype(np.float32)
        elif means is not None:
            self.offsets = (means / deviations).astype(np.float32)[:, None]

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.deviations)

    def unscale(self, weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (d, k) and bias (k,) for scaled rows and labels -> those for rows and labels as they come, float64:
        w' = w s / deviations, b' = (b - w . means / deviations) s + label_mean, s the label's deviation."""
        raw = weights / self.deviations[:, None]
        moved = bias.astype(np.float64)
        if self.means is not None:
            moved -= (self.means if self.shift is None else self.shift.astype(np.float64)) @ raw
        return raw * self.label_deviation, moved * self.label_deviation + self.label_mean


def scaler_of(columns: Moments, labels: Moments, settings: Mapping[str, Any], sparse: bool) -> Scaler:
    """The scaler that the settings (without `auto`) ask for."""
    shift = settings["unbias_data"] and not sparse
    return Scaler(
        columns.means if shift else None,
        columns.deviations if settings["normalize_data"] else np.ones_like(columns.means),
        float(labels.means[0]) if settings["unbias_label"] else 0.0,
        float(labels.deviations[0]) if settings["normalize_label"] else 1.0,
    )


def width_of(sample: Sequence[Batch], given: int | str) -> int:
    """The number of columns: as given, else of the sample's widest row; 0 where there are no rows."""
    return given if isinstance(given, int) else max((batch.width for batch in sample), default=0)


def check_width(batch: Batch, width: int, given: int | str) -> None:
    """Raise ClientError unless the rows are `width` wide; sparse rows that name no width may be narrower."""
    if given == "auto" and batch.width > width:
        raise ClientError(
            f"{batch.place()}the data has {batch.width} columns, its first rows have {width}: set the hyperparameter "
            "feature_dim"
        )
    batch.check_width(width)
