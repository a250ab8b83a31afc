"""The work on random cut trees: building, scoring, inserting and deleting points. Inputs are trusted.

Kernels hold no lock and start no thread; `build` hands trees and `score` blocks of rows to as many threads as numba
may use.
"""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call, no-any-return, assignment"

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.extending import intrinsic

from clary.algorithms.randomcutforest_trees import FREE, Trees, make_room

BLOCK = 1024
"""Rows that pass a tree before the next tree has its turn: they and its boxes stay in a core's own cache."""
WORTH_THREADS = 1 << 20
"""Numbers to be looked at, below which more threads cost more than they bring."""
REQUIRED: tuple[Literal["C"], Literal["W"]] = ("C", "W")
"""Of all arrays: to numba another layout, or one that may not be written to, is another type to compile for."""
LANES = 8
VECTOR = ir.VectorType(ir.FloatType(), LANES)
OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


def build(points: np.ndarray, rng: np.random.Generator) -> Trees:
    """A tree of each sample of points, (T, size, d) float32."""
    trees = make_room(*points.shape)._replace(points=np.require(points, requirements=REQUIRED))
    chances = rng.random(trees.spans.shape)
    _in_parts(lambda tree: _grow(trees, tree.start, chances[tree.start]), len(points), 1, points.size)
    return trees


def score(trees: Trees, rows: np.ndarray) -> np.ndarray:
    """The mean over the trees of each row's anomaly score, (n,) float64; rows (n, d) float32."""
    rows = np.require(rows, requirements=REQUIRED)
    out = np.zeros(len(rows))
    _in_parts(lambda part: _score(trees, rows[part], out[part]), len(rows), BLOCK, rows.size * len(trees.roots))
    return out


def _in_parts(work: Callable[[slice], None], count: int, step: int, numbers: int) -> None:
    """Do `count` things, `step` at a time, on all threads where there are enough numbers to make them worth it."""
    parts = [slice(start, start + step) for start in range(0, count, step)]
    threads = min(numba.config.NUMBA_NUM_THREADS, len(parts)) if numbers >= WORTH_THREADS else 1
    if threads > 1:
        with ThreadPoolExecutor(threads, "trees") as pool:
            list(pool.map(work, parts))
    else:
        for part in parts:
            work(part)


def compile_kernels() -> None:
    """Run each kernel once, so that it is compiled."""
    points = np.array([[[0], [1]]], np.float32)
    score(build(points, np.random.default_rng(0)), points[0])


@numba.njit(**OPTIONS)
def _grow(trees: Trees, tree: int, chances: np.ndarray) -> None:
    """Cut a tree's points until each stands alone: parents come before their children, left ones first."""
    points, counts = trees.points[tree], trees.counts[tree]
    size = len(points)
    order = np.empty(size, np.int64)
    for place in range(size):
        order[place] = place
    waiting = np.empty((size, 3), np.int64)  # start and end of a group in `order`, and the link that will lead to it
    box = np.empty((2, points.shape[1]), np.float32)
    groups, node = _push(waiting, 0, 0, size, FREE), 0
    while groups:
        groups -= 1
        start, end, link = waiting[groups, 0], waiting[groups, 1], waiting[groups, 2]
        group = order[start:end]
        _enclose(points, group, box)
        span = measure(box)
        if span == 0.0:
            counts[group[0]] = end - start
            link_to(trees, tree, link, ~group[0])
            continue
        column, cut = _choose_inside(box, chances[node] * span)
        trees.columns[tree, node], trees.cuts[tree, node], trees.spans[tree, node] = column, cut, span
        copy(box[0], trees.boxes[tree, node, 0])
        copy(box[1], trees.boxes[tree, node, 1])
        link_to(trees, tree, link, node)
        middle = start + _part(points, group, column, cut)
        groups = _push(waiting, groups, middle, end, 2 * node + 1)
        groups = _push(waiting, groups, start, middle, 2 * node)
        node += 1
    trees.masses[tree] = size


@numba.njit(**OPTIONS)
def _push(waiting: np.ndarray, groups: int, start: int, end: int, link: int) -> int:
    """Let one more group wait; how many there are then."""
    waiting[groups, 0], waiting[groups, 1], waiting[groups, 2] = start, end, link
    return groups + 1


