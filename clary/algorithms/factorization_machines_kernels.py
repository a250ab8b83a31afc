"""The arithmetic of factorization machines over compressed rows, compiled: scores, and Adam's steps over mini-batches.

Nothing here is ever as large as the rows would be if they were dense. Every result is the same whatever the number of
threads: a step first scores its rows, each alone; then, with the mini-batch's entries in the order of their columns, it
moves each column's weights, again alone, by the sum over the column's rows. Inputs are trusted, but for `as_rows`.
"""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call, assignment"

from typing import NamedTuple

import numba
import numpy as np

from clary.formats import Batch, Sparse

BETA1, BETA2 = 0.9, 0.999
BUCKET_BITS = 11
"""Of a column's number, so many are sorted at once: the counts stay in the processor's nearest cache."""
SHARE = 64
"""Neighbours, rows or columns, that one thread takes: threads that write to the same lines of memory wait."""
OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}
"""Sums may be regrouped, so that loops become vector instructions; NaN and infinity keep their meaning."""


class Weights(NamedTuple):
    """The model's weights with Adam's two moments of each, float32.

    bias (3,): the weight, its mean gradient, its mean squared gradient
    table (d, 1 + k): of each column the linear term, then the factors; moments (d, 2, 1 + k)
    """

    bias: np.ndarray
    table: np.ndarray
    moments: np.ndarray


class Rows(NamedTuple):
    """Rows, compressed: row i owns the entries indptr[i] to indptr[i + 1]; int64, int64 and float32."""

    indptr: np.ndarray
    columns: np.ndarray
    values: np.ndarray


class Steps(NamedTuple):
    """What Adam's steps follow; rates and decays are (3,) float64, of bias, linear terms and factors.

    size: rows of a mini-batch
    scale: what a mini-batch's sum of gradients is multiplied with; 0: one over its rows
    clip: the bound of each gradient, infinity for none
    epsilon: what is added to the root of the mean squared gradient
    """

    size: int
    rates: np.ndarray
    decays: np.ndarray
    scale: float
    clip: float
    epsilon: float


def as_compiled(numbers: np.ndarray) -> np.ndarray:
    """An array as the kernels are compiled for: in a row and writable, a copy where it isn't."""
    return np.require(numbers, requirements=["C", "W"])


def as_rows(batch: Batch, width: int) -> Rows:
    """Features as the kernels take them, zeros of dense ones left out; ClientError unless they are `width` wide."""
    batch.check_width(width)
    features = batch.features
    if isinstance(features, Sparse):
        return Rows(*map(as_compiled, (features.indptr, features.indices, features.values)))
    present = features != 0
    indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(present, axis=1))])
    return Rows(*map(as_compiled, (indptr, np.nonzero(present)[1], features[present])))


class Turned(NamedTuple):
    """The entries of mini-batches by column; of mini-batch b, columns[b, i] owns starts[b, i] to starts[b, i + 1] of
    owners[b] (their row in it) and values[b], in the order of the rows. It has counts[b] columns, which ascend."""

    counts: np.ndarray
    columns: np.ndarray
    starts: np.ndarray
    owners: np.ndarray
    values: np.ndarray


@numba.njit(**OPTIONS)
def score_row(rows, row, bias, table, sums):
    """w0 + sum_j w_j x_j + 1/2 sum_c (s_c^2 - sum_j (v_jc x_j)^2); leaves s_c = sum_j v_jc x_j in sums[c].

    c is from 1, where a column's factors begin.
    """
    width, linear, squares, total = len(sums), np.float32(0), np.float32(0), np.float32(0)
    for place in range(width):
        sums[place] = 0
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        column, x = rows.columns[entry], rows.values[entry]
        linear += table[column, 0] * x
        for place in range(1, width):
            product = table[column, place] * x
            sums[place] += product
            squares += product * product
    for place in range(1, width):
        total += sums[place] * sums[place]
    return bias + linear + np.float32(0.5) * (total - squares)


