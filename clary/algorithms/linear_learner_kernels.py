"""What numpy would take many passes over memory for, compiled: a step of all models, and the columns of sparse rows."""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"

import numba
import numpy as np

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
EPSILON = np.float32(1e-8)


@numba.njit(**OPTIONS)
def move(weights, gradient, columns, first, second, steps, rates, l1, wd, decays):
    """Move the rows `columns` of weights, (d, k) float32, against a gradient, (len(columns), k).

    All four optimisers are one rule. With the slope g, wd's part in it, direction u, size r:
        u = a u + b g, where u is kept in `first`; plain g where a is 0
        s = c s + e g^2, kept in `second`; r = rate / sqrt(s); r = rate where e is 0
        w = shrink(w - r u, r l1), shrink(v, t) = sign(v) max(0, |v| - t)
    decays: a, b, c, e, and whether u and s, which begin at 0, are divided by 1 - a^t and 1 - c^t (1 or 0)
    steps: (d,) how often each row was moved, t
    rates, l1, wd: (k,) float32
    """
    a, b, c, e = np.float32(decays[0]), np.float32(decays[1]), np.float32(decays[2]), np.float32(decays[3])
    correction, last = np.float32(1), 0
    for place in range(len(columns)):
        column = columns[place]
        steps[column] += 1
        if decays[4] and steps[column] != last:
            last = steps[column]
            correction = np.float32(np.sqrt(1 - decays[2] ** last) / (1 - decays[0] ** last))
        for score in range(weights.shape[1]):
            weight = weights[column, score]
            slope = gradient[place, score] + wd[score] * weight
            size = rates[score]
            if e > 0:
                second[column, score] = c * second[column, score] + e * slope * slope
                size = size * correction / (np.sqrt(second[column, score]) + EPSILON)
            if a > 0:
                slope = a * first[column, score] + b * slope
                first[column, score] = slope
            weight -= size * slope
            kept = max(abs(weight) - size * l1[score], np.float32(0))
            weights[column, score] = kept if weight > 0 else -kept


@numba.njit(**OPTIONS)
def number_columns(indices, places):
    """The columns that indices name, each once, and for each index its column's place among them.

    places: (d,) int32, all -1 before and after
    """
    columns, found, count = np.empty_like(indices), np.empty(len(indices), np.int32), 0
    for position in range(len(indices)):
        column = indices[position]
        if places[column] < 0:
            places[column] = count
            columns[count] = column
            count += 1
        found[position] = places[column]
    for place in range(count):
        places[columns[place]] = -1
    return columns[:count].copy(), found


def compile_kernels() -> None:
    """Compile the kernels, or find them compiled."""
    square, line = np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
    columns, _ = number_columns(np.zeros(1, np.int64), np.full(1, -1, np.int32))
    move(square, square, columns, square, square, np.zeros(1, np.int64), line, line, line, np.zeros(5))