@numba.njit(**OPTIONS)
def link_to(trees: Trees, tree: int, link: int, child: int) -> None:
    """Let a link, 2 x node + side or FREE for the root's, lead to a child."""
    if link == FREE:
        trees.roots[tree] = child
    else:
        trees.children[tree, link >> 1, link & 1] = child


@numba.njit(**OPTIONS, fastmath={"nnan", "nsz"})
def _enclose(points: np.ndarray, group: np.ndarray, box: np.ndarray) -> None:
    """Make a box that of a group's points."""
    copy(points[group[0]], box[0])
    copy(points[group[0]], box[1])
    for place in group:
        widen(box, points[place], points[place])


@numba.njit(**OPTIONS)
def copy(values: np.ndarray, target: np.ndarray) -> None:
    """Write (d,) numbers over others; to assign an array as a whole takes seconds to compile."""
    for column in range(len(values)):
        target[column] = values[column]


@numba.njit(**OPTIONS, fastmath={"nnan", "nsz"})
def widen(box: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Make a box hold another."""
    for column in range(len(low)):
        box[0, column] = min(box[0, column], low[column])
        box[1, column] = max(box[1, column], high[column])


@numba.njit(**OPTIONS)
def measure(box: np.ndarray) -> float:
    """The sum of a box's sides."""
    total = 0.0
    for column in range(box.shape[1]):
        total += np.float64(box[1, column]) - np.float64(box[0, column])
    return total


@numba.njit(**OPTIONS)
def _choose_inside(box: np.ndarray, place: float) -> tuple[int, np.float32]:
    """The column and cut at a place on the line of all sides laid end to end."""
    column = 0
    for other in range(box.shape[1]):
        side = np.float64(box[1, other]) - np.float64(box[0, other])
        if side > 0.0:
            column = other
            if place < side:
                break
            place -= side
    low, high = box[0, column], box[1, column]
    return column, between(low, high, place)


@numba.njit(**OPTIONS)
def between(low: np.float32, high: np.float32, offset: float) -> np.float32:
    """low + offset as a number that has `low` on its left and `high` on its right, whatever the rounding did."""
    cut = np.float32(np.float64(low) + offset)
    return cut if low <= cut < high else low


@numba.njit(**OPTIONS)
def _part(points: np.ndarray, group: np.ndarray, column: int, cut: np.float32) -> int:
    """Bring the points on the left of a cut to the front of a group; how many they are."""
    left, right = 0, len(group)
    while left < right:
        if points[group[left], column] <= cut:
            left += 1
        else:
            right -= 1
            group[left], group[right] = group[right], group[left]
    return left


@numba.njit(**OPTIONS, fastmath={"nnan", "nsz"})
def distance(box: np.ndarray, point: np.ndarray) -> np.float32:
    """How far a point lies outside a box, summed over the columns: max(low, x) - min(high, x), which is 0 within."""
    total = _sum_by_lanes(box, point)
    for column in range(len(point) // LANES * LANES, len(point)):
        total += max(box[0, column], point[column]) - min(box[1, column], point[column])
    return total


@intrinsic
def _sum_by_lanes(_context, box, point):
    """The loop of `distance`, LANES columns at a time, as far as these go: (2, d) and (d,) float32 -> float32.

    All time goes here, and what the compiler makes of the plain loop is for rows of hundreds of columns: at 48 it takes
    half as long again.
    """

    def generate(context, builder, signature, arguments):
        low, x = (
            context.make_array(kind)(context, builder, array)
            for kind, array in zip(signature.args, arguments, strict=True)
        )
        (width,) = cgutils.unpack_tuple(builder, x.shape)
        high, zeros = builder.gep(low.data, [width]), ir.Constant(VECTOR, [0.0] * LANES)
        total = cgutils.alloca_once_value(builder, zeros)

        def load(data, start):
            values = builder.load(builder.bitcast(builder.gep(data, [start]), VECTOR.as_pointer()))
            values.align = 4
            return values

        def choose(sign, left, right):
            return builder.select(builder.fcmp_ordered(sign, left, right), left, right)

        with cgutils.for_range(builder, builder.udiv(width, width.type(LANES))) as loop:
            start = builder.mul(loop.index, width.type(LANES))
            value = load(x.data, start)
            nearest = choose("<", load(high, start), value)
            outside = builder.fsub(choose(">", load(low.data, start), value), nearest)
            builder.store(builder.fadd(builder.load(total), outside), total)
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), VECTOR])
        add_up = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{LANES}f32")
        return builder.call(add_up, [ir.FloatType()(0.0), builder.load(total)], fastmath=("reassoc",))

    return numba.float32(box, point), generate