@numba.njit(**OPTIONS)
def score(rows, bias, table):
    """The score of each row, (n,) float32, on one thread."""
    scores, sums = np.empty(len(rows.indptr) - 1, np.float32), np.empty(table.shape[1], np.float32)
    for row in range(len(scores)):
        scores[row] = score_row(rows, row, bias, table, sums)
    return scores


@numba.njit(**OPTIONS)
def turn(rows, first, last, bits, turned, batch):
    """Set `turned` for a mini-batch, the rows first to last; their columns have so many bits. A radix sort."""
    begin = rows.indptr[first]
    count = rows.indptr[last] - begin
    keys, spare, owner = np.empty(count, np.uint64), np.empty(count, np.uint64), np.empty(count, np.int32)
    for row in range(first, last):
        for entry in range(rows.indptr[row] - begin, rows.indptr[row + 1] - begin):
            owner[entry] = row - first
            keys[entry] = (np.uint64(rows.columns[begin + entry]) << np.uint64(32)) | np.uint64(entry)
    places = np.empty(1 << BUCKET_BITS, np.int64)
    for shift in range(32, 32 + bits, BUCKET_BITS):
        places[:] = 0
        for key in keys:
            places[(key >> np.uint64(shift)) & np.uint64(len(places) - 1)] += 1
        total = 0
        for bucket in range(len(places)):
            places[bucket], total = total, total + places[bucket]
        for key in keys:
            bucket = (key >> np.uint64(shift)) & np.uint64(len(places) - 1)
            spare[places[bucket]] = key
            places[bucket] += 1
        keys, spare = spare, keys
    found = 0
    for place in range(count):
        column, entry = np.int64(keys[place] >> np.uint64(32)), np.int64(keys[place] & np.uint64(0xFFFFFFFF))
        turned.owners[batch, place], turned.values[batch, place] = owner[entry], rows.values[begin + entry]
        if not found or turned.columns[batch, found - 1] != column:
            turned.columns[batch, found], turned.starts[batch, found] = column, place
            found += 1
    turned.starts[batch, found] = count
    turned.counts[batch] = found


