"""Inserting points into random cut trees and deleting them. Inputs are trusted.

Both leave a tree as if it had been built from its points at once: a new point is cut off at each node with the
probability that the cut of a larger box would have parted it from the node's points, and where a point goes, the cut
that stood for it alone goes too.

Paper: Guha, Mishra, Roy and Schrijvers, ICML 2016, theorems 1 and 2.
"""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, assignment, return-value, no-any-return"

import math

import numba
import numpy as np

from clary.algorithms.randomcutforest_kernels import OPTIONS, between, copy, distance, equal, link_to, measure, widen
from clary.algorithms.randomcutforest_trees import FREE, Trees, make_room


def compile_kernels() -> None:
    """Run each kernel once, so that it is compiled."""
    trees, keys, leaves = make_room(1, 2, 1), np.zeros((1, 2)), np.zeros((1, 2), np.int32)
    for number in range(9):
        update(trees, keys, leaves, np.array([number], np.float32), 1.0 * number, np.random.default_rng(0))


@numba.njit(**OPTIONS)
def update(trees: Trees, keys: np.ndarray, leaves: np.ndarray, point: np.ndarray, bonus: float, rng) -> None:
    """Offer a point to every tree's sample.

    A tree keeps the points with the least keys. ln(-ln u) of a uniform u, less the logarithm `bonus` of the point's
    weight, makes that a sample by weight without replacement (Efraimidis and Spirakis, 2006).

    keys, leaves: (T, size), the key of each point of a sample, and its leaf; the first `masses` of each are in use
    """
    size = keys.shape[1]
    for tree in range(len(keys)):
        key = math.log(-math.log(1.0 - rng.random())) - bonus
        place = trees.masses[tree]
        if place == size:
            place = np.argmax(keys[tree])
            if key >= keys[tree, place]:
                continue
            delete(trees, tree, leaves[tree, place])
        keys[tree, place] = key
        leaves[tree, place] = insert(trees, tree, point, rng)


@numba.njit(**OPTIONS)
def insert(trees: Trees, tree: int, point: np.ndarray, rng) -> int:
    """Add a point to a tree that has room; its leaf."""
    trees.masses[tree] += 1
    if trees.masses[tree] == 1:
        trees.roots[tree] = ~0
        trees.counts[tree, 0] = 1
        copy(point, trees.points[tree, 0])
        return 0
    link, child = FREE, np.int64(trees.roots[tree])
    while child >= 0:
        box = trees.boxes[tree, child]
        excess = np.float64(distance(box, point))
        place = rng.random() * (trees.spans[tree, child] + excess)
        if place < excess:
            return _cut_off(trees, tree, link, child, box, point, place)
        widen(box, point, point)
        trees.spans[tree, child] = measure(box)
        side = 0 if point[trees.columns[tree, child]] <= trees.cuts[tree, child] else 1
        link, child = 2 * child + side, np.int64(trees.children[tree, child, side])
    if equal(trees.points[tree, ~child], point):
        trees.counts[tree, ~child] += 1
        return ~child
    box = np.empty((2, len(point)), np.float32)
    copy(trees.points[tree, ~child], box[0])
    copy(trees.points[tree, ~child], box[1])
    return _cut_off(trees, tree, link, child, box, point, rng.random() * np.float64(distance(box, point)))


@numba.njit(**OPTIONS)
def _cut_off(trees: Trees, tree: int, link: int, child: int, box: np.ndarray, point: np.ndarray, place: float) -> int:
    """Put a node above a child, whose box is given, with the child on one side and the point on the other."""
    column, cut, below = _choose_outside(box, point, place)
    leaf, node = _first(trees.counts[tree], 0), _first(trees.columns[tree], FREE)
    copy(point, trees.points[tree, leaf])
    trees.counts[tree, leaf] = 1
    trees.columns[tree, node], trees.cuts[tree, node] = column, cut
    trees.children[tree, node, 0] = ~leaf if below else child
    trees.children[tree, node, 1] = child if below else ~leaf
    copy(box[0], trees.boxes[tree, node, 0])
    copy(box[1], trees.boxes[tree, node, 1])
    widen(trees.boxes[tree, node], point, point)
    trees.spans[tree, node] = measure(trees.boxes[tree, node])
    link_to(trees, tree, link, node)
    return leaf


@numba.njit(**OPTIONS)
def _choose_outside(box: np.ndarray, point: np.ndarray, place: float) -> tuple[int, np.float32, bool]:
    """The column and cut at a place on the line of all gaps between a box and a point, and whether that is below."""
    column = 0
    for other in range(len(point)):
        low, high, value = np.float64(box[0, other]), np.float64(box[1, other]), np.float64(point[other])
        gap = max(low - value, value - high)
        if gap > 0.0:
            column = other
            if place < gap:
                break
            place -= gap
    if point[column] < box[0, column]:
        return column, between(point[column], box[0, column], place), True
    return column, between(box[1, column], point[column], place), False


@numba.njit(**OPTIONS)
def _first(values: np.ndarray, wanted: int) -> int:
    """The first place of a value that is there."""
    place = 0
    while values[place] != wanted:
        place += 1
    return place


@numba.njit(**OPTIONS)
def delete(trees: Trees, tree: int, leaf: int) -> None:
    """Take one of a leaf's points out of a tree."""
    trees.masses[tree] -= 1
    trees.counts[tree, leaf] -= 1
    if trees.counts[tree, leaf] or not trees.masses[tree]:
        return
    point, links = trees.points[tree, leaf], np.empty(trees.counts.shape[1], np.int64)
    links[0] = FREE
    depth, child = 0, np.int64(trees.roots[tree])
    while child >= 0:
        side = 0 if point[trees.columns[tree, child]] <= trees.cuts[tree, child] else 1
        depth += 1
        links[depth] = 2 * child + side
        child = np.int64(trees.children[tree, child, side])
    parent, side = links[depth] >> 1, links[depth] & 1
    trees.columns[tree, parent] = FREE
    link_to(trees, tree, links[depth - 1], trees.children[tree, parent, 1 - side])
    for above in range(depth - 1, 0, -1):
        if not _shrink(trees, tree, links[above] >> 1):
            return


@numba.njit(**OPTIONS)
def _shrink(trees: Trees, tree: int, node: int) -> bool:
    """Make a node's box that of its children; whether it has changed, and the box above may have."""
    box = trees.boxes[tree, node]
    before = box.copy()
    for side in range(2):
        child = trees.children[tree, node, side]
        low = trees.boxes[tree, child, 0] if child >= 0 else trees.points[tree, ~child]
        high = trees.boxes[tree, child, 1] if child >= 0 else trees.points[tree, ~child]
        if side == 0:
            copy(low, box[0])
            copy(high, box[1])
        else:
            widen(box, low, high)
    trees.spans[tree, node] = measure(box)
    return not (equal(before[0], box[0]) and equal(before[1], box[1]))