@numba.njit(**OPTIONS)
def _score(trees: Trees, rows: np.ndarray, out: np.ndarray) -> None:
    """Add the scores of a block of rows."""
    count, size = trees.counts.shape
    waiting, depths = np.empty((size, 3), np.int64), np.empty(size, np.int64)
    order, aside = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    reach, found, excess = np.empty(len(rows)), np.empty(len(rows)), np.empty(len(rows))
    for tree in range(count):
        _descend(trees, tree, rows, waiting, depths, excess, order, aside, reach, found)
        scale = math.log2(trees.masses[tree] + 1.0) / count
        for row in range(len(rows)):
            out[row] += scale * found[row]


@numba.njit(**OPTIONS)
def _descend(trees, tree, rows, waiting, depths, excess, order, aside, reach, found) -> None:
    """Find the rows' expected scores in a tree, over the cuts that their insertion would draw.

    The rows at a node are dealt with together. At a node with a box of span s, which is e short of holding a row, a
    cut parts the row from the node's points with the probability e / (s + e): the row then ends at this depth. Else,
    and `reach` is the odds of that, it goes on to the child on its side. `waiting` holds the groups that are to come:
    start and end in `order`, and the child, whose depth from 1 is in `depths`.
    """
    for row in range(len(rows)):
        order[row], reach[row], found[row] = row, 1.0, 0.0
    groups = _push(waiting, 0, 0, len(rows), trees.roots[tree])
    depths[0] = 1
    while groups:
        groups -= 1
        start, end, child, depth = waiting[groups, 0], waiting[groups, 1], waiting[groups, 2], depths[groups]
        if child < 0:
            _end(trees, tree, ~child, depth, rows, order[start:end], reach, found)
            continue
        box, span, share = trees.boxes[tree, child], trees.spans[tree, child], 1.0 / depth
        column, cut = trees.columns[tree, child], trees.cuts[tree, child]
        middle, right = start, 0
        for place in range(start, end):  # a loop of its own: the processor is at several rows at a time
            excess[place] = distance(box, rows[order[place]])
        for place in range(start, end):
            row = order[place]
            kept = reach[row] * (span / (span + excess[place]))
            found[row] += (reach[row] - kept) * share
            reach[row] = kept
            order[middle], aside[right] = row, row  # written twice and counted once: no branch to be guessed wrong
            goes_left = np.int64(rows[row, column] <= cut)
            middle += goes_left
            right += 1 - goes_left
        copy(aside[:right], order[middle:end])
        if middle < end:
            depths[groups] = depth + 1
            groups = _push(waiting, groups, middle, end, trees.children[tree, child, 1])
        if start < middle:
            depths[groups] = depth + 1
            groups = _push(waiting, groups, start, middle, trees.children[tree, child, 0])


@numba.njit(**OPTIONS)
def _end(trees, tree, leaf, depth, rows, group, reach, found) -> None:
    """The scores of the rows that came to a leaf: those that equal its points, and the rest."""
    count = trees.counts[tree, leaf]
    seen = (1.0 - 0.5 * count / trees.masses[tree]) / (depth - 1 + math.log2(count + 1.0))
    for row in group:
        if reach[row] == 1.0 and equal(trees.points[tree, leaf], rows[row]):
            found[row] = seen
        else:
            found[row] += reach[row] / depth


@numba.njit(**OPTIONS)
def equal(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two points are the same."""
    for column in range(len(left)):  # noqa: SIM110 - numba has no all() of a generator
        if left[column] != right[column]:
            return False
    return True