@numba.njit(parallel=True, **OPTIONS)
def turn_all(rows, size, bits):
    """Every mini-batch's entries by column."""
    count = len(rows.indptr) - 1
    batches = -(-count // size)
    most = 0
    for first in range(0, count, size):
        most = max(most, rows.indptr[min(count, first + size)] - rows.indptr[first])
    counts, columns, starts = (
        np.empty(batches, np.int64),
        np.empty((batches, most), np.int64),
        np.empty((batches, most + 1), np.int64),
    )
    turned = Turned(counts, columns, starts, np.empty((batches, most), np.int32), np.empty((batches, most), np.float32))
    for batch in numba.prange(batches):
        turn(rows, batch * size, min(count, batch * size + size), bits, turned, batch)
    return turned


@numba.njit(inline="always", **OPTIONS)
def adam(weight, mean, square, gradient, rate, decay, clip, epsilon):
    """One of Adam's steps: the weight and its moments after it."""
    gradient += decay * weight
    gradient = clip if gradient > clip else -clip if gradient < -clip else gradient
    mean = np.float32(BETA1) * mean + np.float32(1 - BETA1) * gradient
    square = np.float32(BETA2) * square + np.float32(1 - BETA2) * gradient * gradient
    return weight - rate * mean / (np.sqrt(square) + epsilon), mean, square


@numba.njit(**OPTIONS)
def gather(turned, batch, place, errors, sums, gradient):
    """What a column's entries in the mini-batch say: sum e x, sum e x^2, and in `gradient` sum e x s, (1 + k,)."""
    slope, bend = np.float32(0), np.float32(0)
    for lane in range(len(gradient)):
        gradient[lane] = 0
    for entry in range(turned.starts[batch, place], turned.starts[batch, place + 1]):
        row, x = turned.owners[batch, entry], turned.values[batch, entry]
        weight = errors[row] * x
        slope += weight
        bend += weight * x
        for lane in range(len(gradient)):
            gradient[lane] += weight * sums[row, lane]
    return slope, bend


@numba.njit(**OPTIONS)
def move_column(table, moments, column, gradient, slope, bend, rates, decays, scale, clip, epsilon):
    """Move a column's weights by what `gather` found.

    d score / d w_j = x_j and d score / d v_jc = x_j (s_c - v_jc x_j), so with e a row's error the sums of the
    gradients are sum e x_j, and sum e x_j s_c - v_jc sum e x_j^2.
    """
    linear, mean, square = table[column, 0], moments[column, 0, 0], moments[column, 1, 0]
    linear, mean, square = adam(linear, mean, square, scale * slope, rates[1], decays[1], clip, epsilon)
    rate, decay = rates[2], decays[2]
    for lane in range(len(gradient)):  # the linear term too, which is overwritten: a whole number of vectors
        table[column, lane], moments[column, 0, lane], moments[column, 1, lane] = adam(
            table[column, lane],
            moments[column, 0, lane],
            moments[column, 1, lane],
            scale * (gradient[lane] - bend * table[column, lane]),
            rate,
            decay,
            clip,
            epsilon,
        )
    table[column, 0], moments[column, 0, 0], moments[column, 1, 0] = linear, mean, square


@numba.njit(**OPTIONS)
def add_up(numbers, count):
    """The sum of the first numbers."""
    total = np.float32(0)
    for place in range(count):
        total += numbers[place]
    return total


@numba.njit(parallel=True, **OPTIONS)
def learn(weights, rows, turned, labels, logistic, steps, done, threads):
    """Adam's steps over mini-batches, after `done` steps before; gives the rows' scores, each from before the step
    that its row takes part in: (n,) float32."""
    count, size, width = len(labels), steps.size, weights.table.shape[1]
    batches = -(-count // size)
    scores, errors = np.empty(count, np.float32), np.empty(min(size, count), np.float32)
    sums = np.empty((min(size, count), width), np.float32)
    decays = steps.decays.astype(np.float32)
    clip, epsilon = np.float32(steps.clip), np.float32(steps.epsilon)
    bias, table, moments = weights
    for batch in range(batches):
        first, last = batch * size, min(count, batch * size + size)
        for thread in numba.prange(threads):
            for start in range(first + thread * SHARE, last, threads * SHARE):
                for row in range(start, min(start + SHARE, last)):
                    raw = score_row(rows, row, bias[0], table, sums[row - first])
                    guess = np.float32(1 / (1 + np.exp(-raw))) if logistic else raw
                    scores[row], errors[row - first] = raw, guess - labels[row]
        step = done + batch + 1
        rates = (steps.rates * np.sqrt(1 - BETA2**step) / (1 - BETA1**step)).astype(np.float32)
        scale = np.float32(steps.scale if steps.scale else 1 / (last - first))
        pull = scale * add_up(errors, last - first)
        bias[0], bias[1], bias[2] = adam(bias[0], bias[1], bias[2], pull, rates[0], decays[0], clip, epsilon)
        for thread in numba.prange(threads):
            gradient = np.empty(width, np.float32)
            for start in range(thread * SHARE, turned.counts[batch], threads * SHARE):
                for place in range(start, min(start + SHARE, turned.counts[batch])):
                    slope, bend = gather(turned, batch, place, errors, sums, gradient)
                    column = turned.columns[batch, place]
                    move_column(table, moments, column, gradient, slope, bend, rates, decays, scale, clip, epsilon)
    return scores


def compile_kernels() -> None:
    """Compile the kernels, or find them compiled."""
    rows = Rows(np.array([0, 1]), np.zeros(1, np.int64), np.ones(1, np.float32))
    weights = Weights(np.zeros(3, np.float32), np.zeros((1, 2), np.float32), np.zeros((1, 2, 2), np.float32))
    steps = Steps(1, np.ones(3), np.ones(3), 0.0, 1.0, 1.0)
    learn(weights, rows, turn_all(rows, 1, 1), np.zeros(1, np.float32), True, steps, 0, 1)
    score(rows, weights.bias[0], weights.table)
